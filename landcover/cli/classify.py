"""From images and a model to maps."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from landcover.cli.complete import MODELS, RASTERS, VECTORS
from landcover.cli.console import bar, common, log, spread, tracked, with_options
from landcover.cli.stac import describe_maps
from landcover.quietly import import_quietly

if TYPE_CHECKING:
    from landcover.classify import Result
    from landcover.cluster import Machines
    from landcover.config import Config
    from landcover.store import Store


@click.command()
@common
@tracked
@spread
@click.argument("images", nargs=-1, shell_complete=RASTERS)
@click.option(
    "-m",
    "--model",
    type=click.Path(path_type=Path),
    shell_complete=MODELS,
    help="model.keras or model.skops, or an exported .onnx or .dlpk.",
)
@click.option(
    "-o",
    "--out",
    "place",
    metavar="PATH",
    shell_complete=RASTERS,
    help="Map; of several images, the folder for their maps. With workers also s3://bucket/maps.",
)
@click.option("--confidence", is_flag=True, default=None, help="Also write how probable the mapped class is, per cent.")
@click.option(
    "--aoi", type=click.Path(path_type=Path), shell_complete=VECTORS, help="Polygons: map only what is inside."
)
@click.option("--memory", metavar="SIZE", help="What the process may take up, such as 2GB: sets the tile size.")
@click.option("--tile", metavar="N|auto", help="Tiles of at most N pixels a side.")
@click.option("--batch", metavar="N|auto", help="Tiles computed together.")
@click.option("--halo", metavar="N|auto", help="Pixels around a tile that are read but not kept.")
@click.option("--precision", type=click.Choice(["auto", "float32", "bfloat16"]), help="Number format of the network.")
@click.option("--collar/--no-collar", default=None, help="0 in all bands is no data where the file declares none.")
@click.option("--skip-bad", is_flag=True, default=None, help="Map parts of a file that cannot be read as no data.")
@click.option("--stac", is_flag=True, help="Also describe each map for STAC catalogues, in <map>.stac.json beside it.")
def classify(
    config: "Config",
    overwrite: bool,
    machines: "Machines",
    images: tuple[str, ...],
    place: str | None,
    stac: bool,
    **options: Any,
) -> None:
    """Map the land cover of whole IMAGES (files, folders, globs, URLs); without any, of the mosaic.

    Each image has a map of its own; `landcover mosaic --out` makes one image of several, for one map without seams.
    A run that was cut off goes on where it stopped when the same command is given again. With --workers or --scheduler
    a large image is mapped in cells, <image>_landcover_cells/, which <image>_landcover.vrt shows as one raster.

    \b
    Reads:   images, or <data>/interim/mosaic; the model
    Writes:  <data>/maps/<image>_landcover.tif, a Cloud Optimized GeoTIFF of class values with colours and names,
             0 where there is no data
    Example: landcover classify naip.tif -o map.tif
             landcover classify quads/ --workers 4
             landcover classify quads/ --workers 4 --out s3://bucket/maps
    """
    from landcover.behind import behind_map
    from landcover.classify import Kept, classify_all, classify_one, find_current, outs_of
    from landcover.classify.mapper import needs_keras
    from landcover.classify.neighbours import neighbours
    from landcover.cli import summary as tell
    from landcover.errors import ConfigError, ImageError
    from landcover.files import check_made
    from landcover.model import check_there
    from landcover.pipeline import MOSAIC, map_path
    from landcover.sources import RASTER_SUFFIXES, expand
    from landcover.store import is_url

    settings = with_options(config, "classify", options)
    if not images:
        check_made(config.paths.mosaic / MOSAIC, "mosaic")
    paths = expand(images or [str(config.paths.mosaic / MOSAIC)], RASTER_SUFFIXES, ImageError)
    if config.paths.mosaic / MOSAIC in map(Path, paths) and (late := behind_map(settings)):
        log.warning("Note: %s", late)
    # before it is said that --overwrite replaces a map, which it could not
    check_there(settings.classify.model)
    if place is not None and is_url(place):
        if stac:
            raise ConfigError("--stac: describes maps on a disk: leave it out, or --out")
        _to_store(settings, paths, place, machines, overwrite)
        return
    out = None if place is None else Path(place)
    alone = len(paths) == 1 and (out is None or (out.suffix != "" and not out.is_dir()))
    if not alone and out is not None and out.suffix.lower() in (".tif", ".tiff", ".vrt"):
        raise ConfigError(f"--out {out}: {len(paths)} images need a folder for their maps")
    folder = out or settings.paths.maps
    outs = [out or map_path(folder, paths[0])] if alone else list(outs_of(paths, folder).values())
    kept = None if overwrite else find_current(settings, paths, outs, alone and not machines.elsewhere)
    if kept is None and len(paths) > 1 and (pair := neighbours(paths)):
        log.warning(
            "Note: %s and %s touch: each image is mapped by itself, and nothing is seen beyond its edge; for one map "
            "without a seam, make `landcover mosaic IMAGES --out FOLDER`, and map FOLDER/mosaic.vrt", *pair,
        )  # fmt: skip
    if kept is None and machines.elsewhere:
        from landcover.cluster import check_dask

        check_dask(machines)
        from landcover.classify.spread import classify_spread

        named = alone and out is not None
        given = dict(zip(paths, outs, strict=True))
        _tell_of(classify_spread(settings, given, machines, overwrite, bar, named), settings, stac, overwrite)
        return
    if kept is None and needs_keras(settings.classify.model):
        import_quietly("keras")
    if kept is None and alone:
        made = classify_one(settings, paths[0], outs[0], overwrite, bar)
        click.echo(tell.many([made]) if isinstance(made, Kept) else tell.classified(made))
        if not describe_maps([made], settings.classify.model, stac, overwrite):
            click.get_current_context().exit(1)
        return
    _tell_of(kept or classify_all(settings, paths, out, overwrite, bar), settings, stac, overwrite)


def _to_store(settings: "Config", images: "Sequence[str]", place: str, machines: "Machines", overwrite: bool) -> None:
    """Map images to a folder of an object store, or one image to the name of its map there."""
    from tempfile import TemporaryDirectory

    from landcover.classify import outs_of
    from landcover.cluster import check_dask
    from landcover.errors import ConfigError, LandcoverError
    from landcover.store import Store, checked_url

    place = checked_url(place)
    if not machines.elsewhere:
        raise ConfigError(f"--out {place}: is written by workers: add --workers 1, or --scheduler")
    check_dask(machines)
    from landcover.classify.spread import classify_spread

    url, _, name = place.rpartition("/")
    named = Path(name).suffix.lower() in (".tif", ".tiff", ".vrt") and not url.endswith("/")
    if named and len(images) > 1:
        raise ConfigError(f"--out {place}: {len(images)} images need a folder for their maps")
    with TemporaryDirectory(prefix="landcover-") as folder:
        store = Store(url if named else place, Path(folder).resolve())
        given = {images[0]: store.staging / name} if named else outs_of(images, store.staging)
        try:
            results = classify_spread(settings, given, machines, overwrite, bar, named, store)
        except LandcoverError as error:
            # in words of the user's, and as it is counted
            made = LandcoverError(store.told(str(error)))
            made.exit_code = error.exit_code
            raise made from None
        _tell_of(results, settings, False, overwrite, store)


def _tell_of(
    results: "Sequence[Result]", config: "Config", stac: bool, overwrite: bool, store: "Store | None" = None
) -> None:
    """What became of several images."""
    from landcover.classify import Failed, Outside
    from landcover.cli import summary as tell
    from landcover.errors import ImageError

    told = tell.many(results)
    click.echo(store.told(told) if store else told)
    described = describe_maps(results, config.classify.model, stac, overwrite)
    if all(isinstance(made, Outside) for made in results):
        raise ImageError(f"{config.classify.aoi}: no polygon lies on any of the images: is its CRS the right one?")
    if not described or any(isinstance(made, Failed) for made in results):
        click.get_current_context().exit(1)
