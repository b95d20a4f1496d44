"""A new project: folders, a commented configuration, and GeoPackages to draw labels into."""

import os
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rasterio.crs import CRS

from landcover.config import Config, load_config
from landcover.errors import ImageError, LandcoverError
from landcover.files import make_folder, whole_file, whole_folder
from landcover.grid import name_of
from landcover.image import describe
from landcover.progress import Progress, silent
from landcover.project.configfile import fill
from landcover.project.labels import FIELD, check_undrawn, create_labels
from landcover.project.layout import FOLDERS, KEEP, TEXTS, text_of
from landcover.scene import usual_grid
from landcover.sources import RASTER_SUFFIXES, expand, is_remote

CONFIG = Path("configs/default.yaml")
IMAGES, LABELS, REFERENCE = Path("data/raw/naip"), Path("data/raw/labels.gpkg"), Path("data/raw/reference.gpkg")

PLAIN = CRS.from_epsg(4269)
"""NAD83, the datum of NAIP, in degrees: for labels of images whose zone is not known yet."""

SPARSE = 0.99
"""chips.max_background of a new project: polygons that are drawn by hand leave most of a chip unlabelled."""

HEADER = "# The settings of {}, with what each means. On the command line: --set section.key=value."


@dataclass(frozen=True)
class Project:
    """What `init` made: the folder; the files written and those that were there and kept; the CRS of new labels, and
    where it is from."""

    path: Path
    written: tuple[Path, ...]
    kept: tuple[Path, ...]
    crs: str
    why: str


def init(
    folder: Path, config: Config, images: Sequence[str] = (), overwrite: bool = False, progress: Progress = silent
) -> Project:
    """Make a project, or what it lacks: nothing that is there is replaced, unless `overwrite`, and polygons that are
    drawn not even then.

    The configuration's scheme and settings go into the project's; its paths do not, they would lead elsewhere. A
    project that has a configuration keeps to it. `images` are files, folders, globs or URLs: their CRS becomes that of
    the labels. Raises LandcoverError, before anything is written, for images that cannot be read too.
    """
    if folder.exists() and not folder.is_dir():
        raise LandcoverError(
            f"{folder}: is a file: name the folder first, as in `landcover init DIR --from-images PATH`"
        )
    told = images or [str(folder / IMAGES)]
    if (folder / CONFIG).exists() and not overwrite:
        if images:
            raise LandcoverError(
                f"{folder / CONFIG}: is there already: name the images in its mosaic.images, or add --overwrite"
            )
        config = load_config(folder / CONFIG)
        told = [path if is_remote(path) else str(folder / path) for path in config.mosaic.images]
    crs, why = _crs(told, bool(images), progress)
    fresh = not folder.exists()
    name = folder.resolve().name
    texts = {path: text_of(path, name, config.scheme, bool(images)) for path in TEXTS}
    _, _, settings = texts[CONFIG].partition("\n")
    texts[CONFIG] = HEADER.format(name) + "\n" + fill(settings, _settings(config, folder, images))
    for labels in (LABELS, REFERENCE):
        # beside the style in the file, for layers that are copied elsewhere
        texts[labels.with_suffix(".qml")] = config.scheme.polygon_style(FIELD)
        if overwrite:
            check_undrawn(folder / labels)
    wanted = [*texts, *(path / KEEP for path in FOLDERS), LABELS, REFERENCE]
    kept = [path for path in wanted if (folder / path).exists() and not overwrite]
    made = [path for path in wanted if path not in kept]
    with whole_folder(folder) if fresh else nullcontext(folder) as into:
        for path in made:
            make_folder((into / path).parent)
            if path in (LABELS, REFERENCE):
                create_labels(into / path, config.scheme, crs)
            else:
                with whole_file(into / path) as temporary:
                    temporary.write_text(texts.get(path, ""), encoding="utf-8")
    return Project(folder, tuple(made), tuple(kept), name_of(crs), why)


def _crs(images: Sequence[str], needed: bool, progress: Progress) -> tuple[CRS, str]:
    """Of the images, or one that suits any where there are none yet; and why."""
    try:
        paths = expand(images, RASTER_SUFFIXES, ImageError)
    except ImageError:
        if needed:
            raise
        return PLAIN, "NAD83 in degrees, as no image tells a better one: labels fit images of any CRS"
    scenes = []
    with progress("reading headers", len(paths), "images") as advance:
        for path in paths:
            scenes.append(describe(path))
            advance(1)
    return usual_grid(scenes).crs, "that of the images"


def _settings(config: Config, folder: Path, images: Sequence[str]) -> dict[str, Any]:
    """The values for the project's file."""
    values = config.model_dump(exclude_unset=True)
    for section, keys in {
        "mosaic": ("images",), "labels": ("source",), "classify": ("model", "aoi"),
        "assess": ("map", "reference", "image"),
    }.items():  # fmt: skip
        values[section] = {key: value for key, value in values.get(section, {}).items() if key not in keys}
    values.pop("paths", None)
    values["scheme"] = config.scheme.model_dump()
    if "chips" not in config.model_fields_set or "max_background" not in config.chips.model_fields_set:
        values["chips"] = {**values.get("chips", {}), "max_background": SPARSE}
    if images:
        values["mosaic"]["images"] = _told_from(folder, images)
    return values


def _told_from(folder: Path, images: Sequence[str]) -> list[str]:
    """Paths as seen from the project: relative inside it, else absolute. All images of a folder are the folder."""
    parents = {os.path.dirname(path) for path in images}
    if len(images) > 1 and len(parents) == 1 and not is_remote(images[0]):
        parent = parents.pop() or "."
        if set(expand([parent], RASTER_SUFFIXES, ImageError)) == {os.path.join(parent, Path(i).name) for i in images}:
            images = [parent]
    return [path if is_remote(path) else _seen_from(folder.absolute(), Path(path).absolute()) for path in images]


def _seen_from(folder: Path, path: Path) -> str:
    return str(path.relative_to(folder)) if path.is_relative_to(folder) else str(path)
