"""The slimmed U-Net of the Alabama map, fully convolutional."""

from collections.abc import Sequence

import keras
from keras import layers

from landcover.settings import NetSettings
from landcover.train.ends import begin

ONE_MASK = (1, None, None, None)
"""The chips of a step share what dropout leaves out, each pixel and channel by itself: to draw it for every chip took a
tenth of the step."""


def build_unet(
    bands: int,
    classes: int,
    mean: Sequence[float] | None = None,
    deviation: Sequence[float] | None = None,
    seed: int = 0,
    settings: NetSettings | None = None,
) -> keras.Model:
    """(batch, rows, columns, bands) grey values to (batch, rows, columns, 1 + classes) probabilities.

    Output 0 is background. Rows and columns are multiples of 2 ** (depth - 1). By default, with 4 bands and 6 classes,
    it has 1,941,351 parameters; normalisation by the training mean and deviation of each band adds none. A level
    beyond the end of `settings.dropout` takes its last share.
    """
    net = settings or NetSettings()
    seeds = iter(range(seed, seed + 1000))
    filters = [net.filters * 2**level for level in range(net.depth)]
    dropout = [net.dropout[min(level, len(net.dropout) - 1)] for level in range(net.depth)]

    def convolution(x: keras.KerasTensor, filters: int, name: str) -> keras.KerasTensor:
        start = keras.initializers.HeNormal(seed=next(seeds))
        if net.normalisation == "none":
            return layers.Conv2D(
                filters, 3, padding="same", activation=net.activation, kernel_initializer=start, name=name
            )(x)
        # the normalisation has a bias of its own
        x = layers.Conv2D(filters, 3, padding="same", use_bias=False, kernel_initializer=start, name=name)(x)
        kind = layers.BatchNormalization if net.normalisation == "batch" else layers.LayerNormalization
        return layers.Activation(net.activation, name=f"{name}_activation")(kind(name=f"{name}_norm")(x))

    def block(x: keras.KerasTensor, level: int, name: str) -> keras.KerasTensor:
        x = convolution(x, filters[level], f"{name}_a")
        x = layers.Dropout(dropout[level], noise_shape=ONE_MASK, seed=next(seeds), name=f"{name}_dropout")(x)
        return convolution(x, filters[level], f"{name}_b")

    image, x = begin(bands, mean, deviation)
    skips = []
    for level in range(net.depth):
        x = block(x, level, f"down{level + 1}")
        if level + 1 < net.depth:
            skips.append(x)
            x = layers.MaxPooling2D(2, name=f"pool{level + 1}")(x)
    for level in reversed(range(net.depth - 1)):
        start = keras.initializers.GlorotUniform(seed=next(seeds))
        x = layers.Conv2DTranspose(
            filters[level], 2, strides=2, padding="same", kernel_initializer=start, name=f"up{level + 1}"
        )(x)
        x = layers.Concatenate(name=f"skip{level + 1}")([x, skips[level]])
        x = block(x, level, f"merge{level + 1}")
    start = keras.initializers.GlorotUniform(seed=next(seeds))
    logits = layers.Conv2D(1 + classes, 1, kernel_initializer=start, name="logits", dtype="float32")(x)
    probabilities = layers.Softmax(name="probabilities", dtype="float32")(logits)
    return keras.Model(image, probabilities, name="unet")


def logits_of(network: keras.Model) -> keras.Model:
    """The same network up to its logits: what the loss works on."""
    return keras.Model(network.input, network.get_layer("logits").output, name=f"{network.name}_logits")
