"""The commands, in the order of the pipeline: parse, one call, one line of result."""

import click

from landcover import __version__
from landcover.cli import assess, benchmark, classify, export, models, prepare, project, runs, sample, shells, train
from landcover.cli.console import Pipeline

COMMANDS = (
    project.init, project.doctor, sample.sample,
    prepare.prepare, prepare.mosaic, prepare.labels, prepare.chips, prepare.stack, prepare.augment,
    models.models, train.train, benchmark.benchmark, classify.classify,
    assess.points, assess.assess, assess.report, assess.compare,
    export.export, runs.plan, runs.explain, shells.completion,
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
