"""A scene to try the pipeline on."""

from typing import TYPE_CHECKING

import click

from landcover.cli.console import bar, common

if TYPE_CHECKING:
    from landcover.config import Config


@click.command()
@common
@click.option("--seed", default=0, show_default=True, help="Another seed, another landscape.")
@click.option("--size", default=1120, show_default=True, help="Pixels a side of a tile.")
def sample(config: "Config", overwrite: bool, seed: int, size: int) -> None:
    """Make a synthetic scene like NAIP, with labels, to try the pipeline on.

    \b
    Reads:   nothing
    Writes:  <data>/raw: naip/*.tif, labels.gpkg, holdout/ with a tile and its reference, truth.tif
    Example: landcover sample -c configs/sample.yaml
    """
    from landcover.cli import summary as tell
    from landcover.sample import run_sample

    raw, made = config.paths.data / "raw", run_sample(config, seed, size, overwrite, bar)
    if made is None:
        click.echo(tell.current(raw))
        return
    click.echo(f"{raw}: {len(made.tiles)} tiles of {size} x {size} px, labels, and a holdout tile with its truth")
