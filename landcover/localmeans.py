"""Networks that pool parts of an image, for images larger than those of their training: means of what is around each
pixel, which do not depend on where an image is cut."""

from typing import Any

import keras
from keras import layers, ops

from landcover.field import POINTWISE, nodes, over_bands
from landcover.pooling import AnyUpSampling2D, Enlarged, PartMeans

NEAR = (
    layers.Conv2D, layers.DepthwiseConv2D, layers.SeparableConv2D, layers.Conv2DTranspose, layers.MaxPooling2D,
    layers.AveragePooling2D, layers.UpSampling2D, AnyUpSampling2D, layers.ZeroPadding2D, layers.Cropping2D,
)  # fmt: skip
"""Layers that look at what is near a pixel."""


@keras.saving.register_keras_serializable(package="landcover")
class LocalMeans(keras.layers.Layer):
    """Means of what is around each pixel: (batch, rows, columns, bands) to the same. Of a square of `window` pixels a
    side, of whose rim a part of a pixel may count, that which lies in the image."""

    def __init__(self, window: float, **more: Any) -> None:
        super().__init__(**more)
        self.window = window

    def call(self, image: keras.KerasTensor) -> keras.KerasTensor:
        # sums of many pixels need more digits than bfloat16 has
        values = ops.cast(image, "float32")
        for axis in (1, 2):
            values = _along(values, axis, self.window)
        return ops.cast(values, self.compute_dtype)

    def compute_output_shape(self, shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return shape

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "window": self.window}


def localised(network: keras.Model, side: int) -> keras.Model | None:
    """The network with the same weights that pools squares around each pixel, as large as the parts of an image of
    `side` pixels that it was trained to pool (Chu et al. 2022, arXiv:2112.04491): of a larger image, each pixel then
    depends on as much around it as it did in the training, wherever the image is cut. None for a network that looks at
    all of an image in other ways too, or makes other use of the parts than to enlarge them again."""
    windows = _windows(network, side)
    if not windows:
        return None

    def anew(layer: keras.Layer) -> keras.Layer:
        if layer.name in windows:
            return LocalMeans(windows[layer.name], name=layer.name)
        return type(layer).from_config(layer.get_config())

    def call(layer: keras.Layer, *given: Any, **more: Any) -> Any:
        # what was pooled around each pixel is as large as the image
        return given[0][0] if isinstance(layer, Enlarged) else layer(*given, **more)

    again = keras.models.clone_model(network, clone_function=anew, call_function=call)
    for layer in again.layers:
        layer.set_weights(network.get_layer(layer.name).get_weights())
    return again


def _windows(network: keras.Model, side: int) -> dict[str, float]:
    """Pixels a side of the parts that each layer pools, by its name; none where the network cannot be localised."""
    windows: dict[str, float] = {}
    # what was pooled, by the tensor's id: how large the image was
    pooled: dict[int, int] = {}
    for node in nodes(network):
        layer, made = node.operation, id(node.output_tensors[0])
        sizes = [pooled.get(id(tensor)) for tensor in node.input_tensors]
        if isinstance(layer, PartMeans):
            if any(sizes) or layer.name in windows:
                return {}
            pooled[made] = _rows(network, node.input_tensors[0], side)
            windows[layer.name] = pooled[made] / layer.bins
        elif isinstance(layer, Enlarged):
            if sizes != [_rows(network, node.input_tensors[1], side), None]:
                return {}
        elif any(sizes):
            if len(sizes) > 1 or not _of_a_pixel(layer):
                return {}
            pooled[made] = next(filter(None, sizes))
        elif type(layer) not in NEAR and not _of_a_pixel(layer):
            return {}
    return windows


def _rows(network: keras.Model, tensor: keras.KerasTensor, side: int) -> int:
    """Of a tensor, for an image of `side` pixels a side."""
    image = keras.KerasTensor((1, side, side, network.inputs[0].shape[-1]))
    return int(keras.Model(network.inputs, tensor).compute_output_spec(image).shape[1])


def _of_a_pixel(layer: Any) -> bool:
    """Whether a layer looks at each pixel by itself."""
    if type(layer) is layers.Conv2D:
        return max(layer.kernel_size) == 1 and max(layer.strides) == 1
    return type(layer) in POINTWISE and over_bands(layer)


def _along(values: keras.KerasTensor, axis: int, window: float) -> keras.KerasTensor:
    """Means along an axis, by differences of sums of all that comes before a place."""
    length = ops.shape(values)[axis]
    upright = [-1 if n == axis else 1 for n in range(4)]
    before = [(0, 0)] * 4
    before[axis] = (1, 0)
    sums = ops.pad(ops.cumsum(values, axis=axis), before)
    last, centre = ops.cast(length, "float32"), ops.cast(ops.arange(length), "float32") + 0.5

    def up_to(place: keras.KerasTensor) -> keras.KerasTensor:
        whole = ops.floor(place)
        low = ops.cast(whole, "int32")
        share = ops.reshape(place - whole, upright)
        return ops.take(sums, low, axis) * (1 - share) + ops.take(sums, ops.minimum(low + 1, length), axis) * share

    start, stop = ops.maximum(centre - window / 2, 0.0), ops.minimum(centre + window / 2, last)
    return (up_to(stop) - up_to(start)) / ops.reshape(stop - start, upright)
