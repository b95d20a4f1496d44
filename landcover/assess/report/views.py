"""What the page shows of image and map: pictures of bounded size, as data in the page itself."""

import base64
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from rasterio.enums import Resampling
from rasterio.vrt import WarpedVRT

from landcover.assess.pictures import preview
from landcover.errors import ImageError
from landcover.grid import Grid
from landcover.raster import grid_of, open_raster

LONGEST = 1600
"""Pixels along the longer side: what a phone can hold, and a page of some megabytes."""

QUALITY = 82


def map_view(path: Path) -> str:
    """The map as a grey PNG of its class values in a data URI."""
    return _uri(Image.fromarray(preview(path, longest=LONGEST)), "PNG")


def image_view(path: str | Path, map_path: Path) -> str:
    """The first three bands on the ground of the map, stretched, as a JPEG in a data URI.

    Raises ImageError for an image that does not lie there.
    """
    with open_raster(map_path) as dataset:
        grid = grid_of(dataset)
    scale = max(1.0, max(grid.shape) / LONGEST)
    height, width = (max(1, round(side / scale)) for side in grid.shape)
    with open_raster(path) as dataset:
        bands = [1, 2, 3] if dataset.count >= 3 else [1, 1, 1]
        pixels = _read(dataset, grid, bands, height, width)
    if not pixels.any():
        raise ImageError(f"{path}: shows nothing where {map_path.name} lies: is it the image of this map?")
    return _uri(Image.fromarray(_stretched(pixels)), "JPEG")


def _read(dataset, grid: Grid, bands: list[int], height: int, width: int) -> NDArray[np.generic]:  # type: ignore[no-untyped-def]
    own = grid_of(dataset)
    if own.aligned(grid) and own.shape == grid.shape and own.position(grid) == (0, 0):
        return np.asarray(dataset.read(bands, out_shape=(3, height, width), resampling=Resampling.average))
    transform = grid.transform @ grid.transform.scale(grid.width / width, grid.height / height)
    with WarpedVRT(
        dataset, crs=grid.crs, transform=transform, height=height, width=width, resampling=Resampling.average
    ) as warped:
        return np.asarray(warped.read(bands))


def _stretched(pixels: NDArray[np.generic]) -> NDArray[np.uint8]:
    """(rows, columns, 3) from (3, rows, columns): the 1st to the 99th percentile of what is not 0, all bands alike."""
    moved = np.moveaxis(pixels.astype(np.float32), 0, -1)
    there = moved.any(axis=-1)
    low, high = np.percentile(moved[there], (1, 99))
    out = np.clip((moved - low) / max(high - low, 1) * 255, 0, 255).astype(np.uint8)
    out[~there] = 255
    return out


def _uri(picture: Image.Image, kind: str) -> str:
    held = BytesIO()
    picture.save(held, kind, quality=QUALITY, optimize=True)
    return f"data:image/{kind.lower()};base64,{base64.b64encode(held.getvalue()).decode()}"
