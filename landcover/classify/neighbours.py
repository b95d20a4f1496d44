"""Images that lie side by side, which are one map only as a mosaic."""

from collections.abc import Sequence

import shapely

from landcover.errors import ImageError
from landcover.raster import grid_of, open_raster
from landcover.sources import is_remote

LOOKED_AT = 200
"""So many images are opened to look; of more it is said of the first."""


def neighbours(images: Sequence[str]) -> tuple[str, str] | None:
    """Two images that touch or overlap, if any do. Those behind a network, and those that cannot be opened, are not
    looked at."""
    found: dict[str, list[tuple[str, shapely.Geometry]]] = {}
    for image in images[:LOOKED_AT]:
        if is_remote(image):
            continue
        try:
            with open_raster(image) as dataset:
                grid = grid_of(dataset)
        except ImageError:
            continue
        # to within half a pixel
        reach = max(map(abs, (grid.transform.a, grid.transform.e))) / 2
        found.setdefault(str(grid.crs), []).append((image, shapely.box(*grid.bounds).buffer(reach)))
    for placed in found.values():
        outlines = [outline for _, outline in placed]
        for one, other in shapely.STRtree(outlines).query(outlines, predicate="intersects").T.tolist():
            if one < other:
                return placed[one][0], placed[other][0]
    return None
