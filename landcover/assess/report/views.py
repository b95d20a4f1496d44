"""What the page shows of image and map: pictures of bounded size, as data in the page itself."""

import base64
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image
from rasterio.enums import Resampling

from landcover.assess.pictures import map_colours, preview, read_onto, smaller
from landcover.errors import ImageError
from landcover.raster import grid_of, open_raster
from landcover.scheme import ClassScheme
from landcover.stretch import stretched

LONGEST = 1600
"""Pixels along the longer side: what a phone can hold, and a page of some megabytes."""

QUALITY = 82


def map_view(path: Path, scheme: ClassScheme) -> str:
    """The map in its colours, as a PNG in a data URI: for paper a picture, and for the script the class values, for its
    pixels are numbers of colours: row by row, each behind a 0, deflated."""
    picture = Image.fromarray(preview(path, longest=LONGEST))
    picture.putpalette(map_colours(scheme).tobytes())
    held = BytesIO()
    picture.save(held, "PNG", bits=8, compress_level=1)
    return f"data:image/png;base64,{base64.b64encode(held.getvalue()).decode()}"


def image_view(path: str | Path, map_path: Path) -> str:
    """The first three bands on the ground of the map, stretched, as a JPEG in a data URI.

    Raises ImageError for an image that does not lie there, or that cannot be read.
    """
    with open_raster(map_path) as dataset:
        grid = grid_of(dataset)
    with open_raster(path) as dataset:
        bands = [1, 2, 3] if dataset.count >= 3 else [1, 1, 1]
        pixels = read_onto(dataset, grid, smaller(grid, LONGEST), bands, Resampling.average)
        nodata = dataset.nodata
    there = np.isfinite(pixels).all(axis=0) & pixels.any(axis=0)
    if nodata is not None:
        there &= (pixels != nodata).any(axis=0)
    if not there.any():
        raise ImageError(f"{path}: shows nothing where {map_path.name} lies: is it the image of this map?")
    held = BytesIO()
    Image.fromarray(stretched(np.moveaxis(pixels, 0, -1), there)).save(held, "JPEG", quality=QUALITY, optimize=True)
    return f"data:image/jpeg;base64,{base64.b64encode(held.getvalue()).decode()}"
