"""The commands, in the order of the pipeline: parse, one call, one line of result."""

import click

from landcover import __version__
from landcover.cli.assess import assess, compare, points, report
from landcover.cli.classify import classify
from landcover.cli.console import Pipeline
from landcover.cli.export import export
from landcover.cli.prepare import augment, chips, labels, mosaic, prepare, stack
from landcover.cli.project import doctor, init
from landcover.cli.runs import explain, plan
from landcover.cli.sample import sample
from landcover.cli.shells import completion
from landcover.cli.train import train

COMMANDS = (
    init, doctor, sample,
    prepare, mosaic, labels, chips, stack, augment,
    train, classify, points, assess, report, compare,
    export, plan, explain, completion,
)  # fmt: skip


@click.group(
    "landcover", cls=Pipeline, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.version_option(__version__, prog_name="landcover")
def main() -> None:
    """Land cover maps from aerial images and a few polygons, with an accuracy assessment.

    \b
    The pipeline:  prepare, train, classify, assess.
    prepare runs:  mosaic, labels, chips, stack, augment.
    To try it:     landcover sample -c configs/sample.yaml
    """


for command in COMMANDS:
    main.add_command(command)
