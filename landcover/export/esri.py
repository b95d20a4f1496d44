"""Esri model definition and deep learning package: what ArcGIS Pro's Classify Pixels Using Deep Learning takes."""

import json
import zipfile
from pathlib import Path
from typing import Any

import keras
import numpy as np
from jinja2 import Environment, FileSystemLoader

from landcover.bands import CLASSIFIED_TILES, band_names
from landcover.export.onnxfile import onnx_file
from landcover.files import whole_file, whole_folder
from landcover.model import ModelCard

FUNCTION = "LandcoverClassifier"
"""The raster function: the name of its class and of its file, which ArcGIS expects to be the same."""

TILE = 512
"""Pixels a side of a tile, padding included, so that the padding is the smaller part of a block. Deep networks look
so far that their tiles are larger: three times the padding."""

BATCH = 4


def definition(card: ModelCard, name: str) -> dict[str, Any]:
    """The content of <name>.emd; keys as in Esri's documentation, and four of our own for the raster function.

    `Padding` is what the network looks at around a pixel: blocks meet without a seam. `OutputValues`: the class value
    of each output of the network, 0 for one that is never given; `SizeMultiple`: what block sizes are multiples of;
    `GreatestValue`: of the pixel type of the training; `NormalizationStats`: of the training; the network itself
    normalises.
    """
    x, y = card.pixel_size
    names = band_names(card.bands)
    side = -(-(card.chip_size if card.blended else max(TILE, 3 * card.margin)) // card.multiple) * card.multiple
    return {
        "Framework": "ONNX",
        "ModelConfiguration": FUNCTION,
        "ModelType": "ImageClassification",
        "ModelName": name,
        "ModelFile": f"{name}.onnx",
        "InferenceFunction": f"{FUNCTION}.py",
        "Description": f"Land cover of {', '.join(card.scheme.names)} from images of {card.bands} bands; landcover "
        f"{card.version}",
        "ImageHeight": side,
        "ImageWidth": side,
        "ExtractBands": list(range(card.bands)),
        "Padding": card.margin,
        "BatchSize": BATCH,
        "SizeMultiple": card.multiple,
        "SupportsVariableTileSize": True,
        "ImageSpaceUsed": "MAP_SPACE",
        "MetaDataMode": CLASSIFIED_TILES,
        "MinCellSize": {"x": x, "y": y},
        "MaxCellSize": {"x": x, "y": y},
        "Bands": list(names),
        "NormalizationStats": {
            "band_mean_values": list(card.mean),
            "band_std_values": list(card.deviation),
        },
        "Classes": [{"Value": c.value, "Name": c.name, "Color": list(c.rgb)} for c in card.scheme],
        "OutputValues": card.outputs,
        "GreatestValue": int(np.iinfo(card.dtype).max),
    }


def write_emd(network: keras.Model, card: ModelCard, pictures: Path, name: str, out: Path) -> None:
    """A folder with <name>.emd, <name>.onnx and the raster function; `pictures`: the folder of the training."""
    with whole_folder(out) as folder:
        for path, content in _members(network, card, pictures, name).items():
            (folder / path).parent.mkdir(exist_ok=True)
            (folder / path).write_bytes(content)


def write_dlpk(network: keras.Model, card: ModelCard, pictures: Path, out: Path) -> None:
    """The same in a zip file, which ArcGIS calls a deep learning package."""
    with whole_file(out) as temporary, zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in _members(network, card, pictures, out.stem).items():
            # the time of a package would make two of one model differ
            archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)


def _members(network: keras.Model, card: ModelCard, folder: Path, name: str) -> dict[str, bytes]:
    pictures = _pictures(folder)
    return {
        f"{name}.emd": json.dumps(definition(card, name), indent=2).encode(),
        f"{name}.onnx": onnx_file(network, card),
        f"{FUNCTION}.py": Path(__file__).with_name(f"{FUNCTION}.py").read_bytes(),
        "model_metrics.html": _page(card, name, list(pictures)).encode(),
        **pictures,
    }


def _pictures(folder: Path) -> dict[str, bytes]:
    """What the training drew, under the names that arcgis.learn gives them."""
    found = {"loss_graph.png": folder / "curves.png"}
    if shown := sorted(folder.glob("validation/epoch_*.png")):
        found["show_results.png"] = shown[-1]
    return {f"ModelCharacteristics/{name}": path.read_bytes() for name, path in found.items() if path.exists()}


def _page(card: ModelCard, name: str, pictures: list[str]) -> str:
    """model_metrics.html: what the model was trained on, and how well it did in validation."""
    environment = Environment(loader=FileSystemLoader(Path(__file__).parent), autoescape=True)
    environment.filters["percent"] = lambda share: "not known" if share is None else f"{100 * share:.1f} %"
    return environment.get_template("metrics.html").render(card=card, name=name, pictures=pictures)
