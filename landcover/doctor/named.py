"""Are the files there that settings name, beside images, labels and reference?"""

from collections.abc import Callable, Iterator

from rasterio.crs import CRS

from landcover.catalogue import find_kind
from landcover.config import Config
from landcover.doctor.finding import BROKEN, Finding, could_not
from landcover.owncode import check_module
from landcover.raster import connect
from landcover.vector import read_polygons

PLACED = CRS.from_epsg(4326)
"""Where any polygons can be brought to."""


def check_named(config: Config) -> Iterator[Finding]:
    """Findings on files and code that are named, by what the stages that use them do first. No code is imported."""
    for key, where, look in _named(config):
        try:
            look()
        except BROKEN as error:
            yield could_not(f"named.{key.rpartition('.')[2]}", where, error, f"mend {key} in the configuration")


def _named(config: Config) -> Iterator[tuple[str, str, Callable[[], object]]]:
    """Setting, what it names, and a look at that."""
    area, image, backbone = config.classify.aoi, config.assess.image, config.train.backbone
    kind = find_kind(config.train.model)
    if area is not None:
        yield "classify.aoi", str(area), lambda: read_polygons(str(area), PLACED)
    if image is not None:
        yield "assess.image", str(image), lambda: connect(image).close()
    if kind.backbone and backbone.weights is not None:
        yield "train.backbone.weights", str(backbone.weights), backbone.check_weights
    if kind.source:
        yield "train.model", f"train.model {kind.source}", lambda: check_module(kind)
