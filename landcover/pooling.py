"""Layers that Keras lacks for images of any size: which look at all of an image at once, or enlarge it smoothly."""

from collections.abc import Callable
from functools import cache, partial
from math import pi
from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="landcover")
class PartMeans(keras.layers.Layer):
    """Means of bins x bins parts of an image: (batch, rows, columns, bands) to (batch, bins, bins, bands).

    Part i of n rows goes from floor(i n / bins) to ceil((i + 1) n / bins), as in the pyramid pooling of Zhao et al.
    (2017, arXiv:1612.01105); parts share a row where n is no multiple.
    """

    def __init__(self, bins: int, **more: Any) -> None:
        super().__init__(**more)
        self.bins = bins

    def call(self, image: keras.KerasTensor) -> keras.KerasTensor:
        # sums of thousands of pixels need more digits than bfloat16 has
        values = ops.cast(image, "float32")
        rows, columns = (_shares(ops.shape(values)[axis], self.bins) for axis in (1, 2))
        means = ops.einsum("ir,brcd->bicd", rows, values)
        return ops.cast(ops.einsum("jc,bicd->bijd", columns, means), self.compute_dtype)

    def compute_output_shape(self, shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return shape[0], self.bins, self.bins, shape[3]

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "bins": self.bins}


@keras.saving.register_keras_serializable(package="landcover")
class Enlarged(keras.layers.Layer):
    """A small image enlarged to the rows and columns of another, between its pixels' centres bilinearly:
    [(batch, m, n, bands), (batch, rows, columns, any)] to (batch, rows, columns, bands)."""

    def call(self, inputs: list[keras.KerasTensor]) -> keras.KerasTensor:
        small, like = inputs
        values = ops.cast(small, "float32")
        rows, columns = (_nearness(ops.shape(like)[axis], small.shape[axis]) for axis in (1, 2))
        wide = ops.einsum("cj,bijd->bicd", columns, values)
        return ops.cast(ops.einsum("ri,bicd->brcd", rows, wide), self.compute_dtype)

    def compute_output_shape(self, shapes: list[tuple[int | None, ...]]) -> tuple[int | None, ...]:
        small, like = shapes
        return small[0], like[1], like[2], small[3]


@keras.saving.register_keras_serializable(package="landcover")
class AnyUpSampling2D(keras.layers.UpSampling2D):
    """The smooth UpSampling2D, also of images whose size is not known before a graph runs. Keras 3.15 asks in Python
    whether that size is above 0, which ends in an error there."""

    def call(self, image: keras.KerasTensor) -> keras.KerasTensor:
        values = ops.cast(image, "float32")
        sizes, kind = ops.shape(values)[1:3], self.interpolation
        rows, columns = (_nearness(n * times, n, kind) for n, times in zip(sizes, self.size, strict=True))
        wide = ops.einsum("cj,bijd->bicd", columns, values)
        return ops.cast(ops.einsum("ri,bicd->brcd", rows, wide), self.compute_dtype)


def of_any_size(network: keras.Model) -> keras.Model:
    """A functional network with the same weights that takes images of several sizes, and can be written as a graph for
    all of them; the network itself where it does."""

    def enlarges(layer: keras.Layer) -> bool:
        return type(layer) is keras.layers.UpSampling2D and layer.interpolation in WEIGHTS

    @cache
    def anew(layer: keras.Layer) -> keras.Layer:
        kind = AnyUpSampling2D if enlarges(layer) else type(layer)
        return kind.from_config(layer.get_config())

    if not any(map(enlarges, network._flatten_layers())):
        return network
    again = keras.models.clone_model(network, clone_function=anew, recursive=True)
    again.set_weights(network.get_weights())
    return again


GLOBAL = (PartMeans, keras.layers.GlobalAveragePooling2D, keras.layers.GlobalMaxPooling2D)
"""Layers of which each output depends on all of the image, or on as large a part of it as it has."""


def _shares(length: Any, bins: int) -> keras.KerasTensor:
    """(bins, length) how much each row counts in the mean of each part."""
    number, row = ops.arange(bins), ops.arange(length)
    starts, ends = number * length // bins, -(-(number + 1) * length // bins)
    inside = ops.cast((row[None] >= starts[:, None]) & (row[None] < ends[:, None]), "float32")
    return inside / ops.sum(inside, axis=1, keepdims=True)


def _nearness(length: Any, small: Any, kind: str = "bilinear") -> keras.KerasTensor:
    """(length, small) how much each of the few rows counts in each of the many; of those beyond the edge the others
    take the share."""
    many, few = ops.cast(length, "float32"), ops.cast(small, "float32")
    place = (ops.cast(ops.arange(length), "float32") + 0.5) * few / many - 0.5
    counts = WEIGHTS[kind](ops.abs(place[:, None] - ops.cast(ops.arange(small), "float32")[None]))
    return counts / ops.sum(counts, axis=1, keepdims=True)


def _bicubic(apart: keras.KerasTensor) -> keras.KerasTensor:
    """Keys (1981), with a of -1/2."""
    near, far = (1.5 * apart - 2.5) * apart**2 + 1.0, ((2.5 - 0.5 * apart) * apart - 4.0) * apart + 2.0
    return ops.where(apart < 1.0, near, ops.where(apart < 2.0, far, 0.0))


def _lanczos(apart: keras.KerasTensor, reach: int) -> keras.KerasTensor:
    angle = pi * ops.maximum(apart, 1e-3)
    waves = reach * ops.sin(angle) * ops.sin(angle / reach) / angle**2
    return ops.where(apart < reach, waves, 0.0)


WEIGHTS: dict[str, Callable[[keras.KerasTensor], keras.KerasTensor]] = {
    "bilinear": lambda apart: ops.maximum(1.0 - apart, 0.0),
    "bicubic": _bicubic,
    "lanczos3": partial(_lanczos, reach=3),
    "lanczos5": partial(_lanczos, reach=5),
}
"""How much a pixel counts by how many pixels it is apart, by the name of a smooth interpolation."""
