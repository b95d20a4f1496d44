"""ONNX files: the graph, and what must be known of the model beside it."""

import json
from typing import Any

import keras

from landcover.export.onnxgraph import to_onnx
from landcover.memory import bytes_a_pixel
from landcover.model import CARD_KEY, MEMORY_KEY, ModelCard

GREATEST = 255.0
"""Deepness divides grey values by this before a model sees them."""

DEEPNESS_TILE = 1024
"""Pixels a side of the tiles that Deepness cuts: about a third of them overlaps."""


def onnx_file(network: keras.Model, card: ModelCard) -> bytes:
    """(batch, bands, rows, columns) float32 grey values to (batch, 1 + classes, rows, columns) probabilities, output 0
    being background; rows and columns are multiples of `card.multiple`. `landcover classify` takes it too."""
    model = to_onnx(network)
    names = {number: c.name for number, c in enumerate(card.scheme, start=1)}
    _tell(model, _for_deepness(card, {0: "no data"} | names, card.chip_size))
    # Deepness divides grey values first: this takes it back, for who opens this file there and not its own
    zero, one = [0.0] * card.bands, [1 / GREATEST] * card.bands
    _tell(model, {"standardization_mean": json.dumps(zero), "standardization_std": json.dumps(one)})
    _tell(model, {CARD_KEY: card.model_dump_json(), MEMORY_KEY: json.dumps(bytes_a_pixel(network))})
    return bytes(model.SerializeToString())


def deepness_file(network: keras.Model, card: ModelCard) -> bytes:
    """For the Deepness plugin of QGIS, which wants tiles of one size and grey values over 255, and gives the likeliest
    of all outputs: without background, and without classes that no training pixel showed."""
    shown = [number for number, value in enumerate(card.outputs) if value]
    side = -(-DEEPNESS_TILE // card.multiple) * card.multiple
    model = to_onnx(network, shown, side, GREATEST)
    names = {number: card.scheme.root[output - 1].name for number, output in enumerate(shown)}
    _tell(model, _for_deepness(card, names, side))
    return bytes(model.SerializeToString())


def _for_deepness(card: ModelCard, names: dict[int, str], side: int) -> dict[str, str]:
    """Metadata as the plugin's documentation names it. Sizes are in pixels, the resolution in centimetres a pixel, the
    overlap in per cent of a tile: two halos, unless that is most of it."""
    overlap = min(-(-100 * 2 * card.margin // side), 75)
    return {
        key: json.dumps(value)
        for key, value in {
            "model_type": "Segmentor",
            "class_names": names,
            "resolution": round(100 * card.pixel_size[0], 3),
            # the documentation says tiles_size, the plugin reads tile_size
            "tiles_size": side,
            "tile_size": side,
            "tiles_overlap": overlap,
            "seg_thresh": 0.0,
            "seg_small_segment": 0,
        }.items()
    }


def _tell(model: Any, items: dict[str, str]) -> None:
    for key, text in items.items():
        model.metadata_props.add(key=key, value=text)
