"""The network as maps are made with it: grey values in, class values out, no pixel computed that nobody asks for."""

import keras
import numpy as np
from keras import layers, ops

from landcover.field import margins, nodes, scale
from landcover.model import ModelCard

Margins = dict[int, tuple[keras.KerasTensor, int]]


def map_network(
    network: keras.Model, card: ModelCard, halo: int, gaps: bool = True, confidence: bool = False
) -> keras.Model:
    """From pixels (batch, rows, columns, bands) with a halo on every side to class values (batch, rows, columns) uint8
    of the centre, and with `confidence` the probability of that class in per cent.

    With `gaps` there is a second input, valid (batch, rows, columns): pixels without data are filled with the training
    mean, which is nothing to the network once normalised, so that a black collar does not reach its neighbours. A
    class that no training pixel showed is never given, nor background.
    """
    given, filled = _inputs(card, gaps)
    features = _centre(keras.Model(network.input, network.get_layer("logits").input), filled, halo)
    shown = _shown(card)
    scores = _outputs(network.get_layer("logits"), shown)(features)
    values = np.array([card.outputs[number] for number in shown], np.uint8)
    classes = ops.take(ops.convert_to_tensor(values), ops.argmax(scores, axis=-1))
    if not confidence:
        return keras.Model(given, classes, name="map")
    # of exp(score - best) the best is 1: its share is one over the sum
    best = ops.max(scores, axis=-1, keepdims=True)
    share = 1 / ops.sum(ops.exp(scores - best), axis=-1)
    return keras.Model(given, [classes, ops.cast(ops.round(100 * share), "uint8")], name="map")


def score_network(network: keras.Model, card: ModelCard, gaps: bool = True) -> keras.Model:
    """From the same inputs to the probabilities (batch, rows, columns, classes shown) of all pixels, among the classes
    that a map shows: the whole network, whose outputs may depend on all that it sees."""
    given, filled = _inputs(card, gaps)
    features = keras.Model(network.input, network.get_layer("logits").input)(filled)
    scores = _outputs(network.get_layer("logits"), _shown(card))(features)
    return keras.Model(given, layers.Softmax(dtype="float32")(scores), name="scores")


def _inputs(card: ModelCard, gaps: bool) -> tuple[list[keras.KerasTensor], keras.KerasTensor]:
    """The inputs, and pixels as the network takes them."""
    pixels = keras.Input((None, None, card.bands), dtype=card.dtype, name="pixels")
    if not gaps:
        return [pixels], ops.cast(pixels, "float32")
    valid = keras.Input((None, None), dtype="bool", name="valid")
    mean = ops.convert_to_tensor(np.asarray(card.mean, np.float32))
    return [pixels, valid], ops.where(valid[..., None], ops.cast(pixels, "float32"), mean)


def _shown(card: ModelCard) -> list[int]:
    """The outputs that a map shows."""
    return [number for number, value in enumerate(card.outputs) if value]


def _outputs(logits: keras.layers.Conv2D, chosen: list[int]) -> keras.layers.Conv2D:
    """The last layer with some of its outputs alone."""
    kernel, bias = (ops.convert_to_numpy(weight)[..., chosen] for weight in logits.weights)
    fewer = keras.layers.Conv2D.from_config(logits.get_config() | {"filters": len(chosen)})
    fewer.build((None, None, None, kernel.shape[-2]))
    fewer.set_weights([kernel, bias])
    return fewer


def _centre(network: keras.Model, image: keras.KerasTensor, halo: int) -> keras.KerasTensor:
    """The network's output for the centre of an image with a halo, on the same weights.

    The way down needs the whole halo, the way up only a few pixels of it at each level: where two branches meet, and
    before sizes double, what cannot reach the centre is cut away, but for what keeps the pooling behind where it was.
    With a full halo not a pixel of the output changes; with less of one, the rim is computed from what there is.
    """
    needed = margins(network)
    made: Margins = {id(network.inputs[0]): (image, halo)}
    for node in nodes(network):
        layer, inputs = node.operation, [made[id(tensor)] for tensor in node.input_tensors]
        margin = min(m for _, m in inputs)
        if len(inputs) > 1:
            margin = min(margin, needed[id(node.output_tensors[0])])
        elif isinstance(layer, layers.Conv2DTranspose):
            margin = min(margin, needed[id(node.input_tensors[0])])
        cropped = [_without(tensor, m - margin) for tensor, m in inputs]
        output = layer(cropped if len(cropped) > 1 else cropped[0])
        down, up = scale(layer)
        made[id(node.output_tensors[0])] = output, margin // down * up
    return _without(*made[id(network.outputs[0])])


def _without(tensor: keras.KerasTensor, margin: int) -> keras.KerasTensor:
    return layers.Cropping2D(margin)(tensor) if margin else tensor
