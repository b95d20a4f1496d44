"""From a model and images to maps."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from landcover.config import Config
from landcover.errors import ConfigError, ImageError, LandcoverError, ModelError, OutsideArea
from landcover.progress import Progress, silent

if TYPE_CHECKING:
    from landcover.classify.predict import Classified


@dataclass(frozen=True)
class Kept:
    """A map that was there already, of the same image, model and options."""

    path: Path


@dataclass(frozen=True)
class Outside:
    """An image that the area of interest does not touch: there is nothing to map."""

    path: str


@dataclass(frozen=True)
class Failed:
    """An image of several that could not be mapped, and why."""

    path: str
    reason: str


def map_path(folder: Path, image: str | Path) -> Path:
    """Where the map of an image goes unless told otherwise: <image>_landcover.tif in a folder."""
    return folder / f"{Path(image).stem}_landcover.tif"


def classify(
    config: Config, image: str | Path, out: Path | None = None, overwrite: bool = False, progress: Progress = silent
) -> "Classified":
    """Map an image, or a mosaic, with the model of the configuration. Raises LandcoverError."""
    from landcover.classify.predict import classify_image

    return classify_image(image, config.classify, out or map_path(config.paths.maps, image), overwrite, progress)


def find_current(config: Config, image: str, out: Path | None = None) -> Kept | None:
    """The map that is there already, if it is of this image as it is now, of this model and these options."""
    out = out or map_path(config.paths.maps, image)
    if not out.exists():
        return None
    from landcover.classify.mapper import open_mapper
    from landcover.classify.predict import is_current

    return Kept(out) if is_current(out, image, config.classify, open_mapper(config.classify)) else None


def classify_all(
    config: Config,
    images: Sequence[str],
    folder: Path | None = None,
    overwrite: bool = False,
    progress: Progress = silent,
) -> "list[Classified | Kept | Outside | Failed]":
    """Map images one after the other into a folder. One that fails is left out and the others go on; a map that was
    made before from the same image, model and options is kept.

    Raises LandcoverError for what concerns all of them: the model, the settings, two images of one name.
    """
    from landcover.classify.mapper import open_mapper
    from landcover.classify.predict import classify_image, is_current

    outs = _outs(images, folder or config.paths.maps)
    mapper = open_mapper(config.classify)
    results: list[Classified | Kept | Outside | Failed] = []
    for image, out in outs.items():
        if not overwrite and is_current(out, image, config.classify, mapper):
            results.append(Kept(out))
            continue
        try:
            results.append(classify_image(image, config.classify, out, overwrite, progress, mapper))
        except OutsideArea:
            results.append(Outside(image))
        except (ConfigError, ModelError):
            raise
        except LandcoverError as error:
            results.append(Failed(image, str(error)))
    return results


def _outs(images: Sequence[str], folder: Path) -> dict[str, Path]:
    """The map of each image. Raises ImageError where two would be one."""
    outs: dict[str, Path] = {}
    for image in images:
        out = map_path(folder, image)
        other = next((path for path, taken in outs.items() if taken == out), None)
        if other is not None:
            raise ImageError(f"{other} and {image}: both maps would be {out}: map them into two folders")
        outs[image] = out
    return outs
