"""Images as one raster: an index that GDAL opens, not a copy of the pixels."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import geopandas as gpd
import numpy as np
import rasterio.shutil
from rasterio.enums import Resampling
from rasterio.errors import RasterioError
from rasterio.vrt import WarpedVRT
from rasterio.warp import transform_bounds
from rasterio.windows import Window
from shapely.geometry import box

from landcover import vrt
from landcover.cluster import HERE, Machines, open_each
from landcover.errors import ImageError
from landcover.files import check_free, whole_folder
from landcover.fingerprint import told_from
from landcover.grid import Grid, name_of
from landcover.image import describe
from landcover.pipeline import MOSAIC
from landcover.progress import Progress, silent
from landcover.raster import open_raster
from landcover.scene import MASK, Layer, Scene, usual_grid
from landcover.settings import MosaicSettings
from landcover.sources import RASTER_SUFFIXES, absolute, expand
from landcover.vector import write_layers

FOOTPRINTS = "footprints.gpkg"


@dataclass(frozen=True)
class Mosaic:
    """What `mosaic` made: the VRT to open, its grid, how many scenes it shows and how many had to be warped."""

    path: Path
    grid: Grid
    scenes: int
    warped: int


def mosaic(
    settings: MosaicSettings,
    out: Path,
    overwrite: bool = False,
    progress: Progress = silent,
    machines: Machines = HERE,
) -> Mosaic:
    """Index images as one raster in the folder `out`: mosaic.vrt, scenes/, footprints.gpkg.

    The grid is that of the images that agree (the first such image's, extended); the others are warped onto it while
    reading, bilinearly. Where images overlap, `settings.order` says who covers whom, pixel by pixel, and a pixel
    without data never covers one with data. `machines`: who reads the headers. Raises ImageError, OutputExists.
    """
    check_free(out, overwrite)
    paths = expand(settings.images, RASTER_SUFFIXES, ImageError)
    with open_each(machines) as each, progress("reading headers", len(paths), "images") as advance:
        scenes = []
        places = map(absolute, paths) if machines.elsewhere else paths
        for path, scene in zip(paths, each(describe, places), strict=True):
            scenes.append(replace(scene, path=path))
            advance(1)
    scenes = stacked(scenes, settings.order)
    grid, windows = lay_out(scenes)
    with whole_folder(out) as folder:
        (folder / "scenes").mkdir()
        placed: list[tuple[str, Window]] = []
        layers: list[Layer] = []
        warped = 0
        for number, (scene, window) in enumerate(zip(scenes, windows, strict=True)):
            name = f"{number:05d}_{Path(scene.path).stem}"
            shown = _write_scene(folder / "scenes", name, _told_from(scene, out / "scenes"), grid, window)
            placed.append((f"scenes/{shown}", window))
            if grid.aligned(scene.grid):
                layers.append(scene.layer(_told_from(scene, out).source, window))
            else:
                layers.append(Layer(f"scenes/{shown}", window, MASK, _told_from(scene, out).source))
                warped += 1
        (folder / MOSAIC).write_text(
            vrt.mosaic(grid, placed, layers[::-1], scenes[0].bands, scenes[0].dtype), encoding="utf-8"
        )
        _write_footprints(folder / FOOTPRINTS, grid, scenes, windows)
    return Mosaic(out / MOSAIC, grid, len(scenes), warped)


def stacked(scenes: Sequence[Scene], order: str) -> list[Scene]:
    """Scenes from bottom to top. Of equals, the one listed first is on top; those without a date are the oldest."""
    upwards = list(reversed(scenes))
    if order == "last":
        return list(scenes)
    if order in ("newest", "oldest"):
        sign = 1 if order == "newest" else -1
        upwards.sort(key=lambda s: sign * (s.acquired.toordinal() if s.acquired else 0))
    return upwards


def lay_out(scenes: Sequence[Scene]) -> tuple[Grid, list[Window]]:
    """The grid of a mosaic, and the window of each scene on it. Raises ImageError for scenes that are not alike."""
    _check_alike(scenes)
    lattice = usual_grid(scenes)
    return _union(lattice, [_placement(lattice, scene) for scene in scenes])


def _check_alike(scenes: Sequence[Scene]) -> None:
    for what, values in (("bands", [s.bands for s in scenes]), ("pixel type", [s.dtype for s in scenes])):
        usual = Counter(values).most_common(1)[0][0]
        odd = next((s for s, v in zip(scenes, values, strict=True) if v != usual), None)
        if odd is not None:
            value = odd.bands if what == "bands" else odd.dtype
            raise ImageError(f"{odd.path}: {what} {value}, but {usual} in the other images: convert or leave it out")


def _placement(lattice: Grid, scene: Scene) -> Window:
    if lattice.aligned(scene.grid):
        return lattice.place(scene.grid)
    try:
        bounds = transform_bounds(scene.grid.crs, lattice.crs, *scene.grid.bounds)
    except RasterioError:
        bounds = (np.nan,) * 4
    if not np.isfinite(bounds).all():
        raise ImageError(
            f"{scene.path}: cannot be brought from {name_of(scene.grid.crs)} to {name_of(lattice.crs)}: is its CRS the "
            "right one?"
        )
    return lattice.cover(bounds)


def _union(lattice: Grid, windows: Sequence[Window]) -> tuple[Grid, list[Window]]:
    """The grid that holds all windows, and the windows on it."""
    left, top = min(w.col_off for w in windows), min(w.row_off for w in windows)
    right, bottom = max(w.col_off + w.width for w in windows), max(w.row_off + w.height for w in windows)
    grid = lattice.part(Window(left, top, right - left, bottom - top))
    return grid, [Window(w.col_off - left, w.row_off - top, w.width, w.height) for w in windows]


def _told_from(scene: Scene, folder: Path) -> Scene:
    """The scene with its source as seen from a folder, so that a project can be moved as a whole."""
    if scene.source.startswith("/vsi"):
        return scene
    return replace(scene, source=told_from(Path(scene.source), folder))


def _write_scene(folder: Path, name: str, scene: Scene, grid: Grid, window: Window) -> str:
    """Write the VRT of a scene on its part of the grid; returns its name."""
    seen = folder / f"{name}.vrt"
    if grid.aligned(scene.grid):
        seen.write_text(vrt.scene(scene), encoding="utf-8")
        return seen.name
    own, warped = folder / f"{name}.own.vrt", folder / f"{name}.warped.vrt"
    own.write_text(vrt.scene(scene), encoding="utf-8")
    part = grid.part(window)
    with (
        open_raster(own) as dataset,
        WarpedVRT(
            dataset, crs=part.crs, transform=part.transform, width=part.width, height=part.height,
            resampling=Resampling.bilinear, add_alpha=True,
        ) as view,
    ):  # fmt: skip
        rasterio.shutil.copy(view, warped, driver="VRT")
    seen.write_text(vrt.unwarp(warped.name, part, scene.bands, scene.dtype), encoding="utf-8")
    return seen.name


def _write_footprints(path: Path, grid: Grid, scenes: Sequence[Scene], windows: Sequence[Window]) -> None:
    outlines = [box(*grid.box(window)) for window in windows]
    footprints = gpd.GeoDataFrame(
        {
            "path": [s.path for s in scenes],
            "acquired": [s.acquired.isoformat() if s.acquired else None for s in scenes],
            "layer": range(len(scenes)),
        },
        geometry=outlines,
        crs=grid.crs.to_wkt(),
    )
    write_layers(path, [("footprints", footprints), ("boundary", gpd.GeoDataFrame(geometry=boundary(grid, windows)))])


def boundary(grid: Grid, windows: Sequence[Window]) -> gpd.GeoSeries:
    """The outlines of images at windows of a grid, those that touch in one."""
    outlines = gpd.GeoSeries([box(*grid.box(window)) for window in windows], crs=grid.crs.to_wkt())
    # images that touch at a corner or miss each other by rounding belong together
    gap = 0.5 * min(grid.pixel_size)
    joined = outlines.buffer(gap, join_style="mitre").union_all().buffer(-gap, join_style="mitre")
    return gpd.GeoSeries([joined], crs=outlines.crs).explode(ignore_index=True)
