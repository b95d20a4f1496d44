"""The commands, in the order of the pipeline: parse, one call, one line of result."""

import logging
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from landcover import __version__
from landcover.errors import LandcoverError

if TYPE_CHECKING:
    from landcover.config import Config
    from landcover.prepare.chips import Chips
    from landcover.prepare.labels import Labels
    from landcover.prepare.mosaic import Mosaic
    from landcover.prepare.stack import Stacks
    from landcover.progress import Advance

PATIENCE = 2.0
"""Seconds of silence before a progress bar appears."""

log = logging.getLogger("landcover")


class Pipeline(click.Group):
    """Lists commands in pipeline order, and turns a user's mistake into one line."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except LandcoverError as error:
            click.echo(f"Error: {error}", err=True)
            ctx.exit(error.exit_code)
        except KeyboardInterrupt:
            click.echo("Interrupted: nothing half-written is left; the same command starts again.", err=True)
            ctx.exit(130)
        except OSError as error:
            if error.filename is None and error.errno is None:
                raise
            click.echo(f"Error: {error.filename or 'a file'}: {error.strerror}", err=True)
            ctx.exit(1)


def common(command: Callable[..., None]) -> Callable[..., None]:
    """The options that every stage takes; the function gets the configuration in their place."""
    from functools import wraps

    @click.option("-c", "--config", "path", metavar="FILE", help="YAML file.  [default: configs/default.yaml]")
    @click.option("--set", "overrides", metavar="KEY=VALUE", multiple=True, help="Change a setting: chips.stride=128.")
    @click.option("--overwrite", is_flag=True, help="Replace output that exists.")
    @click.option("-v", "--verbose", is_flag=True, help="Say more on stderr.")
    @click.option("-q", "--quiet", is_flag=True, help="Say nothing but errors and the result.")
    @wraps(command)
    def run(path: str | None, overrides: tuple[str, ...], verbose: bool, quiet: bool, **rest: Any) -> None:
        from landcover.config import load_config

        level = logging.DEBUG if verbose else logging.WARNING if quiet else logging.INFO
        logging.basicConfig(level=logging.ERROR, format="%(message)s", force=True)
        log.setLevel(level)
        # GDAL's own messages come with the exception it raises
        logging.getLogger("rasterio").setLevel(logging.CRITICAL)
        logging.getLogger("pyogrio").setLevel(logging.ERROR)
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
        command(load_config(path, overrides), **rest)

    return run


@contextmanager
def bar(label: str, total: float, unit: str) -> Iterator["Advance"]:
    """A progress bar on stderr with rate and time left; only on a terminal, and only after two seconds."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    if not console.is_terminal or log.level >= logging.WARNING:
        yield lambda amount: None
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed:,.0f} of {task.total:,.0f} " + unit),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
    )
    shown = Progress(*columns, console=console, transient=True)
    task = shown.add_task(label, total=total, rate="")
    started = time.monotonic()

    def advance(amount: float) -> None:
        elapsed = time.monotonic() - started
        if elapsed > PATIENCE and not shown.live.is_started:
            shown.start()
        done = shown.tasks[0].completed + amount
        shown.update(task, advance=amount, rate=f"{done / max(elapsed, 1e-6):,.1f} {unit}/s")

    try:
        yield advance
    finally:
        shown.stop()


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
    from landcover.files import check_free, whole_folder
    from landcover.sample import sample as make

    raw = config.paths.data / "raw"
    check_free(raw, overwrite)
    if len(config.scheme) != 6:
        from landcover.errors import ConfigError

        raise ConfigError(f"scheme: the sample has six classes, this scheme {len(config.scheme)}")
    with whole_folder(raw) as folder:
        made = make([(c.value, c.name, c.color) for c in config.scheme], folder, seed, size)
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
    from landcover.prepare import prepare as run

    made = run(config, overwrite, bar)
    for text in (_told_mosaic(made.mosaic), _told_labels(made.labels, config), *_told_chips(made.chips)):
        log.info(text)
    click.echo(_stack_table(made.stacks, config))
    copies = sum(made.augmented.copies.values())
    click.echo(f"{config.paths.stacks}: {sum(made.stacks.chips.values()):,} chips, {copies:,} augmented copies")


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
    from landcover.prepare.mosaic import mosaic as run

    settings = config.mosaic.model_copy(update={"images": images}) if images else config.mosaic
    click.echo(_told_mosaic(run(settings, config.paths.mosaic, overwrite, bar)))


@main.command()
@common
def labels(config: "Config", overwrite: bool) -> None:
    """Rasterize and reclassify labels on the mosaic's grid.

    \b
    Reads:   the mosaic; labels.source, vector or raster, in any CRS
    Writes:  <data>/interim/labels.tif
    Example: landcover labels --set labels.field=Classvalue
    """
    from landcover.prepare.labels import labels as run
    from landcover.prepare.mosaic import FILE

    made = run(config.paths.mosaic / FILE, config.labels, config.scheme, config.paths.labels, overwrite, bar)
    click.echo(_told_labels(made, config))


@main.command()
@common
def chips(config: "Config", overwrite: bool) -> None:
    """Cut chips and decide by place which train and which validate.

    \b
    Reads:   the mosaic and labels.tif
    Writes:  <data>/interim/chips: images/, labels/, chips.gpkg, Esri's Classified Tiles metadata
    Example: landcover chips --set chips.max_background=0.9
    """
    from landcover.prepare.chips import chips as run
    from landcover.prepare.mosaic import FILE

    paths = config.paths
    made = run(
        paths.mosaic / FILE, paths.labels, config.chips, config.split, config.scheme, paths.chips, overwrite, bar
    )  # fmt: skip
    for text in _told_chips(made):
        click.echo(text)


@main.command()
@common
def stack(config: "Config", overwrite: bool) -> None:
    """Pack chips into HDF5 files, one a class and side of the split.

    \b
    Reads:   <data>/interim/chips
    Writes:  <data>/processed/train and <data>/processed/validation
    Example: landcover stack
    """
    from landcover.prepare.stack import stack as run

    made = run(config.paths.chips, config.split.method, config.scheme, config.paths.stacks, overwrite, bar)
    click.echo(_stack_table(made, config))


@main.command()
@common
def augment(config: "Config", overwrite: bool) -> None:
    """Add turned and zoomed copies of the training chips of rare classes.

    \b
    Reads:   <data>/processed/train
    Writes:  <data>/processed/augmented
    Example: landcover augment --set augment.copies=1
    """
    from landcover.prepare.augment import augment as run

    made = run(config.paths.train, config.augment, config.scheme, config.paths.augmented, overwrite, bar)
    listed = ", ".join(f"{name} {n:,}" for name, n in made.copies.items())
    click.echo(f"{made.path}: copies of {listed}" if listed else f"{made.path}: no class is rare, nothing to copy")


@main.command()
@common
def train(config: "Config", overwrite: bool) -> None:
    """Train the U-Net, and keep the weights of the best epoch.

    \b
    Reads:   <data>/processed
    Writes:  <models>/<train.name>: model.keras, history.csv, curves.png, metrics.json
    Example: landcover train --set train.epochs=50
    """
    from landcover.train import train as run

    def tell(epoch: dict[str, float]) -> None:
        log.info(
            f"epoch {epoch['epoch']:3.0f}  loss {epoch['loss']:.4f}  mean IoU {epoch['mean_iou']:.3f}  validation: "
            f"loss {epoch['val_loss']:.4f}  mean IoU {epoch['val_mean_iou']:.3f}  ({epoch['seconds']:.0f} s)"
        )

    made = run(config, overwrite, bar, tell)
    warning = "; leaking split: these figures are too good" if made.split == "random" else ""
    click.echo("validation IoU, per cent:")
    for name, iou in made.per_class.items():
        click.echo(f"  {name:<32}{'-' if iou is None else f'{100 * iou:.1f}':>6}")
    click.echo(
        f"{made.path}: epoch {made.epoch} of {made.epochs}, validation loss {made.loss:.4f}, "
        f"mean IoU {made.mean_iou:.3f}{warning}"
    )


@main.command()
@common
@click.argument("image")
@click.option("-m", "--model", type=click.Path(path_type=Path), help="Model file.  [default: classify.model]")
@click.option("-o", "--out", type=click.Path(path_type=Path), help="Map.  [default: <data>/maps/<image>_landcover.tif]")
@click.option("--tile", metavar="N", help="Tile size in pixels.")
@click.option("--halo", metavar="N|auto", help="Pixels around a tile that are read but not kept.")
@click.option("--precision", type=click.Choice(["auto", "float32", "bfloat16"]), help="Number format of the network.")
def classify(config: "Config", overwrite: bool, image: str, out: Path | None, **options: Any) -> None:
    """Map the land cover of a whole IMAGE.

    \b
    Reads:   an image, or a mosaic.vrt; the model
    Writes:  a Cloud Optimized GeoTIFF of class values with colours and names, 0 where there is no data
    Example: landcover classify naip.tif -o map.tif
    """
    from landcover.classify import classify as run

    made = run(_with(config, "classify", options), image, out, overwrite, bar)
    total = sum(made.pixels.values())
    shares = ", ".join(f"{c.name} {100 * made.pixels[c.value] / total:.1f}" for c in _scheme_of(config, made.pixels))
    log.info(f"per cent: {shares}")
    click.echo(f"{made.path}: {total:,} pixels mapped, {made.precision}, halo {made.halo} px")


@main.command()
@common
@click.argument("map_path", metavar="[MAP]", required=False, type=click.Path(path_type=Path))
@click.argument("reference", metavar="[REFERENCE]...", nargs=-1)
def assess(config: "Config", overwrite: bool, map_path: Path | None, reference: tuple[str, ...]) -> None:
    """Compare a MAP with REFERENCE polygons or rasters, pixel by pixel.

    \b
    Reads:   the map (assess.map, or the only one in <data>/maps); the reference (assess.reference)
    Writes:  <reports>/<map>: contingency.csv, accuracy.json
    Example: landcover assess map.tif reference.gpkg
    """
    from landcover.assess import as_text
    from landcover.assess import assess as run

    made = run(config, map_path, reference, overwrite, bar)
    click.echo(as_text(made.table, made.measures))
    click.echo(f"{made.path}: contingency.csv, accuracy.json")


def _with(config: "Config", section: str, options: dict[str, Any]) -> "Config":
    """The configuration with the options of a command that were given laid over a section."""
    from pydantic import ValidationError

    from landcover.errors import ConfigError

    given = {key: value for key, value in options.items() if value is not None}
    before = getattr(config, section)
    try:
        after = type(before).model_validate(before.model_dump() | given)
    except ValidationError as error:
        mistake = error.errors()[0]
        raise ConfigError(f"--{mistake['loc'][0]}: {mistake['msg']} (it is {mistake['input']!r})") from None
    return config.model_copy(update={section: after})


def _scheme_of(config: "Config", pixels: dict[int, int]) -> Iterator[Any]:
    """The classes of the map that the configuration can name."""
    return (c for c in config.scheme if c.value in pixels)


def _told_mosaic(made: "Mosaic") -> str:
    warped = f", {made.warped} of them warped onto its grid" if made.warped else ""
    return f"{made.path}: {made.scenes} image{'s' if made.scenes > 1 else ''}{warped}; {made.grid}"


def _told_labels(made: "Labels", config: "Config") -> str:
    listed = ", ".join(f"{c.name} {made.pixels[c.value]:,}" for c in config.scheme)
    field = f" (field {', '.join(made.fields)})" if made.fields else ""
    return f"{made.path}{field}: pixels of {listed}"


def _told_chips(made: "Chips") -> list[str]:
    from landcover.prepare.split import DROPPED, TRAIN, VALIDATION

    n = made.chips
    return [*(f"Note: {text}" for text in made.unmet)] + [
        f"{made.path}: {n[TRAIN]:,} training and {n[VALIDATION]:,} validation chips from {made.seen:,} windows; "
        f"{n[DROPPED]:,} between the two sides left out"
    ]


def _stack_table(made: "Stacks", config: "Config") -> str:
    from landcover.prepare.split import TRAIN, VALIDATION

    width = max(len(name) for name in config.scheme.names) + 2
    lines = [f"{'':<{width}}{'training':>24}{'validation':>24}", f"{'class':<{width}}" + f"{'chips':>10}{'pixels':>14}" * 2]
    for c in config.scheme:
        sides = (f"{made.chips.get((s, c.value), 0):>10,}{made.pixels.get((s, c.value), 0):>14,}" for s in (TRAIN, VALIDATION))
        lines.append(f"{c.name:<{width}}" + "".join(sides))
    return "\n".join(lines)
