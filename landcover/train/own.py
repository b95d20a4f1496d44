"""Networks of the user's own, and of plug-ins: built by a function, checked, and given the ends that all have."""

from collections.abc import Sequence
from inspect import signature
from typing import Any

import keras
import numpy as np
from keras import layers

from landcover.catalogue import Kind
from landcover.errors import LandcoverError, ModelError
from landcover.field import size_multiple
from landcover.model import FLOAT32_LAYERS
from landcover.owncode import import_function, mistake
from landcover.train.ends import begin
from landcover.train.graft import graft

NEVER = -30.0
"""Logit of background, which a network of somebody else's does not give: a probability of about nothing."""


def build_own(
    kind: Kind, bands: int, classes: int, mean: Sequence[float] | None, deviation: Sequence[float] | None
) -> keras.Model:
    """(batch, rows, columns, bands) grey values to (batch, rows, columns, 1 + classes) probabilities, output 0 being
    background, by the function behind `kind`: of bands and classes, it returns a model of normalised values that gives
    the logits of the classes. Raises ModelError for one that does not."""
    function, told = import_function(kind), f"train.model {kind.source}"
    try:
        signature(function).bind(bands, classes)
    except TypeError as error:
        raise ModelError(f"{told}: is called with the numbers of bands and of classes: {error}") from None
    except ValueError:  # of some callables there is none
        pass
    try:
        network = function(bands, classes)
    except LandcoverError:
        raise
    except Exception as error:
        raise ModelError(f"{told}: {function.__name__}({bands}, {classes}) failed: {mistake(error)}") from None
    _check(network, told, bands, classes)
    image, x = begin(bands, mean, deviation)
    (scores,) = graft(keras.Model(network.inputs, network.outputs), x)
    logits = layers.Conv2D(1 + classes, 1, name="logits", dtype="float32", trainable=False)
    out = layers.Softmax(name="probabilities", dtype="float32")(logits(scores))
    # the classes as they are, and background beside them
    kernel = np.eye(classes, 1 + classes, k=1, dtype=np.float32)[None, None]
    logits.set_weights([kernel, np.array([NEVER, *[0.0] * classes], np.float32)])
    made = keras.Model(image, out, name=kind.name)
    try:
        size_multiple(made)
    except ModelError as error:
        raise ModelError(f"{told}: {error}") from None
    return made


def _foreign(network: keras.Model) -> list[keras.Layer]:
    """Layers of classes that are neither Keras's nor this program's."""
    ours = ("keras", "landcover")
    return [
        layer
        for layer in network._flatten_layers(include_self=False)
        if type(layer).__module__.partition(".")[0] not in ours
    ]


def _check(network: Any, told: str, bands: int, classes: int) -> None:
    if not isinstance(network, keras.Model):
        raise ModelError(f"{told}: returned {_kind_of(network)} and should return a keras.Model")
    if not network.built or not getattr(network, "inputs", None):
        shape = f"keras.Input((None, None, {bands}))"
        raise ModelError(f"{told}: returned a model without an input: make it of {shape}")
    for name, tensors in (("input", network.inputs), ("output", network.outputs)):
        if len(tensors) != 1:
            raise ModelError(f"{told}: its model has {len(tensors)} {name}s and should have one")
    given, made = network.inputs[0].shape, network.outputs[0].shape
    if len(given) != 4 or given[-1] != bands:
        raise ModelError(
            f"{told}: its model takes {_shown(given)}, and the chips are (batch, rows, columns, {bands}): use the "
            "number of bands that the function is given"
        )
    if given[1] is not None or given[2] is not None:
        raise ModelError(
            f"{told}: its model takes images of {given[1]} x {given[2]} px alone, and tiles differ in size: begin with "
            f"keras.Input((None, None, {bands}))"
        )
    if len(made) != 4:
        raise ModelError(
            f"{told}: its model gives {_shown(made)} and should give (batch, rows, columns, {classes}): logits of "
            "each pixel"
        )
    if made[-1] != classes:
        more = " (background is added to it)" if made[-1] == classes + 1 else ""
        raise ModelError(
            f"{told}: its model gives {made[-1]} outputs for {classes} classes{more}: end with as many as "
            "there are classes, which the function is given"
        )
    last = network.layers[-1]
    activation = getattr(last, "activation", None)
    if isinstance(last, layers.Softmax) or getattr(activation, "__name__", "") == "softmax":
        raise ModelError(f"{told}: its last layer, {last.name}, is a softmax: return logits, without it")
    taken = sorted({layer.name for layer in network.layers} & {"image", *FLOAT32_LAYERS})
    if taken:
        raise ModelError(
            f"{told}: a layer is called {taken[0]}, which is the name of one that is put around it: call it otherwise"
        )
    if any(type(layer) is layers.Lambda for layer in network._flatten_layers(include_self=False)):
        raise ModelError(
            f"{told}: a Lambda layer could not be loaded again: make it a layer of a class of your own, with "
            "@keras.saving.register_keras_serializable() before it"
        )
    for layer in _foreign(network):
        if ">" not in keras.saving.get_registered_name(type(layer)):
            raise ModelError(
                f"{told}: the class {type(layer).__name__} could not be loaded again: put "
                "@keras.saving.register_keras_serializable() before it"
            )


def _kind_of(value: object) -> str:
    return "nothing" if value is None else f"a {type(value).__name__}"


def _shown(shape: Sequence[int | None]) -> str:
    return f"({', '.join('any' if n is None else str(n) for n in shape)})"
