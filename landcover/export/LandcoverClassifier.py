"""Python raster function by which ArcGIS classifies pixels with a landcover model.

It stands alone: NumPy and ONNX Runtime are all it needs, as ArcGIS Pro's own Python loads it, without landcover. ArcGIS
finds the class by the name of the file. The Esri model definition (.emd) beside it says all that it must know.
"""

import json
import os
from typing import Any

import numpy as np

INHERITED = 2 | 4 | 8
"""What the output inherits of the input: NoData, dimensions, resampling."""


class LandcoverClassifier:
    """Blocks of pixels to class values; what has no data stays without."""

    def __init__(self) -> None:
        self.name = "Land cover classifier"
        self.description = "Classifies each pixel of an aerial image with a trained network."
        self.definition: dict[str, Any] = {}
        self.session: Any = None
        self.padding = 0
        self.collar = True

    def initialize(self, **kwargs: Any) -> None:
        """Take up a model definition, given as the path of an .emd or as its text. `device`: -1 is the processor, 0 and
        above a GPU, below -1 a GPU if there is one."""
        if "model" not in kwargs:
            return
        given = kwargs["model"]
        if os.path.isfile(given):
            folder = os.path.dirname(os.path.abspath(given))
            with open(given, encoding="utf-8") as file:
                self.definition = json.load(file)
        else:
            folder = os.path.dirname(os.path.abspath(__file__))
            self.definition = json.loads(given)
        try:
            import onnxruntime
        except ImportError:
            raise RuntimeError(
                "onnxruntime is missing in this Python: install Esri's deep learning libraries, or onnxruntime itself"
            ) from None
        model = os.path.join(folder, self.definition["ModelFile"].replace("\\", os.sep))
        device = int(float(kwargs.get("device") or 0)) if "device" in kwargs else -1
        providers: list[Any] = ["CPUExecutionProvider"]
        if device != -1 and "CUDAExecutionProvider" in onnxruntime.get_available_providers():
            providers.insert(0, ("CUDAExecutionProvider", {"device_id": max(device, 0)}))
        self.session = onnxruntime.InferenceSession(model, providers=providers)

    def getParameterInfo(self) -> list[dict[str, Any]]:
        """The arguments of the tool; those after the first three are rows of its table."""
        parameters = [
            _parameter("raster", "raster", None, "Raster", "The image to classify.", required=True),
            _parameter("model", "string", None, "Model definition", "The .emd or .dlpk file.", required=True),
            _parameter("device", "numeric", -1, "Device", "-1: the processor; 0 or more: that GPU."),
        ]
        if not self.definition:
            return parameters
        known = self.definition
        return [
            *parameters,
            _parameter(
                "padding", "numeric", known["Padding"], "Padding",
                f"Pixels around a tile that the network looks at; below {known['Padding']} seams may show.",
            ),
            _parameter("batch_size", "numeric", known["BatchSize"], "Batch size", "Tiles that are classified at once."),
            _parameter(
                "tile_size", "numeric", known["ImageHeight"], "Tile size", "Pixels a side of a tile, with its padding."
            ),
            _parameter("collar", "string", "True", "Collar", "Whether pixels that are 0 in all bands have no data."),
        ]  # fmt: skip

    def getConfiguration(self, **scalars: Any) -> dict[str, Any]:
        """How large the blocks are that ArcGIS hands over. Sizes are multiples of what the network halves by, so that
        pixels fall alike into its pooling in every block, and tiles large enough to leave some of them without their
        padding."""
        known, step = self.definition, self.definition["SizeMultiple"]
        self.padding = padding = -(-max(_whole(scalars.get("padding"), known["Padding"]), 0) // step) * step
        tile = max(_whole(scalars.get("tile_size"), known["ImageHeight"]) // step * step, 2 * padding + step)
        self.collar = str(scalars.get("collar", "True")).strip().lower() not in ("false", "0", "no")
        rows, columns = _rectangle(max(_whole(scalars.get("batch_size"), known["BatchSize"]), 1))
        return {
            "extractBands": tuple(known["ExtractBands"]),
            "padding": padding,
            "ty": (tile - 2 * padding) * rows,
            "tx": (tile - 2 * padding) * columns,
            "fixedTileSize": 1,
            "inheritProperties": INHERITED,
            "inputMask": True,
        }

    def updateRasterInfo(self, **kwargs: Any) -> dict[str, Any]:
        """One band of bytes, with the classes as its attribute table."""
        names = ("OID", "Value", "Class", "Red", "Green", "Blue")
        kinds = ("OID", "Integer", "String", "Integer", "Integer", "Integer")
        rows = [
            dict(zip(names, (number, c["Value"], c["Name"], *c["Color"])))  # noqa: B905 - Pro's Python may be 3.9
            for number, c in enumerate(self.definition["Classes"], start=1)
        ]
        table = {
            "displayFieldName": "",
            "fieldAliases": {name: name for name in names},
            "fields": [{"name": n, "type": f"esriFieldType{k}", "alias": n} for n, k in zip(names, kinds)],  # noqa: B905
            "features": [{"attributes": row} for row in rows],
        }
        info = kwargs["output_info"]
        info["bandCount"], info["pixelType"] = 1, "u1"
        info["rasterAttributeTable"] = json.dumps(table)
        return kwargs

    def updatePixels(self, tlc: Any, shape: Any, props: dict[str, Any], **pixelBlocks: Any) -> dict[str, Any]:
        """Classify a block: raster_pixels (bands, rows, columns) and raster_mask, 0 where there is no data, both with
        the padding of the configuration on every side; output_pixels (1, rows, columns) without it."""
        pixels = np.asarray(pixelBlocks["raster_pixels"], np.float32)
        bands = len(self.definition["ExtractBands"])
        if len(pixels) != bands:
            raise RuntimeError(f"the image has {len(pixels)} bands for the model, which was trained on {bands}")
        mask = pixelBlocks.get("raster_mask")
        valid = np.ones(pixels.shape[1:], bool)
        if mask is not None:
            mask = np.asarray(mask)
            valid = (mask if mask.ndim == 2 else mask.any(axis=0)) != 0
        if self.collar:
            valid &= pixels.any(axis=0)
        greatest, most = self.definition["GreatestValue"], pixels.max(axis=0, initial=0, where=valid).max()
        if most > greatest:
            raise RuntimeError(
                f"the image has values up to {most:g}, but the model was trained on values up to {greatest}: rescale "
                "the image as the training images were"
            )
        classes = self._classify(pixels, valid)
        inside = tuple(slice(self.padding, side - self.padding) for side in classes.shape)
        there = valid[inside]
        pixelBlocks["output_pixels"] = np.where(there, classes[inside], 0)[None].astype(props["pixelType"], copy=False)
        pixelBlocks["output_mask"] = there[None].astype("u1")
        return pixelBlocks

    def updateKeyMetadata(self, names: Any, bandIndex: int, **keyMetadata: Any) -> dict[str, Any]:
        """The output is a thematic raster."""
        if bandIndex == -1:
            keyMetadata["datatype"] = "Thematic"
        return keyMetadata

    def _classify(self, pixels: np.ndarray, valid: np.ndarray) -> np.ndarray:
        """(rows, columns) class values; what has no data is shown to the network as the training mean."""
        known = self.definition
        step = known["SizeMultiple"]
        rows, columns = valid.shape
        mean = np.asarray(known["NormalizationStats"]["band_mean_values"], np.float32)
        image = np.empty((1, len(mean), -(-rows // step) * step, -(-columns // step) * step), np.float32)
        image[:] = mean[:, None, None]
        np.copyto(image[0, :, :rows, :columns], pixels, where=valid)
        probabilities = self.session.run(None, {"image": image})[0][0, :, :rows, :columns]
        # background, and classes that no training pixel showed, are never given
        values = np.asarray(known["OutputValues"], np.uint8)
        shown = np.flatnonzero(values)
        return values[shown][probabilities[shown].argmax(axis=0)]


def _parameter(name: str, kind: str, value: Any, title: str, text: str, required: bool = False) -> dict[str, Any]:
    return {
        "name": name, "dataType": kind, "value": value, "required": required, "displayName": title, "description": text,
    }  # fmt: skip


def _whole(given: Any, default: int) -> int:
    """Arguments come as text."""
    return int(default) if given in (None, "") else int(float(given))


def _rectangle(number: int) -> tuple[int, int]:
    """The squarest (rows, columns) of so many tiles, at least as wide as high."""
    rows = next(r for r in range(int(number**0.5), 0, -1) if number % r == 0)
    return rows, number // rows
