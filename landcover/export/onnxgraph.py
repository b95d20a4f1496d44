"""The network as an ONNX graph: bands first, any number of images of any size that the net allows, float32."""

from collections.abc import Callable, Sequence
from itertools import count
from typing import Any

import keras
import numpy as np
import onnx
from keras import layers
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from landcover.errors import ModelError
from landcover.field import nodes, over_bands

OPSET, IR = 17, 8
"""What ONNX Runtime 1.14 and later understand."""

SLOPE = 0.2
"""Of Keras's leaky_relu where a layer names it by its name alone."""

IMAGE, PROBABILITIES = "image", "probabilities"
"""Names of the input and of the output."""


class _Graph:
    """Nodes and weights as they are gathered. A layer that is used several times has nodes for each, and its weights
    once."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.weights: dict[str, onnx.TensorProto] = {}
        self._taken: set[str] = set()

    def weight(self, name: str, values: NDArray[Any]) -> str:
        self.weights[name] = numpy_helper.from_array(np.ascontiguousarray(values), name)
        return name

    def node(self, kind: str, inputs: Sequence[str], name: str, **attributes: Any) -> str:
        """Add an operation; the name of its output."""
        free = (f"{name}_again{number}" if number else name for number in count())
        name = next(one for one in free if one not in self._taken)
        self._taken.add(name)
        self.nodes.append(helper.make_node(kind, list(inputs), [f"/{name}"], name=name, **attributes))
        return f"/{name}"


def to_onnx(
    network: keras.Model, outputs: Sequence[int] | None = None, side: int | None = None, scale: float = 1.0
) -> onnx.ModelProto:
    """(batch, bands, rows, columns) grey values to (batch, outputs, rows, columns) probabilities.

    `outputs`: some of the network's alone, in this order, among which the probabilities are shared. `side`: one image
    at a time, of this many rows and columns. `scale`: input values times this are grey values. The layers are written
    one by one (the converters at hand leave constants as inputs that nobody fills, and recompute sizes at every step).
    Raises ModelError for a layer that has no counterpart here.
    """
    graph = _Graph()
    made: dict[int, str] = {id(network.inputs[0]): IMAGE}
    if scale != 1.0:
        factor = graph.weight("scale", np.float32(scale))
        made[id(network.inputs[0])] = graph.node("Mul", [IMAGE, factor], "grey_values")
    for node in nodes(network):
        inputs = [made[id(tensor)] for tensor in node.input_tensors]
        made[id(node.output_tensors[0])] = _converted(graph, node.operation, inputs, outputs)
    last = made[id(network.outputs[0])]
    graph.nodes.append(helper.make_node("Identity", [last], [PROBABILITIES], name="output"))
    bands, number = network.inputs[0].shape[-1], len(outputs or range(network.outputs[0].shape[-1]))
    # rows and columns without names: viewers that want squares take two names for two sizes
    free = ["batch", None, None] if side is None else [1, side, side]

    def described(name: str, channels: int) -> onnx.ValueInfoProto:
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, [free[0], channels, *free[1:]])

    model = helper.make_model(
        helper.make_graph(
            graph.nodes,
            network.name,
            [described(IMAGE, bands)],
            [described(PROBABILITIES, number)],
            list(graph.weights.values()),
        ),
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR,
        producer_name="landcover",
    )
    onnx.checker.check_model(model, full_check=True)
    return model


def _converted(graph: _Graph, layer: keras.Layer, inputs: Sequence[str], outputs: Sequence[int] | None) -> str:
    """The name of what a layer makes of its inputs."""
    convert = next((convert for kind, convert in CONVERTERS.items() if type(layer) is kind), None)
    if convert is None:
        raise ModelError(f"layer {layer.name}: a {type(layer).__name__} cannot be written as ONNX")
    if not over_bands(layer):
        raise ModelError(
            f"layer {layer.name}: a {type(layer).__name__} along rows or columns cannot be written as ONNX"
        )
    if layer.name == "logits" and outputs is not None:
        return _convolution(graph, layer, inputs, list(outputs))
    return convert(graph, layer, inputs)


def _weights(layer: keras.Layer) -> list[NDArray[np.float32]]:
    return [keras.ops.convert_to_numpy(weight).astype(np.float32) for weight in layer.weights]


def _activated(graph: _Graph, activation: Callable[..., Any], x: str, name: str) -> str:
    kind = getattr(activation, "__name__", str(activation))
    if kind == "linear":
        return x
    if kind in SIMPLE:
        operation, attributes = SIMPLE[kind]
        return graph.node(operation, [x], name, **attributes)
    if kind == "silu":
        return graph.node("Mul", [x, graph.node("Sigmoid", [x], f"{name}_sigmoid")], name)
    if kind == "gelu":
        root, one, half = (
            graph.weight(f"{name}_{k}", np.float32(v)) for k, v in (("r", 2**-0.5), ("1", 1), ("h", 0.5))
        )
        error = graph.node("Erf", [graph.node("Mul", [x, root], f"{name}_scaled")], f"{name}_erf")
        share = graph.node("Mul", [graph.node("Add", [error, one], f"{name}_more"), half], f"{name}_share")
        return graph.node("Mul", [x, share], name)
    raise ModelError(f"{name}: the activation {kind} cannot be written as ONNX")


def _convolution(graph: _Graph, layer: Any, inputs: Sequence[str], chosen: list[int] | None = None) -> str:
    kernel, *bias = _weights(layer)
    if chosen is not None:
        kernel, bias = kernel[..., chosen], [b[chosen] for b in bias]
    pads = [0, 0, 0, 0]
    if layer.padding == "same":
        if layer.strides != (1, 1):
            raise ModelError(
                f"layer {layer.name}: a convolution of stride {layer.strides} with padding same cannot be written as "
                "ONNX"
            )
        reach = [(size - 1) * rate for size, rate in zip(layer.kernel_size, layer.dilation_rate, strict=True)]
        pads = [reach[0] // 2, reach[1] // 2, reach[0] - reach[0] // 2, reach[1] - reach[1] // 2]
    names = [graph.weight(f"{layer.name}_kernel", kernel.transpose(3, 2, 0, 1))]
    names += [graph.weight(f"{layer.name}_bias", b) for b in bias]
    x = graph.node(
        "Conv", [*inputs, *names], layer.name, pads=pads, strides=list(layer.strides), group=layer.groups,
        dilations=list(layer.dilation_rate),
    )  # fmt: skip
    return _activated(graph, layer.activation, x, f"{layer.name}_activation")


def _transposed(graph: _Graph, layer: Any, inputs: Sequence[str]) -> str:
    if layer.kernel_size != layer.strides:
        raise ModelError(
            f"layer {layer.name}: a transposed convolution whose kernel is not its stride cannot be written as ONNX"
        )
    kernel, *bias = _weights(layer)
    names = [graph.weight(f"{layer.name}_kernel", kernel.transpose(3, 2, 0, 1))]
    names += [graph.weight(f"{layer.name}_bias", b) for b in bias]
    x = graph.node("ConvTranspose", [*inputs, *names], layer.name, strides=list(layer.strides))
    return _activated(graph, layer.activation, x, f"{layer.name}_activation")


def _normalisation(graph: _Graph, layer: Any, inputs: Sequence[str]) -> str:
    if layer.invert:
        raise ModelError(f"layer {layer.name}: a Normalization with invert cannot be written as ONNX")
    mean, variance = (keras.ops.convert_to_numpy(v).reshape(-1, 1, 1) for v in (layer.mean, layer.variance))
    deviation = np.maximum(np.sqrt(variance), keras.backend.epsilon()).astype(np.float32)
    mean = graph.weight(f"{layer.name}_mean", mean.astype(np.float32))
    centred = graph.node("Sub", [*inputs, mean], f"{layer.name}_centred")
    return graph.node("Div", [centred, graph.weight(f"{layer.name}_deviation", deviation)], layer.name)


def _batch_norm(graph: _Graph, layer: Any, inputs: Sequence[str]) -> str:
    names = _scale_and_shift(graph, layer, layer.moving_mean.shape[0])
    names += _vectors(graph, layer, {"mean": layer.moving_mean, "variance": layer.moving_variance})
    return graph.node("BatchNormalization", [*inputs, *names], layer.name, epsilon=layer.epsilon)


def _layer_norm(graph: _Graph, layer: Any, inputs: Sequence[str]) -> str:
    if getattr(layer, "rms_scaling", False):
        raise ModelError(f"layer {layer.name}: a LayerNormalization with rms_scaling cannot be written as ONNX")
    names = _scale_and_shift(graph, layer, layer.input.shape[-1])
    last = graph.node("Transpose", inputs, f"{layer.name}_last", perm=[0, 2, 3, 1])
    x = graph.node("LayerNormalization", [last, *names], f"{layer.name}_made", axis=-1, epsilon=layer.epsilon)
    return graph.node("Transpose", [x], layer.name, perm=[0, 3, 1, 2])


def _scale_and_shift(graph: _Graph, layer: Any, bands: int) -> list[str]:
    """Of a normalisation, also of one that does without."""
    scale = layer.gamma if layer.scale else np.ones(bands)
    return _vectors(graph, layer, {"scale": scale, "shift": layer.beta if layer.center else np.zeros(bands)})


def _vectors(graph: _Graph, layer: Any, parts: dict[str, Any]) -> list[str]:
    values = {part: keras.ops.convert_to_numpy(value).astype(np.float32) for part, value in parts.items()}
    return [graph.weight(f"{layer.name}_{part}", value) for part, value in values.items()]


def _pooling(kind: str) -> Callable[[_Graph, Any, Sequence[str]], str]:
    def convert(graph: _Graph, layer: Any, inputs: Sequence[str]) -> str:
        if layer.padding != "valid":
            raise ModelError(f"layer {layer.name}: pooling with padding {layer.padding} cannot be written as ONNX")
        size, strides = list(layer.pool_size), list(layer.strides)
        return graph.node(kind, inputs, layer.name, kernel_shape=size, strides=strides)

    return convert


def _relu(graph: _Graph, layer: Any, inputs: Sequence[str]) -> str:
    if layer.threshold or layer.negative_slope or layer.max_value is not None:
        raise ModelError(
            f"layer {layer.name}: a ReLU with a threshold, a slope or a greatest value cannot be written as ONNX"
        )
    return graph.node("Relu", inputs, layer.name)


SIMPLE: dict[str, tuple[str, dict[str, Any]]] = {
    "elu": ("Elu", {"alpha": 1.0}), "relu": ("Relu", {}), "leaky_relu": ("LeakyRelu", {"alpha": SLOPE}),
    "sigmoid": ("Sigmoid", {}), "tanh": ("Tanh", {}), "softmax": ("Softmax", {"axis": 1}),
}  # fmt: skip

CONVERTERS: dict[type, Callable[[_Graph, Any, Sequence[str]], str]] = {
    layers.Conv2D: _convolution,
    layers.Conv2DTranspose: _transposed,
    layers.Normalization: _normalisation,
    layers.BatchNormalization: _batch_norm,
    layers.LayerNormalization: _layer_norm,
    layers.MaxPooling2D: _pooling("MaxPool"),
    layers.AveragePooling2D: _pooling("AveragePool"),
    layers.Activation: lambda graph, layer, inputs: _activated(graph, layer.activation, inputs[0], layer.name),
    layers.ReLU: _relu,
    layers.Softmax: lambda graph, layer, inputs: graph.node("Softmax", inputs, layer.name, axis=1),
    layers.Concatenate: lambda graph, layer, inputs: graph.node("Concat", inputs, layer.name, axis=1),
    layers.Add: lambda graph, layer, inputs: graph.node("Sum", inputs, layer.name),
    layers.Dropout: lambda graph, layer, inputs: inputs[0],
    layers.SpatialDropout2D: lambda graph, layer, inputs: inputs[0],
}
