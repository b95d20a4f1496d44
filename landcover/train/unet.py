"""The slimmed U-Net of the Alabama map, fully convolutional."""

from collections.abc import Sequence

import keras
from keras import layers

FILTERS = (16, 32, 64, 128, 256)
DROPOUT = (0.1, 0.1, 0.2, 0.2, 0.3)


def build_unet(
    bands: int,
    classes: int,
    mean: Sequence[float] | None = None,
    deviation: Sequence[float] | None = None,
    seed: int = 0,
) -> keras.Model:
    """(batch, rows, columns, bands) grey values to (batch, rows, columns, 1 + classes) probabilities.

    Output 0 is background. Rows and columns are multiples of 16. With 4 bands and 6 classes it has 1,941,351
    parameters; normalisation by the training mean and deviation of each band adds none.
    """
    seeds = iter(range(seed, seed + 1000))

    def convolutions(x: keras.KerasTensor, filters: int, dropout: float, name: str) -> keras.KerasTensor:
        for part in ("a", "b"):
            start = keras.initializers.HeNormal(seed=next(seeds))
            x = layers.Conv2D(
                filters, 3, padding="same", activation="elu", kernel_initializer=start, name=f"{name}_{part}"
            )(x)
            if part == "a":
                x = layers.Dropout(dropout, seed=next(seeds), name=f"{name}_dropout")(x)
        return x

    image = keras.Input((None, None, bands), name="image")
    x = layers.Normalization(
        mean=list(mean or [0.0] * bands),
        variance=[d * d for d in deviation or [1.0] * bands],
        name="normalisation",
        dtype="float32",
    )(image)
    skips = []
    for level, (filters, dropout) in enumerate(zip(FILTERS, DROPOUT, strict=True), start=1):
        x = convolutions(x, filters, dropout, f"down{level}")
        if level < len(FILTERS):
            skips.append(x)
            x = layers.MaxPooling2D(2, name=f"pool{level}")(x)
    for level in range(len(FILTERS) - 1, 0, -1):
        filters, dropout = FILTERS[level - 1], DROPOUT[level - 1]
        start = keras.initializers.GlorotUniform(seed=next(seeds))
        x = layers.Conv2DTranspose(filters, 2, strides=2, padding="same", kernel_initializer=start, name=f"up{level}")(
            x
        )
        x = layers.Concatenate(name=f"skip{level}")([x, skips[level - 1]])
        x = convolutions(x, filters, dropout, f"merge{level}")
    start = keras.initializers.GlorotUniform(seed=next(seeds))
    logits = layers.Conv2D(1 + classes, 1, kernel_initializer=start, name="logits", dtype="float32")(x)
    probabilities = layers.Softmax(name="probabilities", dtype="float32")(logits)
    return keras.Model(image, probabilities, name="unet")


def logits_of(network: keras.Model) -> keras.Model:
    """The same network up to its logits: what the loss works on."""
    return keras.Model(network.input, network.get_layer("logits").output, name=f"{network.name}_logits")
