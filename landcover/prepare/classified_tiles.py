"""The metadata files of Esri's "Classified Tiles" folder, which arcgis.learn and ArcGIS Pro read."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from landcover.grid import Grid
from landcover.scheme import ClassScheme

MODE = "Classified_Tiles"
NAIP_BANDS = ("Red", "Green", "Blue", "NearInfrared")


def write_classified_tiles(
    folder: Path,
    names: Sequence[str],
    pixels: NDArray[np.int64],
    grid: Grid,
    bands: int,
    size: int,
    scheme: ClassScheme,
) -> None:
    """Write map.txt, stats.txt, esri_accumulated_stats.json and esri_model_definition.emd.

    `pixels`: (chips, classes) labelled pixels. The file set and keys are those of ArcGIS Pro's own exports.
    """
    (folder / "map.txt").write_text("".join(f"images\\{n}  labels\\{n} \n" for n in names), encoding="utf-8")
    (folder / "stats.txt").write_text(_stats_text(pixels, bands, size, scheme), encoding="utf-8")
    stats = _accumulated_stats(pixels, bands, size, scheme)
    (folder / "esri_accumulated_stats.json").write_text(json.dumps(stats, indent=2), encoding="utf-8")
    definition = _model_definition(grid, bands, size, scheme)
    (folder / "esri_model_definition.emd").write_text(json.dumps(definition, indent=2), encoding="utf-8")


def _summary(values: NDArray[np.int64]) -> dict[str, float]:
    if not len(values):
        return {"Min": 0, "Max": 0, "Mean": 0, "Sum": 0, "Count": 0}
    low, high, total = int(values.min()), int(values.max()), int(values.sum())
    return {"Min": low, "Max": high, "Mean": float(values.mean()), "Sum": total, "Count": len(values)}


def _stats_text(pixels: NDArray[np.int64], bands: int, size: int, scheme: ClassScheme) -> str:
    per_image = _summary((pixels > 0).sum(axis=1))
    lines = [
        f"images = {len(pixels)} *{bands}*{size}*{size}",
        f"classes = {len(scheme)}",
        f"classes per image = [min = {per_image['Min']}, mean = {per_image['Mean']:.2f}, max = {per_image['Max']}]",
        f"{'cls name':<32}{'cls value':>10}{'images':>10}{'pixels':>14}"
        f"{'min size':>12}{'mean size':>12}{'max size':>12}",
    ]
    for land_class, column in zip(scheme, pixels.T, strict=True):
        here = _summary(column[column > 0])
        lines.append(
            f"{land_class.name:<32}{land_class.value:>10}{here['Count']:>10}{here['Sum']:>14}"
            f"{here['Min']:>12.2f}{here['Mean']:>12.2f}{here['Max']:>12.2f}"
        )
    return "\n".join(lines) + "\n"


def _accumulated_stats(pixels: NDArray[np.int64], bands: int, size: int, scheme: ClassScheme) -> dict[str, object]:
    return {
        "Version": 1,
        "NumBands": bands,
        "TileSizeX": size,
        "TileSizeY": size,
        "NumClasses": len(scheme),
        "NumTiles": len(pixels),
        "OutputFeatures": False,
        "MetaDataMode": MODE,
        "Classes": [{"ClassValue": c.value, "ClassName": c.name} for c in scheme],
        "ClassPixelStats": {
            "NumClasses": len(scheme),
            "NumImagesTotal": len(pixels),
            "NumImagesPerClass": (pixels > 0).sum(axis=0).tolist(),
            "NumPixelsPerClass": pixels.sum(axis=0).tolist(),
            "NumClassesPerImage": _summary((pixels > 0).sum(axis=1)),
            "PixelsPerClass": [_summary(column[column > 0]) for column in pixels.T],
        },
    }


def _model_definition(grid: Grid, bands: int, size: int, scheme: ClassScheme) -> dict[str, object]:
    """The template that an export brings along: it describes the data, there is no model yet."""
    code = grid.crs.to_epsg()
    x, y = grid.pixel_size
    cell = {"x": x, "y": y, "spatialReference": {"wkid": code, "latestWkid": code}}
    names = NAIP_BANDS if bands == len(NAIP_BANDS) else tuple(f"Band_{n}" for n in range(1, bands + 1))
    return {
        "Framework": "",
        "ModelConfiguration": "",
        "ModelType": "ImageClassification",
        "ModelFile": "",
        "MetaDataMode": MODE,
        "ImageSpaceUsed": "MAP_SPACE",
        "ImageHeight": size,
        "ImageWidth": size,
        "ExtractBands": list(range(bands)),
        "MinCellSize": cell,
        "MaxCellSize": cell,
        "CropTileMode": "Fixed_Size",
        "BlackenAroundFeature": False,
        "InputRastersProps": {"RasterCount": 1, "SensorName": "NAIP", "BandNames": list(names)},
        "Classes": [{"Value": c.value, "Name": c.name, "Color": list(c.rgb)} for c in scheme],
    }
