"""The commands, in the order of the pipeline: parse, one call, one line of result."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from landcover import __version__
from landcover.console import Pipeline, bar, common, import_quietly, log

if TYPE_CHECKING:
    from landcover.assess.suspects import Suspects
    from landcover.config import Config


@click.group(cls=Pipeline, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="landcover")
def main() -> None:
    """Land cover maps from aerial images and a few polygons, with an accuracy assessment.

    \b
    The pipeline:  prepare, train, classify, assess.
    prepare runs:  mosaic, labels, chips, stack, augment.
    To try it:     landcover sample -c configs/sample.yaml
    """


@main.command()
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


@main.command()
@common
def prepare(config: "Config", overwrite: bool) -> None:
    """Make training chips of images and labels: mosaic, labels, chips, stack, augment.

    \b
    Reads:   mosaic.images and labels.source of the configuration
    Writes:  <data>/interim and <data>/processed
    Example: landcover prepare --set chips.stride=128
    """
    from landcover import summary as tell
    from landcover.prepare import prepare as run

    made = run(config, overwrite, bar)
    for line in (tell.mosaic(made.mosaic), tell.labels(made.labels, config.scheme), tell.chips(made.chips)):
        log.info(line)
    for line in tell.notes(made.chips):
        log.warning(line)
    log.info(tell.augmented(made.augmented))
    click.echo(tell.split(made.chips.report))


@main.command()
@common
@click.argument("images", nargs=-1)
def mosaic(config: "Config", overwrite: bool, images: tuple[str, ...]) -> None:
    """Index IMAGES (files, folders, globs, URLs) as one raster, without copying pixels.

    \b
    Reads:   IMAGES, or mosaic.images
    Writes:  <data>/interim/mosaic: mosaic.vrt, scenes/, footprints.gpkg
    Example: landcover mosaic data/raw/naip
    """
    from landcover import summary as tell
    from landcover.prepare.mosaic import mosaic as run

    settings = config.mosaic.model_copy(update={"images": images}) if images else config.mosaic
    click.echo(tell.mosaic(run(settings, config.paths.mosaic, overwrite, bar)))


@main.command()
@common
@click.option("--check", is_flag=True, help="After a training: list polygons whose label the model contradicts.")
def labels(config: "Config", overwrite: bool, check: bool) -> None:
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
    from landcover import summary as tell
    from landcover.prepare.labels import labels as run
    from landcover.prepare.mosaic import FILE

    mosaic = config.paths.mosaic / FILE
    if check:
        click.echo(tell.suspects(_check_labels(config, mosaic, overwrite)))
        return
    made = run(mosaic, config.labels, config.scheme, config.paths.labels, overwrite, bar)
    click.echo(tell.labels(made, config.scheme))


def _check_labels(config: "Config", mosaic: Path, overwrite: bool) -> "Suspects":
    """Map the labelled ground and compare."""
    from landcover.assess.suspects import FILE, find_suspects, labelled_squares
    from landcover.classify import classify as run
    from landcover.errors import ModelError
    from landcover.files import check_free, check_made
    from landcover.model import read_card

    check_made(mosaic, "mosaic")
    folder, out = config.paths.label_check, config.paths.label_check / FILE
    check_free(out, overwrite)
    import_quietly("keras")
    if read_card(config.classify.model).scheme != config.scheme:
        raise ModelError(f"{config.classify.model}: knows other classes than the scheme of the configuration")
    squares = labelled_squares(config.paths.labels, folder / "labelled.gpkg", overwrite=True)
    settings = _with(config, "classify", {"aoi": squares, "confidence": True})
    made = run(settings, mosaic, folder / "map.tif", overwrite=True, progress=bar)
    assert made.confidence is not None
    return find_suspects(
        made.path, made.confidence, config.paths.labels, config.labels, config.scheme, out, overwrite, bar
    )


@main.command()
@common
def chips(config: "Config", overwrite: bool) -> None:
    """Cut chips and decide by place which train and which validate.

    \b
    Reads:   the mosaic and labels.tif
    Writes:  <data>/interim/chips: images/, labels/, chips.gpkg, Esri's Classified Tiles metadata
    Example: landcover chips --set chips.max_background=0.9
    """
    from landcover import summary as tell
    from landcover.prepare.chips import chips as run
    from landcover.prepare.mosaic import FILE

    paths = config.paths
    made = run(
        paths.mosaic / FILE, paths.labels, config.chips, config.split, config.scheme, paths.chips, overwrite, bar
    )  # fmt: skip
    for line in tell.notes(made):
        log.warning(line)
    click.echo(tell.chips(made))
    click.echo(tell.split(made.report))


@main.command()
@common
def stack(config: "Config", overwrite: bool) -> None:
    """Pack chips into HDF5 files, one a class and side of the split.

    \b
    Reads:   <data>/interim/chips
    Writes:  <data>/processed/train and <data>/processed/validation
    Example: landcover stack
    """
    from landcover import summary as tell
    from landcover.prepare.stack import stack as run

    made = run(config.paths.chips, config.scheme, config.paths.stacks, overwrite, bar)
    click.echo(tell.stacks(made))


@main.command()
@common
def augment(config: "Config", overwrite: bool) -> None:
    """Add turned and zoomed copies of the training chips of rare classes.

    \b
    Reads:   <data>/processed/train
    Writes:  <data>/processed/augmented
    Example: landcover augment --set augment.copies=1
    """
    from landcover import summary as tell
    from landcover.prepare.augment import augment as run

    made = run(config.paths.train, config.augment, config.scheme, config.paths.augmented, overwrite, bar)
    click.echo(tell.augmented(made))


@main.command()
@common
@click.option("--resume", is_flag=True, help="Go on with a training that was cut off, from its last whole epoch.")
@click.option("--plan", is_flag=True, help="Say how many steps, how much memory and time it would take, and stop.")
@click.option("--folds", type=click.IntRange(min=2), metavar="K", help="Cross-validate: train K times, by place.")
@click.option("--precision", type=click.Choice(["auto", "float32", "bfloat16"]), help="Number format of the network.")
def train(config: "Config", overwrite: bool, resume: bool, plan: bool, folds: int | None, **options: Any) -> None:
    """Train the U-Net, and keep the weights of the best epoch.

    Until it ends, everything is in <models>/<train.name>.training: the best model so far, too. With --folds no model
    is made for use: each part of the chips, whole sites or blocks, validates once what was trained on the others, and
    <models>/<train.name>-folds/folds.csv says how well.

    \b
    Reads:   <data>/processed
    Writes:  <models>/<train.name>: model.keras, history.csv, curves.png, metrics.json, validation/ with pictures of
             chips each time the best improved, tensorboard/
    Example: landcover train --set train.epochs=50
    """
    from landcover import summary as tell
    from landcover.train import cross_validate, plan_training
    from landcover.train import train as run

    config = _with(config, "train", options)
    import_quietly("keras")
    if plan and folds:
        raise click.UsageError("--plan is of one training: leave out --folds, and multiply")
    if plan:
        click.echo(tell.plan(plan_training(config)))
        return
    epochs = config.train.epochs

    def on_epoch(figures: dict[str, Any]) -> None:
        log.info(tell.epoch(figures, epochs))

    if folds:
        click.echo(tell.folds(cross_validate(config, folds, overwrite, resume, bar, on_epoch), config.scheme))
        return
    click.echo(tell.trained(run(config, overwrite, resume, bar, on_epoch)))


@main.command()
@common
@click.argument("images", nargs=-1, required=True)
@click.option("-m", "--model", type=click.Path(path_type=Path), help="Model file.  [default: that of train.name]")
@click.option("-o", "--out", type=click.Path(path_type=Path), help="Map; of several images, the folder for their maps.")
@click.option("--confidence", is_flag=True, default=None, help="Also write how probable the mapped class is, per cent.")
@click.option("--aoi", type=click.Path(path_type=Path), help="Polygons: map only what is inside.")
@click.option("--memory", metavar="SIZE", help="What the process may take up, such as 2GB: sets the tile size.")
@click.option("--tile", metavar="N|auto", help="Tiles of at most N pixels a side.")
@click.option("--batch", metavar="N|auto", help="Tiles computed together.")
@click.option("--halo", metavar="N|auto", help="Pixels around a tile that are read but not kept.")
@click.option("--precision", type=click.Choice(["auto", "float32", "bfloat16"]), help="Number format of the network.")
@click.option("--collar/--no-collar", default=None, help="0 in all bands is no data where the file declares none.")
@click.option("--skip-bad", is_flag=True, default=None, help="Map parts of a file that cannot be read as no data.")
def classify(config: "Config", overwrite: bool, images: tuple[str, ...], out: Path | None, **options: Any) -> None:
    """Map the land cover of whole IMAGES (files, folders, globs, URLs), or of a mosaic.vrt.

    A run that was cut off goes on where it stopped when the same command is given again.

    \b
    Reads:   images; the model
    Writes:  <data>/maps/<image>_landcover.tif, a Cloud Optimized GeoTIFF of class values with colours and names,
             0 where there is no data
    Example: landcover classify naip.tif -o map.tif
    """
    from landcover import summary as tell
    from landcover.classify import Failed, Outside, classify_all, find_current
    from landcover.classify import classify as run
    from landcover.errors import ConfigError, ImageError
    from landcover.raster import RASTER_SUFFIXES
    from landcover.sources import expand

    settings = _with(config, "classify", options)
    paths = expand(images, RASTER_SUFFIXES, ImageError)
    import_quietly("keras")
    if len(paths) == 1 and (out is None or (out.suffix and not out.is_dir())):
        kept = None if overwrite else find_current(settings, paths[0], out)
        click.echo(tell.many([kept]) if kept else tell.classified(run(settings, paths[0], out, overwrite, bar)))
        return
    if out is not None and out.suffix.lower() in (".tif", ".tiff"):
        raise ConfigError(f"--out {out}: {len(paths)} images need a folder for their maps")
    results = classify_all(settings, paths, out, overwrite, bar)
    click.echo(tell.many(results))
    if all(isinstance(made, Outside) for made in results):
        raise ImageError(f"{settings.classify.aoi}: no polygon lies on any of the images: is its CRS the right one?")
    if any(isinstance(made, Failed) for made in results):
        click.get_current_context().exit(1)


@main.command()
@common
@click.argument("map_path", metavar="[MAP]", required=False, type=click.Path(path_type=Path))
@click.option("-n", "--size", metavar="N|auto", help="How many points.  [default: enough for --target-error]")
@click.option("--target-error", type=float, help="Standard error of overall accuracy to reach: 0.015.")
@click.option("--sampling", type=click.Choice(["stratified", "random", "systematic"]), help="By class, or not.")
@click.option("--allocation", type=click.Choice(["olofsson", "proportional", "equal"]), help="Points of each class.")
@click.option("--seed", type=int, help="Another seed, other points.")
@click.option("-o", "--out", type=click.Path(path_type=Path), help="GeoPackage.  [default: <data>/points/<map>.gpkg]")
def points(config: "Config", overwrite: bool, map_path: Path | None, out: Path | None, **options: Any) -> None:
    """Draw points from a MAP for a person to judge: the sample that an honest assessment needs.

    Open the file in QGIS or ArcGIS over the imagery, and say for each point what is there: the class value in GrndTruth
    or its name in ClassName. Then give map and points to `landcover assess`; points not judged yet are left out.

    \b
    Reads:   the map (assess.map, or the only one in <data>/maps)
    Writes:  <data>/points/<map>.gpkg with the strata and their weights inside, and a style for QGIS beside it
    Example: landcover points map.tif --target-error 0.02
             landcover assess map.tif data/points/map.gpkg
    """
    from landcover import summary as tell
    from landcover.assess import which_map
    from landcover.assess.points import points as run

    settings = _with(config, "points", options).points
    shown = map_path or config.assess.map or which_map(config.paths.maps)
    out = out or config.paths.points / f"{shown.stem}.gpkg"
    click.echo(tell.points(run(shown, settings, config.scheme, out, overwrite, bar)))


@main.command()
@common
@click.argument("map_path", metavar="[MAP]", required=False, type=click.Path(path_type=Path))
@click.argument("reference", metavar="[REFERENCE]...", nargs=-1)
@click.option("--field", help="The field that holds the class.  [default: found by its name]")
@click.option("--image", type=click.Path(path_type=Path), help="Shown in the report.  [default: what the map is of]")
@click.option("--esri", is_flag=True, default=None, help="Also write confusion_matrix.csv in Esri's layout.")
def assess(
    config: "Config", overwrite: bool, map_path: Path | None, reference: tuple[str, ...], **options: Any
) -> None:
    """Say how accurate a MAP is, by a REFERENCE of points, polygons or rasters.

    Points that `landcover points` drew, and somebody has judged, are a sample of the whole map: accuracies and areas
    are estimated for all of it. Polygons and rasters are compared pixel by pixel, and speak of themselves.

    \b
    Reads:   the map (assess.map, or the only one in <data>/maps); the reference (assess.reference)
    Writes:  <reports>/<map>: report.html to look at, accuracy.json, contingency.csv, measures.csv, table.md and
             table.tex for a paper; of points also area_proportions.csv
    Example: landcover assess map.tif reference.gpkg
    """
    from landcover.assess import as_text
    from landcover.assess import assess as run

    made = run(_with(config, "assess", options), map_path, reference, overwrite, bar)
    click.echo(as_text(made.result))
    click.echo(f"{made.path}: report.html, accuracy.json and tables")


@main.command()
@common
@click.argument("map_path", metavar="[MAP]", required=False, type=click.Path(path_type=Path))
@click.option("--image", type=click.Path(path_type=Path), help="Shown beside the map.  [default: what it was made of]")
def report(config: "Config", overwrite: bool, map_path: Path | None, **options: Any) -> None:
    """Make the report of an assessment anew: a page to look at, to print and to pass on.

    `landcover assess` writes it, too. It is one file that opens without a network.

    \b
    Reads:   <reports>/<map>/accuracy.json; the map, its image and its model
    Writes:  <reports>/<map>/report.html
    Example: landcover report map.tif --image naip.tif
    """
    from landcover.assess import rebuild_report

    click.echo(rebuild_report(_with(config, "assess", options), map_path))


@main.command()
@common
@click.argument("first", metavar="MAP_A", type=click.Path(path_type=Path))
@click.argument("second", metavar="MAP_B", type=click.Path(path_type=Path))
@click.argument("reference", metavar="[REFERENCE]...", nargs=-1)
@click.option("--field", help="The field that holds the class.  [default: found by its name]")
def compare(
    config: "Config", overwrite: bool, first: Path, second: Path, reference: tuple[str, ...], **options: Any
) -> None:
    """Say whether MAP_B is more accurate than MAP_A, by the same REFERENCE of points, polygons or rasters.

    Where only one map shows something, nothing is compared.

    \b
    Reads:   two maps of the same ground; the reference (assess.reference)
    Writes:  <reports>/<MAP_A>_and_<MAP_B>: comparison.json, difference.png
    Example: landcover compare old.tif new.tif points.gpkg
    """
    from landcover import summary as tell
    from landcover.assess.compare import compare as run

    click.echo(tell.compared(run(_with(config, "assess", options), first, second, reference, overwrite, bar)))


def _with(config: "Config", section: str, options: dict[str, Any]) -> "Config":
    """The configuration with the options of a command that were given laid over a section."""
    from pydantic import ValidationError

    from landcover.config import problem
    from landcover.errors import ConfigError

    given = {key: value for key, value in options.items() if value is not None}
    before = getattr(config, section)
    try:
        after = type(before).model_validate(before.model_dump() | given)
    except ValidationError as error:
        mistake = error.errors()[0]
        option = str(mistake["loc"][0]).replace("_", "-")
        raise ConfigError(f"--{option}: {problem(error)} (it is {mistake['input']!r})") from None
    return config.model_copy(update={section: after})
