"""The commands that tell of runs, those that were and those that would be: parse, one call, one line of result."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from landcover.cli.complete import RASTERS
from landcover.cli.console import common, log, spread, tracked
from landcover.quietly import import_quietly

if TYPE_CHECKING:
    from landcover.cluster import Machines
    from landcover.config import Config
    from landcover.plan import Step


@click.command()
@common
@tracked
@spread
@click.argument("images", nargs=-1, shell_complete=RASTERS)
@click.option("--map", "shown", type=click.Path(path_type=Path), shell_complete=RASTERS, help="The map to assess.")
@click.option("--no-timing", "untimed", is_flag=True, help="All but times: nothing is tried out.")
@click.option("--quick", is_flag=True, help="Only say what is up to date: without estimates, no image is opened.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def plan(
    config: "Config",
    overwrite: bool,
    machines: "Machines",
    images: tuple[str, ...],
    shown: Path | None,
    untimed: bool,
    quick: bool,
    as_json: bool,
) -> None:
    """Say what prepare, train, classify (of IMAGES, else of the mosaic) and assess would do now, and why.

    What is up to date stays; what is not is named with the file or the setting that changed. Of what is to do it says
    what it would take; about how long on this machine is tried out, with some chips, steps of training and a piece of a
    map: --no-timing leaves that out. With --workers or --scheduler, classify is tried on all workers together.

    \b
    Reads:   what the stages read, and the records of their runs
    Writes:  nothing
    Example: landcover plan data/raw/naip --set chips.stride=128
    """
    import json
    from dataclasses import asdict

    from landcover.cli import summary_runs as tell
    from landcover.plan import steps

    found = steps(config, images, shown)
    costs = {} if quick else _costs(config, found, images, None if untimed else machines)
    if as_json:
        told = {"steps": [asdict(s) for s in found], "costs": {n: c if isinstance(c, str) else asdict(c)
                                                                for n, c in costs.items()}}  # fmt: skip
        click.echo(json.dumps(told, indent=2))
        return
    click.echo(tell.plan(found, costs))


def _costs(
    config: "Config", found: "list[Step]", images: tuple[str, ...], machines: "Machines | None"
) -> "dict[str, Any]":
    """By verb, an estimate of what it would take, or why there is none; `machines` that are tried out, None of them
    to leave the times open."""
    from landcover.errors import LandcoverError

    todo = {step.stage for step in found if step.works}
    costs: dict[str, Any] = {}
    for verb, needed, work in (
        ("prepare", todo & {"mosaic", "labels", "chips", "stack", "augment"}, _prepare_costs),
        ("train", todo & {"train"}, _train_costs),
        ("classify", todo & {"classify"}, _classify_costs),
    ):
        if needed:
            try:
                costs[verb] = work(config, [step for step in found if step.works], images, machines)
            except LandcoverError as error:
                costs[verb] = str(error)
    return costs


def _tell_trial(machines: "Machines | None", what: str, long: str) -> None:
    if machines is not None:
        told = "Trying out %s, to tell how long it takes: %s, more on a busy machine (--no-timing leaves it out)"
        log.info(told, what, long)


def _prepare_costs(config: "Config", todo: "list[Step]", images: tuple[str, ...], machines: "Machines | None") -> Any:
    from landcover.prepare.estimate import estimate

    _tell_trial(machines, "a few chips", "some seconds")
    current = all(step.stage not in ("mosaic", "labels", "chips") for step in todo)
    return estimate(config, current, machines is not None)


def _train_costs(config: "Config", todo: "list[Step]", images: tuple[str, ...], machines: "Machines | None") -> Any:
    from landcover.catalogue import find_kind
    from landcover.errors import LandcoverError
    from landcover.train import plan_training

    if any(step.stage in ("stack", "augment") for step in todo):
        raise LandcoverError("known once prepare has run")
    if machines is not None and find_kind(config.train.model).family == "network":
        _tell_trial(machines, "a few steps of training", "about a minute")
        import_quietly("keras")
    return plan_training(config, machines is not None)


def _classify_costs(config: "Config", todo: "list[Step]", images: tuple[str, ...], machines: "Machines | None") -> Any:
    from landcover.errors import LandcoverError
    from landcover.plan import images_of

    if not config.classify.model.exists():
        raise LandcoverError("known once train has run")
    if not images and any(step.stage == "mosaic" for step in todo):
        raise LandcoverError("known once prepare has run")
    from landcover.classify.estimate import estimate
    from landcover.classify.mapper import needs_keras
    from landcover.pipeline import map_path

    _tell_trial(machines, "a piece of a map", "up to a minute")
    if machines is not None and needs_keras(config.classify.model):
        import_quietly("keras")
    outs = {step.out for step in todo}
    paths = images_of(config, images)
    left = [p for p in paths if {str(out := map_path(config.paths.maps, p)), str(out.with_suffix(".vrt"))} & outs]
    return estimate(left, config.classify, machines)


@click.command()
@common
@tracked
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="All that the records say, as JSON.")
def explain(config: "Config", overwrite: bool, file: Path, as_json: bool) -> None:
    """Say how FILE was made, back to the raw inputs, and which of them have changed since, or are gone.

    FILE may be a map, a model, a report, labels.tif, or any file or folder that a stage made.

    \b
    Reads:   the run.json of the runs behind FILE, and their inputs
    Writes:  nothing
    Example: landcover explain data/maps/naip_landcover.tif
    """
    import json

    from landcover.cli import summary_runs as tell
    from landcover.lineage import lineage

    found = lineage(file, config.provenance.full)
    click.echo(json.dumps(found.record(), indent=2) if as_json else tell.origin(found))
