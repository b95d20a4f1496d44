"""How all networks begin and end: grey values are normalised, scores become logits and probabilities."""

from collections.abc import Iterator, Sequence

import keras
from keras import layers


def begin(
    bands: int, mean: Sequence[float] | None, deviation: Sequence[float] | None
) -> tuple[keras.KerasTensor, keras.KerasTensor]:
    """The image, grey values (batch, rows, columns, bands), and the same less the mean over the deviation."""
    image = keras.Input((None, None, bands), name="image")
    normalised = layers.Normalization(
        mean=list(mean or [0.0] * bands),
        variance=[d * d for d in deviation or [1.0] * bands],
        name="normalisation",
        dtype="float32",
    )(image)
    return image, normalised


def end(
    image: keras.KerasTensor, features: keras.KerasTensor, classes: int, enlarge: int, seeds: Iterator[int], name: str
) -> keras.Model:
    """Scores of features at a stride, enlarged: of each class rather than of each feature, which costs less and is the
    same where a convolution of one pixel is all that follows."""
    scores = layers.Conv2D(1 + classes, 1, kernel_initializer=glorot(seeds), name="scores")(features)
    scores = layers.UpSampling2D(enlarge, interpolation="bilinear", name="enlarged")(scores)
    logits = layers.Conv2D(1 + classes, 1, kernel_initializer=glorot(seeds), name="logits", dtype="float32")(scores)
    probabilities = layers.Softmax(name="probabilities", dtype="float32")(logits)
    return keras.Model(image, probabilities, name=name)


def convolution(
    x: keras.KerasTensor, filters: int, kernel: int, name: str, seeds: Iterator[int], rate: int = 1
) -> keras.KerasTensor:
    """Convolution, batch normalisation, ReLU; depthwise and then pointwise where it is of more than a pixel, as in Chen
    et al. (2018, arXiv:1802.02611)."""
    if kernel > 1:
        start = keras.initializers.HeNormal(seed=next(seeds))
        x = layers.DepthwiseConv2D(
            kernel, padding="same", dilation_rate=rate, use_bias=False, depthwise_initializer=start,
            name=f"{name}_depthwise",
        )(x)  # fmt: skip
    start = keras.initializers.HeNormal(seed=next(seeds))
    x = layers.Conv2D(filters, 1, use_bias=False, kernel_initializer=start, name=name)(x)
    x = layers.BatchNormalization(momentum=MOMENTUM, name=f"{name}_norm")(x)
    return layers.ReLU(name=f"{name}_activation")(x)


def pooled(x: keras.KerasTensor, filters: int, name: str, seeds: Iterator[int]) -> keras.KerasTensor:
    """Convolution of a pixel and ReLU, without batch normalisation: of means over an image there are but as many as a
    batch has chips, too few for statistics."""
    start = keras.initializers.HeNormal(seed=next(seeds))
    return layers.Conv2D(filters, 1, activation="relu", kernel_initializer=start, name=name)(x)


def glorot(seeds: Iterator[int]) -> keras.Initializer:
    return keras.initializers.GlorotUniform(seed=next(seeds))


MOMENTUM = 0.95
"""Of the statistics that batch normalisation keeps for use: those of the last twenty steps or so count. With Keras's
0.99 and the 0.999 of its MobileNet, the statistics of a short training are still those of its beginning."""
