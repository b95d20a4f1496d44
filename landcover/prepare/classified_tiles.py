"""The metadata files of Esri's "Classified Tiles" folder, which arcgis.learn and ArcGIS Pro read."""

import json
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from landcover.bands import CLASSIFIED_TILES, NAIP_BANDS, band_names
from landcover.grid import Grid
from landcover.prepare.bandcounts import BandCounts, BandStatistics
from landcover.scheme import ClassScheme

MAP, STATS, DEFINITION = "map.txt", "esri_accumulated_stats.json", "esri_model_definition.emd"
"""The three files by which arcgis.learn recognises a folder that ArcGIS exported."""

MAP_SPACE, PIXEL_SPACE = "MAP_SPACE", "PIXEL_SPACE"


@dataclass(frozen=True)
class Tiles:
    """Chips of `size` pixels a side as the metadata tells of them: file names, (chips, classes) labelled pixels, counts
    of the bands' values, the bands' names if they are known, and a grid of the same CRS and pixel size; not `placed`
    if the chips do not lie where it says."""

    names: Sequence[str]
    pixels: NDArray[np.int64]
    counts: BandCounts
    bands: Sequence[str] | None
    grid: Grid
    size: int
    placed: bool

    @property
    def band_names(self) -> list[str]:
        """As given, or as usual for so many bands."""
        return list(self.bands or band_names(len(self.counts)))


def write_classified_tiles(folder: Path, tiles: Tiles, scheme: ClassScheme) -> None:
    """Write map.txt, stats.txt, esri_accumulated_stats.json and esri_model_definition.emd.

    The file set and keys are those of ArcGIS Pro's own exports, from 2.7 on: arcgis.learn normalises by their
    statistics of the bands, which are exact, of all pixels of the image chips, those without data among them as 0.
    """
    bands = tiles.counts.statistics()
    (folder / MAP).write_text("".join(f"images\\{n}  labels\\{n} \n" for n in tiles.names), encoding="utf-8")
    (folder / "stats.txt").write_text(_stats_text(tiles, scheme), encoding="utf-8")
    (folder / STATS).write_text(json.dumps(_accumulated_stats(tiles, bands, scheme), indent=2), encoding="utf-8")
    definition = _model_definition(tiles, bands, scheme)
    (folder / DEFINITION).write_text(json.dumps(definition, indent=2), encoding="utf-8")


def link_tiles(folder: Path, part: Path, tiles: Tiles, scheme: ClassScheme) -> None:
    """Make a folder of its own of some of a folder's chips, with metadata of theirs alone.

    arcgis.learn takes all that lies in images/, whatever map.txt lists. The chips are hard links, which take no space,
    or copies where the disk has none.
    """
    for kind in ("images", "labels"):
        (part / kind).mkdir(parents=True)
        for name in tiles.names:
            try:
                os.link(folder / kind / name, part / kind / name)
            except OSError:
                shutil.copyfile(folder / kind / name, part / kind / name)
    write_classified_tiles(part, tiles, scheme)


def _summary(values: NDArray[np.int64]) -> dict[str, float]:
    if not len(values):
        return {"Min": 0, "Max": 0, "Mean": 0, "Sum": 0, "Count": 0}
    low, high, total = int(values.min()), int(values.max()), int(values.sum())
    return {"Min": low, "Max": high, "Mean": float(values.mean()), "Sum": total, "Count": len(values)}


def _stats_text(tiles: Tiles, scheme: ClassScheme) -> str:
    pixels, size = tiles.pixels, tiles.size
    per_image = _summary((pixels > 0).sum(axis=1))
    wide = max(len("cls name"), *(len(c.name) for c in scheme)) + 2
    lines = [
        f"images = {len(pixels)} *{len(tiles.band_names)}*{size}*{size}",
        f"classes = {len(scheme)}",
        f"classes per image = [min = {per_image['Min']}, mean = {per_image['Mean']:.2f}, max = {per_image['Max']}]",
        f"{'cls name':<{wide}}{'cls value':>10}{'images':>10}{'pixels':>14}"
        f"{'min size':>12}{'mean size':>12}{'max size':>12}",
    ]
    for land_class, column in zip(scheme, pixels.T, strict=True):
        here = _summary(column[column > 0])
        lines.append(
            f"{land_class.name:<{wide}}{land_class.value:>10}{here['Count']:>10}{here['Sum']:>14}"
            f"{here['Min']:>12.2f}{here['Mean']:>12.2f}{here['Max']:>12.2f}"
        )
    return "\n".join(lines) + "\n"


def _accumulated_stats(tiles: Tiles, bands: Sequence[BandStatistics], scheme: ClassScheme) -> dict[str, object]:
    pixels = tiles.pixels
    return {
        "Version": 1,
        "NumBands": len(bands),
        "TileSizeX": tiles.size,
        "TileSizeY": tiles.size,
        "NumClasses": len(scheme),
        "NumTiles": len(pixels),
        "OutputFeatures": False,
        "MetaDataMode": CLASSIFIED_TILES,
        "Classes": [{"ClassValue": c.value, "ClassName": c.name} for c in scheme],
        "ClassPixelStats": {
            "NumClasses": len(scheme),
            "NumImagesTotal": len(pixels),
            "NumImagesPerClass": (pixels > 0).sum(axis=0).tolist(),
            "NumPixelsPerClass": pixels.sum(axis=0).tolist(),
            "NumClassesPerImage": _summary((pixels > 0).sum(axis=1)),
            "PixelsPerClass": [_summary(column[column > 0]) for column in pixels.T],
        },
        # mean, and squared deviations from it, so that folders can be added up
        "BandStatsState": [
            {"Min": b.low, "Max": b.high, "M1": b.mean, "M2": b.squares, "Num": b.number} for b in bands
        ],
    }


def _model_definition(tiles: Tiles, bands: Sequence[BandStatistics], scheme: ClassScheme) -> dict[str, object]:
    """The template that an export brings along: it describes the data, there is no model yet."""
    names = tiles.band_names
    naip = tuple(names) == NAIP_BANDS and tiles.counts.dtype == np.uint8
    return {
        "Framework": "",
        "ModelConfiguration": "",
        "ModelType": "ImageClassification",
        "ModelFile": "",
        "MetaDataMode": CLASSIFIED_TILES,
        "ImageSpaceUsed": MAP_SPACE if tiles.placed else PIXEL_SPACE,
        "ImageHeight": tiles.size,
        "ImageWidth": tiles.size,
        "ExtractBands": list(range(len(bands))),
        **(_cell_sizes(tiles.grid) if tiles.placed else {}),
        "CropTileMode": "Fixed_Size",
        "BlackenAroundFeature": False,
        "IsMultidimensional": False,
        "InputRastersProps": {"RasterCount": 1, "SensorName": "NAIP" if naip else "", "BandNames": names},
        "AllTilesStats": [
            {"BandName": name, "Min": b.low, "Max": b.high, "Mean": b.mean, "StdDev": b.deviation}
            for name, b in zip(names, bands, strict=True)
        ],
        "Classes": [{"Value": c.value, "Name": c.name, "Color": list(c.rgb)} for c in scheme],
    }


def _cell_sizes(grid: Grid) -> dict[str, object]:
    code = grid.crs.to_epsg()
    x, y = grid.pixel_size
    reference = {"wkid": code, "latestWkid": code} if code else {"wkt": grid.crs.to_wkt(version="WKT1_ESRI")}
    cell = {"x": x, "y": y, "spatialReference": reference}
    return {"MinCellSize": cell, "MaxCellSize": cell}
