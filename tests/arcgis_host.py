"""Runs a deep learning package as ArcGIS runs one: in a process where neither landcover nor TensorFlow can be imported.

    python arcgis_host.py PACKAGE.dlpk IMAGE.tif OUT.npy [NAME=VALUE ...]

Calls the raster function in ArcGIS's order, hands it blocks with bands first, padding and a mask, and puts the map
together from what it gives back. Prints what it was told, as JSON.
"""

import importlib.util
import json
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Any

BARRED = ("landcover", "tensorflow", "keras", "onnx")


class Barred:
    """Lets nobody import what ArcGIS's Python does not have."""

    def find_spec(self, name: str, *given: object) -> None:
        if name.split(".")[0] in BARRED:
            raise ImportError(f"{name} is not there in ArcGIS")


def main(package: str, image: str, out: str, *arguments: str) -> None:
    sys.meta_path.insert(0, Barred())
    import numpy as np
    import rasterio
    from rasterio.windows import Window

    with tempfile.TemporaryDirectory() as folder, rasterio.open(image) as dataset:
        with zipfile.ZipFile(package) as archive:
            archive.extractall(folder)
        (path,) = Path(folder).glob("*.emd")
        definition = json.loads(path.read_text())
        function = _load(path.parent / definition["InferenceFunction"])
        plain = [p["name"] for p in function.getParameterInfo()]
        function.initialize(model=str(path), device=-1)
        parameters = {p["name"]: p for p in function.getParameterInfo()}
        scalars = {n: str(p["value"]) for n, p in parameters.items() if p["dataType"] in ("numeric", "string")}
        known = function.getConfiguration(**scalars | dict(a.split("=", 1) for a in arguments))
        output = {"bandCount": dataset.count, "pixelType": "u1"}
        told = function.updateRasterInfo(raster_info={"bandCount": dataset.count}, output_info=output)["output_info"]
        bands, p = [b + 1 for b in known["extractBands"]], known["padding"]
        classes = np.zeros(dataset.shape, np.uint8)
        blocks = 0
        for row in range(0, dataset.height, known["ty"]):
            for column in range(0, dataset.width, known["tx"]):
                window = Window(column - p, row - p, known["tx"] + 2 * p, known["ty"] + 2 * p)
                given = {
                    "raster_pixels": dataset.read(bands, window=window, boundless=True, fill_value=0),
                    "raster_mask": _mask(dataset, bands, window),
                }
                props = {"pixelType": told["pixelType"], "width": dataset.width, "height": dataset.height}
                shape = (1, known["ty"], known["tx"])
                made = function.updatePixels((column, row), shape, props, **given)
                pixels, mask = made["output_pixels"], made["output_mask"]
                assert pixels.shape == mask.shape == shape
                assert pixels.dtype == np.dtype(told["pixelType"])
                assert ((pixels > 0) == (mask > 0)).all()
                part = classes[row : row + known["ty"], column : column + known["tx"]]
                part[:] = np.where(mask[0], pixels[0], 0)[: part.shape[0], : part.shape[1]]
                blocks += 1
    np.save(out, classes)
    print(json.dumps({
        "before": plain, "parameters": list(parameters), "configuration": known, "output": told, "blocks": blocks,
        "imported": [name for name in BARRED if name in sys.modules],
    }))  # fmt: skip


def _load(path: Path) -> Any:
    """The class named like its file."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return getattr(module, path.stem)()


def _mask(dataset: Any, bands: list[int], window: Any) -> Any:
    """(bands, rows, columns), 0 where there is no data, beyond the image too."""
    import numpy as np
    from rasterio.windows import Window

    inside = window.intersection(Window(0, 0, dataset.width, dataset.height))
    mask = np.zeros((len(bands), int(window.height), int(window.width)), np.uint8)
    top, left = int(inside.row_off - window.row_off), int(inside.col_off - window.col_off)
    part = mask[:, top : top + int(inside.height), left : left + int(inside.width)]
    pixels = dataset.read(bands, window=inside)
    part[:] = 1 if dataset.nodata is None else pixels != dataset.nodata
    return mask


if __name__ == "__main__":
    main(*sys.argv[1:])
