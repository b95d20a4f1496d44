"""From a model and images to maps."""

from pathlib import Path
from typing import TYPE_CHECKING

from landcover.config import Config
from landcover.progress import Progress, silent

if TYPE_CHECKING:
    from landcover.classify.predict import Classified


def map_path(config: Config, image: str | Path) -> Path:
    """Where the map of an image goes unless told otherwise: <data>/maps/<image>_landcover.tif."""
    return config.paths.maps / f"{Path(image).stem}_landcover.tif"


def classify(
    config: Config, image: str | Path, out: Path | None = None, overwrite: bool = False, progress: Progress = silent
) -> "Classified":
    """Map an image with the model of the configuration. Raises LandcoverError."""
    from landcover.classify.predict import classify_image

    return classify_image(image, config.classify, out or map_path(config, image), overwrite, progress)
