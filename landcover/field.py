"""The receptive field of a network: how far a pixel of the map looks."""

from collections.abc import Sequence
from math import gcd, lcm, prod
from typing import Any

import keras
from keras import layers

from landcover.errors import ModelError
from landcover.pooling import GLOBAL

Span = tuple[int, int]

BANDS = (-1, 3, [-1], [3], (-1,), (3,))
"""How layers name the axis of the bands."""

POINTWISE = (
    layers.InputLayer, layers.Normalization, layers.Rescaling, layers.Dropout, layers.SpatialDropout2D,
    layers.Concatenate, layers.Add, layers.Multiply, layers.Activation, layers.ReLU, layers.LeakyReLU, layers.ELU,
    layers.Softmax, layers.BatchNormalization, layers.LayerNormalization,
)  # fmt: skip
"""Layers of each pixel by itself, as long as they work along the bands, see `over_bands`."""

MULTIPLES = tuple(2**power for power in range(9))
"""What sizes of tiles may have to be multiples of."""


def receptive_field(network: keras.Model) -> tuple[int | None, int]:
    """(halo, multiple): the pixels around a tile that can change its centre, and what tile sizes are multiples of.

    As `exact_field`; the halo is None where there is none: of a network with a layer that looks at all of the image, or
    that is not known. Raises ModelError for a network that gives no pixel for each pixel.
    """
    try:
        return exact_field(network)
    except ModelError:
        return None, size_multiple(network)


def exact_field(network: keras.Model) -> tuple[int, int]:
    """(halo, multiple) of a network whose layers are all known: some hundredths of a second.

    Works backwards from a block of output pixels to the input pixels that reach it, layer by layer; exact for
    convolutions, pooling and transposed convolutions, also in branches. The halo is rounded up to the multiple. Raises
    ModelError for another network.
    """
    low, high = spans(network)[id(network.inputs[0])]
    multiple = _total_stride(network)
    return _rounded(max(-low, high - (multiple - 1)), multiple), multiple


def size_multiple(network: keras.Model) -> int:
    """The least power of two of which images must have multiples of rows and columns, so that each pixel of theirs gets
    one, found by trying. Raises ModelError if there is none up to 256."""
    for multiple in MULTIPLES:
        if _same_size(network, 3 * multiple, 5 * multiple):
            return multiple
    raise ModelError(
        'the network does not give as many rows and columns as the image has: give convolutions padding="same", and '
        f"enlarge again what strides make smaller, by {MULTIPLES[-1]} in all at most"
    )


def _same_size(network: keras.Model, rows: int, columns: int) -> bool:
    image = keras.KerasTensor((1, rows, columns, network.inputs[0].shape[-1]))
    try:
        made = network.compute_output_spec(image)
    except Exception:  # Keras, and layers of others, refuse shapes as they like
        return False
    made = made[0] if isinstance(made, list | tuple) else made
    return tuple(made.shape[:3]) == tuple(image.shape[:3])


def nodes(network: keras.Model) -> list[Any]:
    """The calls of layers and operations that the output is made by, each after those that make its inputs. A layer
    that is used several times has as many, and may have others, of networks that it was part of before."""
    place = {id(operation): number for number, operation in enumerate(network.operations)}
    made: list[Any] = []
    for depth in sorted(network._nodes_by_depth, reverse=True):
        calls = [node for node in network._nodes_by_depth[depth] if node.input_tensors]
        made += sorted(calls, key=lambda node: place[id(node.operation)])
    return made


def spans(network: keras.Model) -> dict[int, Span]:
    """Which pixels of each tensor, along one axis, bear on a block of output pixels as long as the network's total
    stride, by the tensor's id. Raises ModelError where that is not known."""
    calls = nodes(network)
    for node in calls:
        if not isinstance(node.operation, keras.Layer):
            told = f"{node.operation.name} ({type(node.operation).__name__})"
            raise ModelError(f"{told}: its receptive field is not known")
    needed: dict[int, Span] = {id(network.outputs[0]): (0, _total_stride(network) - 1)}
    for node in reversed(calls):
        low, high = _looked_at(node.operation, needed[id(node.output_tensors[0])])
        for tensor in node.input_tensors:
            before = needed.get(id(tensor), (low, high))
            needed[id(tensor)] = (min(low, before[0]), max(high, before[1]))
    return needed


def margins(network: keras.Model) -> dict[int, int]:
    """How many pixels of each tensor around the centre of a tile bear on that centre, on the side where they are more,
    by the tensor's id: rounded up so that pooling on the way to the output divides them. Raises ModelError where that
    is not known."""
    needed, calls = spans(network), nodes(network)
    blocks, divided = {id(network.inputs[0]): _total_stride(network)}, {id(network.outputs[0]): 1}
    for node in calls:
        down, up = scale(node.operation)
        blocks[id(node.output_tensors[0])] = blocks[id(node.input_tensors[0])] // down * up
    for node in reversed(calls):
        down, up = scale(node.operation)
        after = divided[id(node.output_tensors[0])]
        for tensor in node.input_tensors:
            divided[id(tensor)] = lcm(divided.get(id(tensor), 1), down * (after // gcd(after, up)))
    return {key: _rounded(max(-low, high - (blocks[key] - 1)), divided[key]) for key, (low, high) in needed.items()}


def scale(layer: Any) -> tuple[int, int]:
    """(down, up): what a layer divides sizes by, and what it multiplies them by."""
    if isinstance(layer, layers.MaxPooling2D | layers.AveragePooling2D):
        return int(layer.strides[0]), 1
    return 1, int(layer.strides[0]) if isinstance(layer, layers.Conv2DTranspose) else 1


def _rounded(number: int, multiple: int) -> int:
    return -(-number // multiple) * multiple


def _looked_at(layer: Any, span: Span) -> Span:
    """The pixels along one axis of a layer's input that its output pixels `span` depend on."""
    low, high = span
    if isinstance(layer, GLOBAL):
        raise ModelError(f"layer {layer.name}: looks at all of the image")
    if type(layer).__module__.partition(".")[0] != "keras":
        raise ModelError(f"layer {layer.name} ({type(layer).__name__}): its receptive field is not known")
    if isinstance(layer, layers.Conv2DTranspose):
        kernel, stride = max(layer.kernel_size), _one(layer, layer.strides)
        if kernel > stride:
            raise ModelError(
                f"layer {layer.name}: transposed convolutions with a kernel above the stride are not known"
            )
        return low // stride, high // stride
    if isinstance(layer, layers.Conv2D | layers.DepthwiseConv2D | layers.SeparableConv2D):
        if tuple(layer.strides) != (1, 1) or (layer.padding != "same" and max(layer.kernel_size) > 1):
            raise ModelError(f"layer {layer.name}: only convolutions of stride 1 with padding same are known")
        reach = max((k - 1) * rate for k, rate in zip(layer.kernel_size, layer.dilation_rate, strict=True))
        return low - reach // 2, high + reach - reach // 2
    if isinstance(layer, layers.MaxPooling2D | layers.AveragePooling2D):
        if tuple(layer.pool_size) != tuple(layer.strides):
            raise ModelError(f"layer {layer.name}: only pooling whose stride is its size is known")
        stride = _one(layer, layer.strides)
        return low * stride, high * stride + stride - 1
    if isinstance(layer, POINTWISE):
        if not over_bands(layer):
            raise ModelError(f"layer {layer.name} ({type(layer).__name__}): looks along rows or columns")
        return span
    raise ModelError(f"layer {layer.name} ({type(layer).__name__}): its receptive field is not known")


def over_bands(layer: Any) -> bool:
    """Whether a layer that works along an axis does so along that of the bands: of each pixel by itself."""
    along = (layers.Softmax, layers.LayerNormalization, layers.Concatenate)
    return not isinstance(layer, along) or layer.axis in BANDS


def _one(layer: Any, strides: Sequence[int]) -> int:
    """The stride along rows and columns. Raises ModelError for two that differ."""
    if len(set(strides)) > 1:
        raise ModelError(f"layer {layer.name}: strides that differ along rows and columns are not known")
    return int(strides[0])


def _total_stride(network: keras.Model) -> int:
    return prod(scale(node.operation)[0] for node in nodes(network))
