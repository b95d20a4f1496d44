"""Layers that look at all of an image at once, which Keras lacks for images of any size."""

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


GLOBAL = (PartMeans, keras.layers.GlobalAveragePooling2D, keras.layers.GlobalMaxPooling2D)
"""Layers of which each output depends on all of the image, or on as large a part of it as it has."""


def _shares(length: Any, bins: int) -> keras.KerasTensor:
    """(bins, length) how much each row counts in the mean of each part."""
    number, row = ops.arange(bins), ops.arange(length)
    starts, ends = number * length // bins, -(-(number + 1) * length // bins)
    inside = ops.cast((row[None] >= starts[:, None]) & (row[None] < ends[:, None]), "float32")
    return inside / ops.sum(inside, axis=1, keepdims=True)


def _nearness(length: Any, small: int) -> keras.KerasTensor:
    """(length, small) how much each of the few rows counts in each of the many."""
    size = ops.cast(length, "float32")
    place = (ops.cast(ops.arange(length), "float32") + 0.5) * small / size - 0.5
    place = ops.clip(place, 0.0, small - 1.0)
    return ops.maximum(1.0 - ops.abs(place[:, None] - ops.arange(small, dtype="float32")[None]), 0.0)
