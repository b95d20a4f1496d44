"""From images and labels to training chips: each stage a command, and all of them one."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from landcover.cli.complete import RASTERS, folders
from landcover.cli.console import bar, common, log, spread, tracked, with_options
from landcover.quietly import import_quietly

if TYPE_CHECKING:
    from landcover.assess.suspects import Suspects
    from landcover.cluster import Machines
    from landcover.config import Config


@click.command()
@common
@tracked
@spread
def prepare(config: "Config", overwrite: bool, machines: "Machines") -> None:
    """Make training chips of images and labels: mosaic, labels, chips, stack, augment.

    \b
    Reads:   mosaic.images and labels.source of the configuration
    Writes:  <data>/interim and <data>/processed
    Example: landcover prepare --set chips.stride=128
    """
    from landcover.cli import summary as tell
    from landcover.prepare import prepare as run

    paths = config.paths
    table: list[str] = []
    lines: dict[str, tuple[Path, Callable[[Any], str]]] = {
        "mosaic": (paths.mosaic, tell.mosaic),
        "labels": (paths.labels, lambda made: tell.labels(made, config.scheme)),
        "chips": (paths.chips, tell.chips),
        "stack": (paths.stacks, tell.stacks),
        "augment": (paths.augmented, tell.augmented),
    }

    def on_stage(name: str, made: Any) -> None:
        out, told = lines[name]
        line = told(made) if made else tell.current(out)
        if name == "stack" and not table:
            # without new chips this is the result
            click.echo(line)
        else:
            log.info(line)
        if name == "mosaic":
            _note_folders(config.mosaic.images)
        if name == "chips" and made:
            table.append(tell.split(made.report))
            for note in tell.notes(made):
                log.warning(note)

    run(config, overwrite, bar, machines, on_stage)
    for line in table:
        click.echo(line)


@click.command()
@common
@tracked
@spread
@click.argument("images", nargs=-1, shell_complete=RASTERS)
@click.option("-o", "--out", type=click.Path(path_type=Path), metavar="FOLDER", shell_complete=folders,
              help="Of another place: a folder that no other stage reads, for a map in one piece.")  # fmt: skip
def mosaic(config: "Config", overwrite: bool, machines: "Machines", images: tuple[str, ...], out: Path | None) -> None:
    """Index IMAGES (files, folders, globs, URLs) as one raster, without copying pixels.

    `prepare` makes the one that it cuts chips from. With --out the mosaic is of a place that is only mapped: give
    FOLDER/mosaic.vrt to classify, and its map is called FOLDER_landcover.tif.

    \b
    Reads:   IMAGES, or mosaic.images
    Writes:  <data>/interim/mosaic, or FOLDER: mosaic.vrt, scenes/, footprints.gpkg
    Example: landcover mosaic data/raw/naip
             landcover mosaic ../county/*.tif --out data/interim/county
    """
    from landcover.cli import summary as tell
    from landcover.prepare.steps import run_mosaic

    made = run_mosaic(config, overwrite, bar, images, machines, out)
    _note_folders(images or config.mosaic.images)
    click.echo(tell.mosaic(made) if made else tell.current(out or config.paths.mosaic))


def _note_folders(images: "Sequence[str]") -> None:
    """Say which folders hold more images, in folders of their own."""
    from landcover.errors import ImageError
    from landcover.sources import RASTER_SUFFIXES, expand, overlooked
    from landcover.words import counted

    paths = expand(images, RASTER_SUFFIXES, ImageError)
    for folder, (number, whole) in overlooked(images, RASTER_SUFFIXES, paths).items():
        told = counted(number, "images")
        log.warning("Note: %s: %s in folders below it left out: name %s to have them", folder, told, whole)


@click.command()
@common
@tracked
@spread
@click.option("--check", is_flag=True, help="After a training: list polygons whose label the model contradicts.")
def labels(config: "Config", overwrite: bool, machines: "Machines", check: bool) -> None:
    """Rasterize and reclassify labels on the mosaic's grid; or check them with a trained model.

    With --check the labelled ground is mapped, and the polygons that the map contradicts with most confidence come
    first in a layer to open in QGIS. A model contradicts its own training labels less than it should: look at
    the first ones, whatever their share.

    \b
    Reads:   the mosaic; labels.source, vector or raster, in any CRS; with --check also labels.tif and the model
    Writes:  <data>/interim/labels.tif; with --check <data>/interim/label_check: suspects.gpkg and the map
    Example: landcover labels --set labels.field=Classvalue
             landcover labels --check
    """
    from landcover.cli import summary as tell
    from landcover.pipeline import MOSAIC, check_stage
    from landcover.prepare.steps import run_labels
    from landcover.provenance import recorded

    if check:
        if machines.elsewhere:
            raise click.UsageError("--check works in this process: leave out --workers and --scheduler")
        from landcover.assess.suspects import FILE
        from landcover.cli.summary_suspects import suspects

        with recorded(check_stage(config, config.paths.label_check / FILE), config.provenance.full):
            found = _check_labels(config, config.paths.mosaic / MOSAIC, overwrite)
        click.echo(suspects(found))
        return
    made = run_labels(config, overwrite, bar, machines)
    click.echo(tell.labels(made, config.scheme) if made else tell.current(config.paths.labels))


def _check_labels(config: "Config", mosaic: Path, overwrite: bool) -> "Suspects":
    """Map the labelled ground and compare."""
    from landcover.assess.suspects import FILE, find_suspects, labelled_squares
    from landcover.classify import classify as run
    from landcover.classify.mapper import needs_keras
    from landcover.errors import ModelError
    from landcover.files import check_free, check_made
    from landcover.model import read_card

    check_made(mosaic, "mosaic")
    folder, out = config.paths.label_check, config.paths.label_check / FILE
    check_free(out, overwrite)
    if needs_keras(config.classify.model):
        import_quietly("keras")
    if read_card(config.classify.model).scheme.named != config.scheme.named:
        raise ModelError(f"{config.classify.model}: knows other classes than the scheme of the configuration")
    squares = labelled_squares(config.paths.labels, folder / "labelled.gpkg", overwrite=True)
    settings = with_options(config, "classify", {"aoi": squares, "confidence": True})
    made = run(settings, mosaic, folder / "map.tif", overwrite=True, progress=bar)
    assert made.confidence is not None
    return find_suspects(
        made.path, made.confidence, config.paths.labels, config.labels, config.scheme, out, overwrite, bar
    )


@click.command()
@common
@tracked
@spread
@click.option("--from-esri", "exports", type=click.Path(path_type=Path), multiple=True, metavar="DIR",
              help="Take the Classified Tiles that ArcGIS exported to DIR; may be given several times.",
              shell_complete=folders)  # fmt: skip
def chips(config: "Config", overwrite: bool, machines: "Machines", exports: tuple[Path, ...]) -> None:
    """Cut chips and decide by place which train and which validate.

    With --from-esri nothing is cut: the chips are those of the folders, in size and place. Their codes become classes
    by labels.reclassify, by value or by the class name that the folder gives it, or by that name in the scheme.

    \b
    Reads:   the mosaic and labels.tif, or with --from-esri folders of ArcGIS's Export Training Data
    Writes:  <data>/interim/chips: images/, labels/, chips.gpkg, Esri's Classified Tiles metadata
    Example: landcover chips --set chips.max_background=0.9
             landcover chips --from-esri exported/north --from-esri exported/south
    """
    from landcover.cli import summary as tell
    from landcover.prepare.steps import run_chips

    made = run_chips(config, overwrite, bar, exports, machines)
    if made is None:
        click.echo(tell.current(config.paths.chips))
        return
    for line in tell.notes(made):
        log.warning(line)
    click.echo(tell.chips(made))
    click.echo(tell.split(made.report))


@click.command()
@common
@tracked
@spread
def stack(config: "Config", overwrite: bool, machines: "Machines") -> None:
    """Pack chips into HDF5 files, one a class and side of the split.

    \b
    Reads:   <data>/interim/chips
    Writes:  <data>/processed/train and <data>/processed/validation
    Example: landcover stack
    """
    from landcover.cli import summary as tell
    from landcover.prepare.steps import run_stack

    made = run_stack(config, overwrite, bar, machines)
    click.echo(tell.stacks(made) if made else tell.current(config.paths.stacks))


@click.command()
@common
@tracked
def augment(config: "Config", overwrite: bool) -> None:
    """Add turned and zoomed copies of the training chips of rare classes.

    \b
    Reads:   <data>/processed/train
    Writes:  <data>/processed/augmented
    Example: landcover augment --set augment.copies=1
    """
    from landcover.cli import summary as tell
    from landcover.prepare.steps import run_augment

    made = run_augment(config, overwrite, bar)
    click.echo(tell.augmented(made) if made else tell.current(config.paths.augmented))
