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
    from landcover.errors import ConfigError, LandcoverError
    from landcover.files import check_free, whole_folder
    from landcover.sample import holds_more
    from landcover.sample import sample as make

    raw = config.paths.data / "raw"
    check_free(raw, overwrite)
    if raw.exists() and holds_more(raw):
        raise LandcoverError(f"{raw}: holds files of your own: name another folder with --set paths.data=...")
    if len(config.scheme) != 6:
        raise ConfigError(f"scheme: the sample has six classes, this scheme {len(config.scheme)}")
    with whole_folder(raw) as folder:
        made = make([(c.value, c.name, c.color) for c in config.scheme], folder, seed, size, bar)
    click.echo(f"{raw}: {len(made.tiles)} tiles of {size} x {size} px, labels, and a holdout tile with its truth")
