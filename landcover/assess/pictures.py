"""Maps of any size as pictures."""

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from numpy.typing import NDArray
from rasterio.enums import Resampling
from rasterio.errors import RasterioError
from rasterio.io import DatasetReader
from rasterio.vrt import WarpedVRT

from landcover.errors import ImageError
from landcover.files import whole_file
from landcover.grid import Grid
from landcover.raster import grid_of, open_raster
from landcover.scheme import BACKGROUND, ClassScheme

LONGEST = 1200
"""Pixels along the longer side of a picture."""

SAME = "#ececec"


def map_colours(scheme: ClassScheme) -> NDArray[np.uint8]:
    """(256, 3) the colour of each value; white where there is no class."""
    colours = np.full((256, 3), 255, np.uint8)
    for land_class in scheme:
        colours[land_class.value] = land_class.rgb
    return colours


def preview(path: Path, like: Path | None = None, longest: int = LONGEST) -> NDArray[np.uint8]:
    """A map (rows, columns) of class values at most `longest` pixels a side, read from its overviews; on the ground and
    grid of `like`, if given. Raises ImageError for a file that cannot be read."""
    with open_raster(like or path) as model:
        grid = grid_of(model)
    shape = smaller(grid, longest)
    with open_raster(path) as dataset:
        values = read_onto(dataset, grid, shape, [1], Resampling.nearest)[0].astype(np.uint8)
        if dataset.nodata is not None:
            values[values == dataset.nodata] = BACKGROUND
    return values


def smaller(grid: Grid, longest: int) -> tuple[int, int]:
    """(rows, columns) of a picture of a grid."""
    scale = max(1.0, max(grid.shape) / longest)
    return max(1, round(grid.height / scale)), max(1, round(grid.width / scale))


def read_onto(
    dataset: DatasetReader, grid: Grid, shape: tuple[int, int], bands: list[int], resampling: Resampling
) -> NDArray[Any]:
    """Bands (bands, rows, columns) of a raster on the ground of a grid, in `shape`. Raises ImageError."""
    own = grid_of(dataset)
    try:
        if own.same(grid):
            return np.asarray(dataset.read(bands, out_shape=(len(bands), *shape), resampling=resampling))
        transform = grid.transform @ grid.transform.scale(grid.width / shape[1], grid.height / shape[0])
        with WarpedVRT(
            dataset, crs=grid.crs, transform=transform, height=shape[0], width=shape[1], resampling=resampling
        ) as warped:
            return np.asarray(warped.read(bands))
    except RasterioError as error:
        raise ImageError(
            f"{dataset.name}: cannot be read ({' '.join(str(error).split())}): is the file whole?"
        ) from None


def draw_difference(first: Path, second: Path, scheme: ClassScheme, path: Path) -> None:
    """Two maps and, beside them, the second where it differs from the first, all else grey."""
    one, two = preview(first), preview(second, like=first)
    colours = map_colours(scheme)
    there = (one > 0) & (two > 0)
    differs = np.where(
        (there & (one != two))[..., None], colours[two], np.array(list(bytes.fromhex(SAME[1:])), np.uint8)
    )
    differs[~there] = 255
    height = 5 * min(max(one.shape[0] / one.shape[1], 0.2), 3)
    figure = Figure(figsize=(15, height + 1.2), layout="constrained")
    titles = (first.stem, second.stem, f"{second.stem} where it differs")
    for panel, picture, title in zip(figure.subplots(1, 3), (colours[one], colours[two], differs), titles, strict=True):
        panel.imshow(picture, interpolation="nearest")
        panel.set_title(title, fontsize=10)
        panel.set_axis_off()
    legend = [Patch(color=c.color, label=c.name) for c in scheme]
    legend.append(Patch(color=SAME, label="the same in both"))
    figure.legend(handles=legend, loc="outside lower center", ncols=4, frameon=False)
    with whole_file(path) as temporary:
        figure.savefig(temporary, dpi=100, format="png")
