"""How much memory a network takes."""

from math import prod
from typing import Any

import keras
from keras import tree

from landcover.field import nodes

SIDE = 256
"""Pixels a side of the image that the sizes of tensors are told for: a multiple of all strides."""


def bytes_a_pixel(network: keras.Model) -> float:
    """The most memory, in bytes a pixel of the input, that float32 tensors take up at one time while the network
    computes layer by layer: each tensor lives until the last layer that reads it."""
    image = keras.KerasTensor((1, SIDE, SIDE, network.inputs[0].shape[-1]))
    return _most(network, image) / SIDE**2


def _most(network: keras.Model, image: keras.KerasTensor) -> float:
    """Bytes, for an image of a size that is known."""
    made: dict[int, Any] = {id(network.inputs[0]): image}
    read_last: dict[int, int] = {}
    steps: list[tuple[int, float, float]] = []

    def sized(value: Any) -> Any:
        return made.get(id(value), value)

    for node in nodes(network):
        operation, sources = node.operation, [id(tensor) for tensor in node.input_tensors]
        args, kwargs = tree.map_structure(sized, (node.arguments.args, node.arguments.kwargs))
        results = tree.flatten(operation.compute_output_spec(*args, **kwargs))
        inner = 0.0
        if isinstance(operation, keras.Model) and hasattr(operation, "operations"):
            inner = _most(operation, made[sources[0]])
        read_last.update(dict.fromkeys(sources, len(steps)))
        for old, new in zip(node.output_tensors, results, strict=True):
            made[id(old)] = new
            steps.append((id(old), _bytes(new), inner))
    alive, most = {id(network.inputs[0]): _bytes(image)}, 0.0
    for number, (key, size, inner) in enumerate(steps):
        alive[key] = size
        most = max(most, sum(alive.values()) + inner)
        alive = {key: value for key, value in alive.items() if read_last.get(key, 0) > number}
    return most


def _bytes(tensor: keras.KerasTensor) -> float:
    return 4.0 * prod(1 if n is None else n for n in tensor.shape)
