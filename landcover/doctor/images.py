"""Do the images open, and do they go with one another?"""

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from landcover.bands import NAIP_BANDS
from landcover.doctor.finding import BROKEN, Finding, could_not, grouped, parted
from landcover.doctor.image import Look, check_image, look_at
from landcover.errors import ImageError
from landcover.grid import Grid, name_of
from landcover.progress import Progress
from landcover.scene import Scene, usual_grid
from landcover.settings import MosaicSettings
from landcover.sources import HERE, RASTER_SUFFIXES, expand, overlooked
from landcover.words import counted

SAME_SIZE = 0.01
"""Pixels whose sizes differ by less than this share are of one size."""

FAR = 2.0
"""Pixels whose sizes differ by more than this factor show other things."""


def check_images(settings: MosaicSettings, collar: bool, progress: Progress) -> tuple[list[Finding], list[Scene]]:
    """Findings on the images, and those that can be used. `collar`: 0 in all bands counts as no data."""
    try:
        paths = expand(settings.images, RASTER_SUFFIXES, ImageError)
    except ImageError as error:
        where = ", ".join(settings.images)
        return [_none(where, error)], []
    found = list(_below(settings, paths))
    looks: list[Look] = []
    with progress("looking at images", len(paths), "images") as advance:
        for path in paths:
            try:
                look = look_at(path)
            except BROKEN as error:
                found.append(could_not("images.open", path, error))
            else:
                found += check_image(look, collar)
                looks.append(look)
            advance(1)
    scenes = [look.scene for look in looks]
    if looks:
        found += [*_alike(scenes), *_grids(scenes), _summary(scenes), *_statistics(looks)]
    return grouped(found), scenes


def _none(where: str, error: ImageError) -> Finding:
    what, mend = parted(str(error).removeprefix(f"{where}: "))
    return Finding(
        "error", "images.open", what, where, "there is nothing to map or to train on",
        mend.replace(HERE, "put images there, or name others in mosaic.images").replace("its place", "mosaic.images"),
    )  # fmt: skip


def _below(settings: MosaicSettings, paths: Sequence[str]) -> Iterator[Finding]:
    for folder, (number, whole) in overlooked(settings.images, RASTER_SUFFIXES, paths).items():
        yield Finding(
            "warning", "images.folders", f"{counted(number, 'images')} in folders below it", folder,
            "they are left out: of a folder, the files count that lie in it", f"name {whole} in mosaic.images",
        )  # fmt: skip


def _alike(scenes: Sequence[Scene]) -> Iterator[Finding]:
    for what, kinds in (("bands", [s.bands for s in scenes]), ("pixel type", [s.dtype for s in scenes])):
        usual = Counter(kinds).most_common(1)[0][0]
        for scene, kind in zip(scenes, kinds, strict=True):
            if kind != usual:
                yield Finding(
                    "error", "images.alike", f"{what} {kind}, but {usual} in most images", scene.path,
                    "images of one mosaic have the same", "convert it, or leave it out of mosaic.images",
                )  # fmt: skip


def _grids(scenes: Sequence[Scene]) -> Iterator[Finding]:
    """Images that are resampled while they are read."""
    usual = usual_grid(scenes)
    for scene in scenes:
        if scene.grid.crs != usual.crs:
            yield Finding(
                "warning", "images.crs", f"in {name_of(scene.grid.crs)}, the mosaic in {name_of(usual.crs)}",
                scene.path, "it is warped while it is read: slower, and a little smoother than the others",
                "nothing, if that is as wanted; else make a project for each CRS",
            )  # fmt: skip
        if _ratio(scene.grid, usual) > 1 + SAME_SIZE:
            yield _other_size(scene, usual)
        elif scene.grid.crs == usual.crs and not usual.aligned(scene.grid):
            told = "lies between the pixels of the mosaic, and is resampled while it is read"
            yield Finding("ok", "images.grid", told, scene.path)


def _ratio(one: Grid, other: Grid) -> float:
    """By what factor the pixel sizes differ on the ground."""
    return max(max(a / b, b / a) for a, b in zip(one.pixel_metres, other.pixel_metres, strict=True))


def _other_size(scene: Scene, usual: Grid) -> Finding:
    far = _ratio(scene.grid, usual) > FAR
    sizes = [f"{x:.3g} x {y:.3g} m" for x, y in (scene.grid.pixel_metres, usual.pixel_metres)]
    return Finding(
        "warning", "images.resolution", f"pixels of {sizes[0]}, the mosaic's are {sizes[1]}", scene.path,
        "it is resampled while it is read" + (", and shows other things than the others do" if far else ""),
        "leave it out, or make a project for each resolution" if far else "nothing, if that is as wanted",
    )  # fmt: skip


def _summary(scenes: Sequence[Scene]) -> Finding:
    x, y = usual_grid(scenes).pixel_metres
    crs = Counter(name_of(scene.grid.crs) for scene in scenes)
    pixels = sum(scene.grid.width * scene.grid.height for scene in scenes)
    told = ", ".join(f"{name} ({n:,})" if len(crs) > 1 else name for name, n in crs.most_common())
    return Finding(
        "ok", "images.grid",
        f"{counted(len(scenes), 'images')} of {counted(scenes[0].bands, 'bands')}, {scenes[0].dtype}, "
        f"{pixels / 1e6:,.1f} million pixels of {x:.3g} x {y:.3g} m, {told}",
        str(Path(scenes[0].path).parent), figures={"images": [_record(scene) for scene in scenes]},
    )  # fmt: skip


def _record(scene: Scene) -> dict[str, object]:
    grid = scene.grid
    return {
        "file": scene.path, "crs": name_of(grid.crs), "columns": grid.width, "rows": grid.height,
        "pixel_size": list(grid.pixel_size), "bounds": list(grid.bounds), "bands": scene.bands, "dtype": scene.dtype,
        "acquired": scene.acquired.isoformat() if scene.acquired else None,
    }  # fmt: skip


def _statistics(looks: Sequence[Look]) -> Iterator[Finding]:
    """What the bands hold, over all images of one kind."""
    seen = [(look, look.stats) for look in looks if look.stats and look.scene.bands == looks[0].scene.bands]
    if not seen:
        return
    bands = looks[0].scene.bands
    names = NAIP_BANDS if bands == len(NAIP_BANDS) else [f"band {n}" for n in range(1, bands + 1)]
    means = np.array([stats.mean for _, stats in seen])
    told = ", ".join(
        f"{name} {low:.0f}" + (f" to {high:.0f}" if round(low) != round(high) else "")
        for name, low, high in zip(names, means.min(axis=0), means.max(axis=0), strict=True)
    )
    yield Finding(
        "ok", "images.bands", f"band means: {told}", str(Path(looks[0].scene.path).parent),
        figures={"images": [{"file": look.scene.path, **stats.record()} for look, stats in seen]},
    )  # fmt: skip
