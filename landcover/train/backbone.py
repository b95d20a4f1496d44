"""Backbones of Keras Applications, as the first part of segmentation networks."""

import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import applications, layers

from landcover.errors import ModelError
from landcover.settings import BackboneSettings
from landcover.train.ends import MOMENTUM
from landcover.train.graft import graft
from landcover.words import counted

IMAGENET_MEAN, IMAGENET_DEVIATION = (123.68, 116.779, 103.939), (58.393, 57.12, 57.375)
"""Of red, green and blue in the images that published weights come from, as Keras's own preprocessing has them."""


@dataclass(frozen=True)
class Backbone:
    """`stem`: its first convolution. `low`: the last layer at stride 4. `deep`: the layer whose features are used.
    `channels`: of the parts that a network puts on top. Published weights expect red, green and blue, or `reverse`
    order, less `centre`, over `unit`."""

    build: Callable[..., keras.Model]
    stem: str
    low: str
    deep: str
    channels: int
    centre: tuple[float, float, float]
    unit: float
    reverse: bool


BACKBONES = {
    "mobilenetv2": Backbone(
        applications.MobileNetV2, "Conv1", "block_3_expand_relu", "block_16_project_BN", 128, (127.5,) * 3, 127.5, False
    ),
    "resnet50": Backbone(
        applications.ResNet50, "conv1_conv", "conv2_block3_out", "conv5_block3_out", 256, IMAGENET_MEAN, 1.0, True
    ),
    "resnet101": Backbone(
        applications.ResNet101, "conv1_conv", "conv2_block3_out", "conv5_block3_out", 256, IMAGENET_MEAN, 1.0, True
    ),
}


def features(
    normalised: keras.KerasTensor, settings: BackboneSettings, stride: int, seeds: Iterator[int]
) -> tuple[keras.KerasTensor, keras.KerasTensor]:
    """Features of a normalised image at stride 4, and deep ones at `stride`, which is 8, 16 or 32.

    Beyond that stride convolutions are dilated in place of striding (Chen et al. 2017, arXiv:1706.05587), which leaves
    weights as they are. Raises ModelError for weights that do not fit.
    """
    kind, bands = BACKBONES[settings.name], normalised.shape[-1]
    plain = _plain(settings)
    network = _reshaped(plain, kind, bands, stride, seeds)
    if settings.weights is not None:
        _load(plain, settings)
        for layer in network.layers:
            given = plain.get_layer(layer.name).get_weights()
            if layer.name == kind.stem:
                given[0] = of_bands(given[0][:, :, ::-1] if kind.reverse else given[0], bands)
            layer.set_weights(given)
    low, deep = graft(network, normalised)
    return low, deep


def in_units(
    mean: Sequence[float], deviation: Sequence[float], settings: BackboneSettings
) -> tuple[list[float], list[float]]:
    """What to normalise by so that bands come in the units that the backbone's weights were trained in: the mean and
    deviation of each band in the training become those of ImageNet's red, green and blue, of further bands their
    averages. Without weights the bands' own."""
    if settings.weights is None:
        return list(mean), list(deviation)
    kind = BACKBONES[settings.name]
    centre = [(m - c) / kind.unit for m, c in zip(IMAGENET_MEAN, kind.centre, strict=True)]
    spread = [d / kind.unit for d in IMAGENET_DEVIATION]
    more = len(mean) - len(centre)
    if more < 0:
        raise ModelError(
            f"train.backbone.weights: {settings.weights}: is of red, green and blue, the images have "
            f"{counted(len(mean), 'band')}: leave it out"
        )
    centre, spread = ([*v, *[sum(v) / len(v)] * more] for v in (centre, spread))
    scale = [d / s for d, s in zip(deviation, spread, strict=True)]
    return [m - c * s for m, c, s in zip(mean, centre, scale, strict=True)], scale


def of_bands(kernel: np.ndarray, bands: int) -> np.ndarray:
    """A first kernel (rows, columns, 3, filters) for more bands: further ones, near infrared for one, get the mean of
    the three, and all are scaled so that what they add up to stays as it was."""
    mean = kernel.mean(axis=2, keepdims=True)
    return np.concatenate([kernel, *[mean] * (bands - 3)], axis=2) * (3 / bands)


def _plain(settings: BackboneSettings) -> keras.Model:
    """As published, of three bands, without the part that classifies photographs."""
    more = {"alpha": settings.width} if settings.name == "mobilenetv2" else {}
    return BACKBONES[settings.name].build(include_top=False, weights=None, input_shape=(None, None, 3), **more)


def _load(plain: keras.Model, settings: BackboneSettings) -> None:
    path = Path(settings.weights or "")
    name = settings.name + (f" of width {settings.width:g}" if settings.name == "mobilenetv2" else "")
    settings.check_weights()
    try:
        with warnings.catch_warnings():
            # what does not fit is an error in the end
            warnings.simplefilter("ignore")
            plain.load_weights(path)
    except (ValueError, OSError, KeyError, AttributeError, TypeError) as error:
        told = " ".join(str(error).split()).partition(". ")[0][:160]
        raise ModelError(
            f"train.backbone.weights: {path}: is not of {name} without its top ({told}): name the file of that "
            "network, or set train.backbone to the network of the file"
        ) from None


def _reshaped(plain: keras.Model, kind: Backbone, bands: int, stride: int, seeds: Iterator[int]) -> keras.Model:
    """The same layers for other bands, dilated beyond a stride, with seeds; gives low and deep features."""
    config = plain.get_config()
    for layer in config["layers"]:
        # the shapes of three bands
        layer.pop("build_config", None)
    told = {layer["config"]["name"]: layer["config"] for layer in config["layers"]}
    at: dict[int, tuple[int, int]] = {}
    for layer in plain.layers:
        own, node = told[layer.name], layer._inbound_nodes[0]
        for value in own.values():
            if isinstance(value, dict) and "seed" in value.get("config", {}):
                value["config"]["seed"] = next(seeds)
        if isinstance(layer, layers.InputLayer):
            own["batch_shape"] = (None, None, None, bands)
            at[id(node.output_tensors[0])] = (1, 1)
            continue
        if isinstance(layer, layers.BatchNormalization):
            own["momentum"] = MOMENTUM
        reached, rate = at[id(node.input_tensors[0])]
        by = getattr(layer, "strides", (1, 1))[0]
        if by > 1 and reached >= stride:
            _dilate(layer, own, told, rate)
            rate *= by
        else:
            if rate > 1 and getattr(layer, "kernel_size", (1, 1)) != (1, 1):
                own["dilation_rate"] = (rate, rate)
            reached *= by
        at[id(node.output_tensors[0])] = reached, rate
    made = keras.Model.from_config(config)
    return keras.Model(made.inputs, [made.get_layer(kind.low).output, made.get_layer(kind.deep).output])


def _dilate(layer: Any, own: dict[str, Any], told: dict[str, dict[str, Any]], rate: int) -> None:
    """Take the stride from a convolution. What was padded on one side, for a stride, is padded on both."""
    own["strides"] = (1, 1)
    if layer.kernel_size != (1, 1):
        own["dilation_rate"] = (rate, rate)
    before = layer._inbound_nodes[0].input_tensors[0]._keras_history.operation
    if isinstance(before, layers.ZeroPadding2D):
        around = layer.kernel_size[0] // 2 * rate
        told[before.name]["padding"] = ((around, around), (around, around))


def backbone_of(network: keras.Model, settings: BackboneSettings) -> list[keras.Layer]:
    """The layers with weights that the deep features of a network come from."""
    found: dict[str, keras.Layer] = {}
    left = [network.get_layer(BACKBONES[settings.name].deep)]
    while left:
        layer = left.pop()
        if layer.name not in found:
            found[layer.name] = layer
            nodes = layer._inbound_nodes
            left += [tensor._keras_history.operation for node in nodes for tensor in node.input_tensors]
    return [layer for layer in found.values() if layer.weights]
