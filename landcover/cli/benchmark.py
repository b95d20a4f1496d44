"""Which model to choose."""

from typing import TYPE_CHECKING

import click

from landcover.cli.console import bar, common, log, with_options

if TYPE_CHECKING:
    from landcover.config import Config


@click.command()
@common
@click.option(
    "--model", "models", metavar="NAME", multiple=True, help="A model to train, as of `train`; once for each."
)
@click.option(
    "--minutes", type=click.FloatRange(min=0, min_open=True), metavar="N", help="About the time for each training."
)
@click.option("--folds", type=click.IntRange(min=1), metavar="K", help="Hold out each of K parts in turn.")
def benchmark(
    config: "Config", overwrite: bool, models: tuple[str, ...], minutes: float | None, folds: int | None
) -> None:
    """Train several models on the same chips within about the same time, and compare them on others.

    A part of the chips, whole sites or blocks, is held out, and trains none of them; the reference takes no part. Each
    model has a process of its own. A network is fitted to about its time by the speed of a few steps, and to no more
    than train.epochs; a model of pixels takes the time that its sample takes. Intervals are of 95 %, by places that are
    drawn again, if five or more are held out. Trainings that are finished are not repeated: add a model to those named,
    and only that one is trained. One that fails is told at the end.

    \b
    Reads:   <data>/processed
    Writes:  <reports>/benchmark: benchmark.csv, benchmark.json, benchmark.png, and a folder for each training
    Example: landcover benchmark --model unet --model random-forest --minutes 10
    """
    from landcover.behind import behind_chips
    from landcover.benchmark import benchmark as run
    from landcover.cli.summary_benchmark import table
    from landcover.errors import LandcoverError

    if late := behind_chips(config):
        log.warning("Note: %s", late)
    made = run(
        with_options(config, "benchmark", {"models": models or None, "minutes": minutes, "folds": folds}),
        overwrite,
        bar,
    )
    click.echo(table(made, config.scheme))
    if made.failed:
        why = "; ".join(f"{model}: {told}" for model, told in made.failed.items())
        raise LandcoverError(f"not in the table: {why}")
