"""From a model and images to maps."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from landcover.companions import with_companions
from landcover.config import Config
from landcover.errors import ConfigError, ImageError, LandcoverError, ModelError, OutputExists, OutsideArea
from landcover.pipeline import classify_stage, map_path
from landcover.progress import Progress, silent
from landcover.provenance import Recorder, record_path, taken
from landcover.scheme import IMAGE_TAG
from landcover.sources import is_remote
from landcover.stage import Stage
from landcover.uptodate import check

log = logging.getLogger(__name__)

if TYPE_CHECKING:
    from landcover.classify.mapper import Mapper
    from landcover.classify.predict import Classified


@dataclass(frozen=True)
class Kept:
    """A map that was there already, of the same image, model and options."""

    path: Path


@dataclass(frozen=True)
class Spread:
    """A map in cells: the index that shows it, its pixels of each class name, how many cells it has, and how many of
    those were there already."""

    path: Path
    confidence: Path | None
    pixels: dict[str, int]
    cells: int
    kept: int


@dataclass(frozen=True)
class Outside:
    """An image that the area of interest does not touch: there is nothing to map."""

    path: str


@dataclass(frozen=True)
class Failed:
    """An image of several that could not be mapped, and why."""

    path: str
    reason: str


if TYPE_CHECKING:
    Result = Classified | Spread | Kept | Outside | Failed


def classify(
    config: Config, image: str | Path, out: Path | None = None, overwrite: bool = False, progress: Progress = silent
) -> "Classified":
    """Map an image, or a mosaic, with the model of the configuration. Raises LandcoverError."""
    return _classify(config, str(image), out or map_path(config.paths.maps, image), overwrite, progress)


def _classify(
    config: Config, image: str, out: Path, overwrite: bool, progress: Progress, mapper: "Mapper | None" = None
) -> "Classified":
    from landcover.classify.predict import classify_image

    mapper = mapper or _open(config)
    recorder = recorder_of(config, image, out, mapper)
    return classify_image(image, config.classify, out, overwrite, progress, mapper, recorder)


def _open(config: Config) -> "Mapper":
    """The model of the configuration, with a note where its training had not ended."""
    from landcover.classify.mapper import note_unfinished, open_mapper

    mapper = open_mapper(config.classify, config.own_scheme)
    note_unfinished(mapper)
    return mapper


def recorder_of(config: Config, image: str, out: Path, mapper: "Mapper") -> Recorder:
    """What will write the record of a map, with the inputs as they are now."""
    stage = _stage(config, image, out)
    taken_now = tuple(taken(path, stage.folder, config.provenance.full) for path in stage.inputs)
    return Recorder(stage, taken_now, mapper.card.unfinished)


def _stage(config: Config, image: str, out: Path) -> Stage:
    from landcover.classraster import confidence_path

    return classify_stage(config, image, out, confidence_path(out))


def find_recorded(config: Config, image: str, out: Path) -> Kept | None:
    """The map that is there already, if its record says that it is of this image as it is now, of this model and these
    options. Raises OutputExists for one that is not, and says what differs."""
    from landcover.classify.journal import clear_up

    if out.suffix == ".vrt" and not (out.exists() and record_path(out).exists()):
        # a run that was cut off took them away, or came no further: cells tell themselves what they are of
        return None
    stage = _stage(config, image, out)
    state = check(stage, config.provenance.full)
    if state.standing == "stale" and not state.valid:
        raise OutputExists(out, state.told)
    if state.standing not in ("current", "stale") or not _seen_unchanged(config, image, out):
        return None
    if out.suffix == ".vrt":
        from landcover.classify.index import shows_its_own
        from landcover.classraster import confidence_path

        indexes = [out, confidence_path(out)] if config.classify.confidence else [out]
        if not all(map(shows_its_own, indexes)):
            return None
    if state.standing == "stale":
        log.info("%s: %s", out, state.told)
    clear_up(out, stage.made)
    return Kept(out)


def _seen_unchanged(config: Config, image: str, out: Path) -> bool:
    """Whether what lies beyond a network, which a record only names, is as it was when the map was made."""
    from landcover.image import find_image, is_mosaic
    from landcover.raster import open_raster

    if not is_mosaic(image) and not any(map(is_remote, with_companions([image]))):
        return True
    try:
        found = find_image(image, config.classify.collar, config.classify.skip_bad)
        if not found.remote:
            return True
        with open_raster(out) as dataset:
            return dataset.tags().get(IMAGE_TAG) == found.fingerprint() and found.known
    except ImageError:
        # mapping it tells what is wrong
        return False


def find_current(config: Config, images: Sequence[str], outs: Sequence[Path], alone: bool = False) -> list[Kept] | None:
    """The maps of all images, if all are there and up to date by their records: no model is opened. Raises OutputExists
    for one that is not, if it is `alone`: of several, others can be mapped."""
    try:
        kept = [find_recorded(config, image, out) for image, out in zip(images, outs, strict=True)]
    except OutputExists:
        if alone:
            raise
        return None
    return None if None in kept else [made for made in kept if made]


def classify_one(
    config: Config,
    image: str,
    out: Path,
    overwrite: bool = False,
    progress: Progress = silent,
    mapper: "Mapper | None" = None,
) -> "Classified | Kept":
    """As `classify`; a map that was made before from the same image, model and options is kept."""
    from landcover.classify.journal import journal_path
    from landcover.classify.predict import is_current
    from landcover.image import find_image

    settings = config.classify
    kept = None if overwrite else find_recorded(config, image, out)
    if kept is not None:
        return kept
    mapper = mapper or _open(config)
    if not overwrite and out.exists() and is_current(out, image, settings, mapper):
        if not journal_path(out).exists() and find_image(image, settings.collar, settings.skip_bad).known:
            return Kept(out)
        # a run that was cut off between the map and its record, or a server that does not tell of changes
        overwrite = True
    return _classify(config, image, out, overwrite, progress, mapper)


def classify_all(
    config: Config,
    images: Sequence[str],
    folder: Path | None = None,
    overwrite: bool = False,
    progress: Progress = silent,
) -> "list[Result]":
    """Map images one after the other into a folder. One that fails is left out and the others go on; a map that was
    made before from the same image, model and options is kept.

    Raises LandcoverError for what concerns all of them: the model, the settings, two images of one name.
    """
    outs = outs_of(images, folder or config.paths.maps)
    mapper = _open(config)
    results: list[Result] = []
    for image, out in outs.items():
        try:
            results.append(classify_one(config, image, out, overwrite, progress, mapper))
        except OutsideArea:
            results.append(Outside(image))
        except (ConfigError, ModelError):
            raise
        except LandcoverError as error:
            results.append(Failed(image, str(error)))
    return results


def outs_of(images: Sequence[str], folder: Path) -> dict[str, Path]:
    """The map of each image. Raises ImageError where two would be one."""
    outs: dict[str, Path] = {}
    for image in images:
        out = map_path(folder, image)
        other = next((path for path, taken in outs.items() if taken == out), None)
        if other is not None:
            raise ImageError(f"{other} and {image}: both maps would be {out}: map them into two folders")
        outs[image] = out
    return outs
