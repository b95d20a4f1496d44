"""Labels on exactly the mosaic's grid: rasterized, then reclassified."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from landcover.classraster import class_raster
from landcover.cluster import HERE, Machines, open_each
from landcover.errors import LabelError
from landcover.files import check_free, check_made
from landcover.labelpolygons import Polygons
from landcover.labelset import open_labels
from landcover.parallel import one_by_one
from landcover.progress import Progress, silent
from landcover.raster import bounded_cache, grid_of, open_raster
from landcover.remap import Remap
from landcover.scheme import ClassScheme
from landcover.settings import LabelSettings
from landcover.sources import absolute


@dataclass(frozen=True)
class Labels:
    """What `labels` made: the raster, the pixels of each class value, the class fields that were used."""

    path: Path
    pixels: dict[int, int]
    fields: tuple[str, ...]


def labels(
    mosaic: Path,
    settings: LabelSettings,
    scheme: ClassScheme,
    out: Path,
    overwrite: bool = False,
    progress: Progress = silent,
    told: Mapping[str, str] | None = None,
    machines: Machines = HERE,
) -> Labels:
    """Write labels.tif: a class value where something is labelled, 0 elsewhere. A pixel belongs to the polygon
    that holds its centre.

    Only cells that a label touches are made and stored. `told`: metadata items for it; `machines`: who makes them.
    Raises LabelError, OutputExists.
    """
    check_free(out, overwrite)
    check_made(mosaic, "mosaic")
    with open_raster(mosaic) as dataset:
        grid = grid_of(dataset)
    with bounded_cache():
        places = [absolute(place) for place in settings.source] if machines.elsewhere else settings.source
        source = open_labels(places, grid, Remap.parse(settings.reclassify, scheme), settings.field)
        cells = source.cells()
        # not by threads: to rasterize changes, for a moment, which warnings this process shows
        with (
            class_raster(out, grid, scheme, told) as target, open_each(machines, one_by_one) as each,
            progress("labels", len(cells), "cells") as advance,
        ):  # fmt: skip
            for window, classes in zip(cells, each(source.read, cells), strict=True):
                if classes.any():
                    target.write(classes, window)
                advance(1)
            if not target.total:
                raise LabelError(f"{', '.join(settings.source)}: no pixel of the mosaic is labelled")
    fields = dict.fromkeys(s.field for s in source.sources if isinstance(s, Polygons))
    return Labels(out, target.pixels, tuple(fields))
