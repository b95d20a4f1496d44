"""Does an image open to its end, and do its bands hold what bands should?"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from rasterio.enums import ColorInterp

from landcover.doctor.bandstats import BandStats, band_stats, read_last
from landcover.doctor.finding import Finding
from landcover.image import describe
from landcover.raster import open_raster
from landcover.scene import Scene
from landcover.words import counted

NIR = 4
"""The number of NAIP's near infrared band."""

COLLAR = 0.01
"""Share of the pixels along an image's edges from which on one value in all bands is taken for a collar."""


@dataclass(frozen=True)
class Look:
    """An image as its file describes it, what its bands hold (None: no data), and whether band 4 is marked as alpha."""

    scene: Scene
    stats: BandStats | None
    alpha: bool


def look_at(path: str) -> Look:
    """Raises ImageError for an image that cannot be used, or not be read to its end."""
    scene = describe(path)
    with open_raster(path) as dataset:
        read_last(dataset)
        alpha = dataset.count >= NIR and dataset.colorinterp[NIR - 1] == ColorInterp.alpha
        return Look(scene, band_stats(dataset), alpha)


def check_image(look: Look, collar: bool) -> Iterator[Finding]:
    """Findings on one image, in words that several images may share. `collar`: 0 in all bands counts as no data."""
    scene, stats, path = look.scene, look.stats, look.scene.path
    if scene.bands < NIR:
        yield Finding(
            "warning", "images.bands", f"{counted(scene.bands, 'bands')}, no near infrared", path,
            "without it forest, crops and water are harder to tell apart; training and mapping work as usual",
            "take the 4-band version of the image, if there is one",
        )  # fmt: skip
    if stats is None:
        yield Finding(
            "warning", "images.nodata", "no pixel with data was found", path, "it adds nothing to the mosaic",
            "see whether its nodata value is the right one: gdalinfo -stats",
        )  # fmt: skip
        return
    yield from _alpha(look, stats)
    yield from _constant(look, stats)
    yield Finding(
        "ok", "images.nodata", _declared(scene), path,
        figures={"nodata": scene.nodata, "masked": scene.masked, "zero_in_all_bands": round(stats.black[0], 5)},
    )  # fmt: skip
    if scene.nodata is None and not scene.masked:
        yield from _undeclared(path, stats, collar)


def _declared(scene: Scene) -> str:
    if scene.nodata is not None:
        return f"nodata is declared: {', '.join(f'{value:g}' for value in dict.fromkeys(scene.nodata))}"
    return "a mask says where there is no data" if scene.masked else "no nodata value is declared"


def _is_mask(look: Look, stats: BandStats) -> bool:
    """Whether the band that is marked as alpha holds nothing else."""
    return look.alpha and stats.values is not None and set(stats.values) <= {0, np.iinfo(look.scene.dtype).max}


def _alpha(look: Look, stats: BandStats) -> Iterator[Finding]:
    if _is_mask(look, stats):
        yield Finding(
            "warning", "images.alpha", "band 4 is marked as alpha, and holds nothing but a mask", look.scene.path,
            "it is taken for near infrared, which it is not",
            "make it a mask and keep three bands: gdal_translate -b 1 -b 2 -b 3 -mask 4",
        )  # fmt: skip
    elif look.alpha:
        yield Finding(
            "warning", "images.alpha", "near infrared is marked as alpha", look.scene.path,
            "here it is read as near infrared; a GIS shows pixels as transparent where it is low, and warping or "
            "merging with other programs spoils the image there",
            "nothing for this program; for others: gdal_edit.py -colorinterp_4 undefined FILE",
        )  # fmt: skip


def _constant(look: Look, stats: BandStats) -> Iterator[Finding]:
    for number, (low, high) in enumerate(zip(stats.minimum, stats.maximum, strict=True), start=1):
        if low == high and not (number == NIR and _is_mask(look, stats)):
            yield Finding(
                "warning", "images.bands", f"band {number} is {low:g} everywhere", look.scene.path,
                "a band that says nothing is noise to the network, and another image may fill it otherwise",
                "export the image again with all its bands, or leave it out",
            )  # fmt: skip


def _undeclared(path: str, stats: BandStats, collar: bool) -> Iterator[Finding]:
    """Collars of images that declare no nodata value."""
    if stats.black[1] > COLLAR:
        handled = "here 0 in all bands counts as no data; in other programs it is dark land"
        yield Finding(
            "warning", "images.nodata", "0 in all bands along the edges, and no nodata value declared", path,
            handled if collar else "classify.collar is off: the collar is mapped as if it were land",
            "gdal_edit.py -a_nodata 0 FILE" + ("" if collar else ", or set classify.collar: true"),
            {"share_of_edge": round(stats.black[1], 4), "share": round(stats.black[0], 4)},
        )  # fmt: skip
    if stats.white[1] > COLLAR:
        yield Finding(
            "warning", "images.nodata", "the greatest value in all bands along the edges, and no nodata value declared",
            path, "if this is a collar, it is mapped as if it were land",
            "if it is, declare it: gdal_edit.py -a_nodata 255 FILE (65535 of 16 bits)",
            {"share_of_edge": round(stats.white[1], 4), "share": round(stats.white[0], 4)},
        )  # fmt: skip
