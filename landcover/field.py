"""The receptive field of a network: how far a pixel of the map looks."""

from typing import Any

import keras

from landcover.errors import ModelError

Span = tuple[int, int]


def receptive_field(network: keras.Model) -> tuple[int, int]:
    """(halo, multiple): the pixels around a tile that can change its centre, and what tile sizes are multiples of.

    Works backwards from a block of output pixels to the input pixels that reach it, layer by layer; exact for
    convolutions, pooling and transposed convolutions, also in branches. Raises ModelError for a layer that it does not
    know. The halo is rounded up to the multiple.
    """
    multiple = _total_stride(network)
    low, high = spans(network)[id(network.inputs[0])]
    reach = max(-low, high - (multiple - 1))
    return -(-reach // multiple) * multiple, multiple


def spans(network: keras.Model) -> dict[int, Span]:
    """Which pixels of each tensor, along one axis, bear on a block of output pixels as long as the network's total
    stride, by the tensor's id. Raises ModelError."""
    needed: dict[int, Span] = {id(network.outputs[0]): (0, _total_stride(network) - 1)}
    for layer in reversed(network.layers):
        for node in layer._inbound_nodes:
            spans = [needed[id(t)] for t in node.output_tensors if id(t) in needed]
            if not spans or not node.input_tensors:
                continue
            wanted = (min(s[0] for s in spans), max(s[1] for s in spans))
            for tensor in node.input_tensors:
                low, high = _looked_at(layer, wanted)
                before = needed.get(id(tensor), (low, high))
                needed[id(tensor)] = (min(low, before[0]), max(high, before[1]))
    return needed


def _looked_at(layer: Any, span: Span) -> Span:
    """The pixels along one axis of a layer's input that its output pixels `span` depend on."""
    low, high = span
    if isinstance(layer, keras.layers.Conv2DTranspose):
        kernel, stride = layer.kernel_size[0], layer.strides[0]
        if kernel > stride:
            raise ModelError(
                f"layer {layer.name}: transposed convolutions with a kernel above the stride are not known"
            )
        return low // stride, high // stride
    if isinstance(layer, keras.layers.Conv2D):
        if layer.strides[0] != 1 or (layer.padding != "same" and layer.kernel_size[0] > 1):
            raise ModelError(f"layer {layer.name}: only convolutions of stride 1 with padding same are known")
        reach = (layer.kernel_size[0] - 1) * layer.dilation_rate[0]
        return low - reach // 2, high + reach - reach // 2
    if isinstance(layer, keras.layers.MaxPooling2D | keras.layers.AveragePooling2D):
        if layer.pool_size != layer.strides:
            raise ModelError(f"layer {layer.name}: only pooling whose stride is its size is known")
        stride = layer.strides[0]
        return low * stride, high * stride + stride - 1
    pointwise = (
        keras.layers.Normalization, keras.layers.Rescaling, keras.layers.Dropout, keras.layers.Concatenate,
        keras.layers.Add, keras.layers.Activation, keras.layers.Softmax, keras.layers.BatchNormalization,
    )  # fmt: skip
    over_bands = isinstance(layer, keras.layers.LayerNormalization) and layer.axis in (-1, [-1], 3, [3])
    if isinstance(layer, pointwise) or over_bands:
        return span
    raise ModelError(f"layer {layer.name} ({type(layer).__name__}): its receptive field is not known")


def _total_stride(network: keras.Model) -> int:
    total = 1
    for layer in network.layers:
        if isinstance(layer, keras.layers.MaxPooling2D | keras.layers.AveragePooling2D):
            total *= layer.strides[0]
    return total
