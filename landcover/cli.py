"""The commands, in the order of the pipeline: parse, one call, one line of result."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from landcover import __version__
from landcover.cli_assess import assess, compare, points, report
from landcover.cli_export import export
from landcover.cli_project import doctor, init
from landcover.cli_runs import explain, plan
from landcover.cli_stac import describe_maps, describe_model
from landcover.console import Pipeline, bar, common, import_quietly, log, tracked, with_options

if TYPE_CHECKING:
    from landcover.assess.suspects import Suspects
    from landcover.config import Config


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


for command in (init, doctor):
    main.add_command(command)


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
@tracked
def prepare(config: "Config", overwrite: bool) -> None:
    """Make training chips of images and labels: mosaic, labels, chips, stack, augment.

    \b
    Reads:   mosaic.images and labels.source of the configuration
    Writes:  <data>/interim and <data>/processed
    Example: landcover prepare --set chips.stride=128
    """
    from landcover import summary as tell
    from landcover.prepare import prepare as run

    made, paths = run(config, overwrite, bar), config.paths
    log.info(tell.mosaic(made.mosaic) if made.mosaic else tell.current(paths.mosaic))
    log.info(tell.labels(made.labels, config.scheme) if made.labels else tell.current(paths.labels))
    log.info(tell.chips(made.chips) if made.chips else tell.current(paths.chips))
    for line in tell.notes(made.chips) if made.chips else ():
        log.warning(line)
    log.info(tell.stacks(made.stacks) if made.stacks else tell.current(paths.stacks))
    log.info(tell.augmented(made.augmented) if made.augmented else tell.current(paths.augmented))
    click.echo(tell.split(made.chips.report) if made.chips else tell.current(paths.stacks))


@main.command()
@common
@tracked
@click.argument("images", nargs=-1)
def mosaic(config: "Config", overwrite: bool, images: tuple[str, ...]) -> None:
    """Index IMAGES (files, folders, globs, URLs) as one raster, without copying pixels.

    \b
    Reads:   IMAGES, or mosaic.images
    Writes:  <data>/interim/mosaic: mosaic.vrt, scenes/, footprints.gpkg
    Example: landcover mosaic data/raw/naip
    """
    from landcover import summary as tell
    from landcover.prepare.steps import run_mosaic

    made = run_mosaic(config, overwrite, bar, images)
    click.echo(tell.mosaic(made) if made else tell.current(config.paths.mosaic))


@main.command()
@common
@tracked
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
    from landcover.pipeline import MOSAIC
    from landcover.prepare.steps import run_labels

    if check:
        click.echo(tell.suspects(_check_labels(config, config.paths.mosaic / MOSAIC, overwrite)))
        return
    made = run_labels(config, overwrite, bar)
    click.echo(tell.labels(made, config.scheme) if made else tell.current(config.paths.labels))


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
    settings = with_options(config, "classify", {"aoi": squares, "confidence": True})
    made = run(settings, mosaic, folder / "map.tif", overwrite=True, progress=bar)
    assert made.confidence is not None
    return find_suspects(
        made.path, made.confidence, config.paths.labels, config.labels, config.scheme, out, overwrite, bar
    )


@main.command()
@common
@tracked
@click.option("--from-esri", "exports", type=click.Path(path_type=Path), multiple=True, metavar="DIR",
              help="Take the Classified Tiles that ArcGIS exported to DIR; may be given several times.")  # fmt: skip
def chips(config: "Config", overwrite: bool, exports: tuple[Path, ...]) -> None:
    """Cut chips and decide by place which train and which validate.

    With --from-esri nothing is cut: the chips are those of the folders, in size and place. Their codes become classes
    by labels.reclassify, by value or by the class name that the folder gives it, or by that name in the scheme.

    \b
    Reads:   the mosaic and labels.tif, or with --from-esri folders of ArcGIS's Export Training Data
    Writes:  <data>/interim/chips: images/, labels/, chips.gpkg, Esri's Classified Tiles metadata
    Example: landcover chips --set chips.max_background=0.9
             landcover chips --from-esri exported/north --from-esri exported/south
    """
    from landcover import summary as tell
    from landcover.prepare.steps import run_chips

    made = run_chips(config, overwrite, bar, exports)
    if made is None:
        click.echo(tell.current(config.paths.chips))
        return
    for line in tell.notes(made):
        log.warning(line)
    click.echo(tell.chips(made))
    click.echo(tell.split(made.report))


@main.command()
@common
@tracked
def stack(config: "Config", overwrite: bool) -> None:
    """Pack chips into HDF5 files, one a class and side of the split.

    \b
    Reads:   <data>/interim/chips
    Writes:  <data>/processed/train and <data>/processed/validation
    Example: landcover stack
    """
    from landcover import summary as tell
    from landcover.prepare.steps import run_stack

    made = run_stack(config, overwrite, bar)
    click.echo(tell.stacks(made) if made else tell.current(config.paths.stacks))


@main.command()
@common
@tracked
def augment(config: "Config", overwrite: bool) -> None:
    """Add turned and zoomed copies of the training chips of rare classes.

    \b
    Reads:   <data>/processed/train
    Writes:  <data>/processed/augmented
    Example: landcover augment --set augment.copies=1
    """
    from landcover import summary as tell
    from landcover.prepare.steps import run_augment

    made = run_augment(config, overwrite, bar)
    click.echo(tell.augmented(made) if made else tell.current(config.paths.augmented))


@main.command()
@common
@tracked
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
    Writes:  <models>/<train.name>: model.keras, model.stac.json, history.csv, curves.png, metrics.json, validation/
             with pictures of chips each time the best improved, tensorboard/
    Example: landcover train --set train.epochs=50
    """
    from landcover import summary as tell
    from landcover.train import cross_validate, find_current, plan_training
    from landcover.train import train as run

    config = with_options(config, "train", options)
    if plan and folds:
        raise click.UsageError("--plan is of one training: leave out --folds, and multiply")
    if not (plan or folds or resume or overwrite) and (current := find_current(config)):
        click.echo(tell.current(current))
        return
    import_quietly("keras")
    if plan:
        click.echo(tell.plan(plan_training(config)))
        return
    epochs = config.train.epochs

    def on_epoch(figures: dict[str, Any]) -> None:
        log.info(tell.epoch(figures, epochs))

    if folds:
        click.echo(tell.folds(cross_validate(config, folds, overwrite, resume, bar, on_epoch), config.scheme))
        return
    made = run(config, overwrite, resume, bar, on_epoch)
    click.echo(tell.trained(made))
    describe_model(made.path)


@main.command()
@common
@tracked
@click.argument("images", nargs=-1)
@click.option("-m", "--model", type=click.Path(path_type=Path), help="model.keras, or an exported .onnx or .dlpk.")
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
@click.option("--stac", is_flag=True, help="Also describe each map for STAC catalogues, in <map>.stac.json beside it.")
def classify(
    config: "Config", overwrite: bool, images: tuple[str, ...], out: Path | None, stac: bool, **options: Any
) -> None:
    """Map the land cover of whole IMAGES (files, folders, globs, URLs); without any, of the mosaic.

    A run that was cut off goes on where it stopped when the same command is given again.

    \b
    Reads:   images, or <data>/interim/mosaic; the model
    Writes:  <data>/maps/<image>_landcover.tif, a Cloud Optimized GeoTIFF of class values with colours and names,
             0 where there is no data
    Example: landcover classify naip.tif -o map.tif
    """
    from landcover import summary as tell
    from landcover.classify import Failed, Kept, Outside, classify_all, classify_one, find_current, map_path, outs_of
    from landcover.classify.mapper import EXPORTED
    from landcover.errors import ConfigError, ImageError
    from landcover.files import check_made
    from landcover.pipeline import MOSAIC
    from landcover.sources import RASTER_SUFFIXES, expand

    settings = with_options(config, "classify", options)
    if not images:
        check_made(config.paths.mosaic / MOSAIC, "mosaic")
    paths = expand(images or [str(config.paths.mosaic / MOSAIC)], RASTER_SUFFIXES, ImageError)
    alone = len(paths) == 1 and (out is None or (out.suffix != "" and not out.is_dir()))
    if not alone and out is not None and out.suffix.lower() in (".tif", ".tiff"):
        raise ConfigError(f"--out {out}: {len(paths)} images need a folder for their maps")
    folder = out or settings.paths.maps
    outs = [out or map_path(folder, paths[0])] if alone else list(outs_of(paths, folder).values())
    kept = None if overwrite else find_current(settings, paths, outs)
    if kept is None and settings.classify.model.suffix.lower() not in EXPORTED:
        import_quietly("keras")
    if kept is None and alone:
        made = classify_one(settings, paths[0], outs[0], overwrite, bar)
        click.echo(tell.many([made]) if isinstance(made, Kept) else tell.classified(made))
        if not describe_maps([made], settings.classify.model, stac, overwrite):
            click.get_current_context().exit(1)
        return
    results = kept or classify_all(settings, paths, out, overwrite, bar)
    click.echo(tell.many(results))
    described = describe_maps(results, settings.classify.model, stac, overwrite)
    if all(isinstance(made, Outside) for made in results):
        raise ImageError(f"{settings.classify.aoi}: no polygon lies on any of the images: is its CRS the right one?")
    if not described or any(isinstance(made, Failed) for made in results):
        click.get_current_context().exit(1)


for command in (points, assess, report, compare, export, plan, explain):
    main.add_command(command)
