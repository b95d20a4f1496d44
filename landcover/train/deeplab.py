"""DeepLab v3+: an atrous pyramid and a decoder (Chen et al. 2018, arXiv:1802.02611)."""

from collections.abc import Sequence

import keras
from keras import layers

from landcover.pooling import Enlarged, PartMeans
from landcover.settings import BackboneSettings
from landcover.train.backbone import BACKBONES, features, in_units
from landcover.train.ends import begin, convolution, end, pooled

STRIDE, FINE = 16, 4
"""Of deep features, and of those that the decoder adds."""

RATES = (3, 6, 9)
"""Half of the paper's: chips of 256 pixels are half as large as its crops."""

LOW = 48
"""Channels that the decoder takes of the fine features."""

DROPOUT = 0.1


def build_deeplab(
    bands: int,
    classes: int,
    mean: Sequence[float],
    deviation: Sequence[float],
    seed: int = 0,
    settings: BackboneSettings | None = None,
) -> keras.Model:
    """(batch, rows, columns, bands) grey values to (batch, rows, columns, 1 + classes) probabilities.

    Rows and columns are multiples of 16.
    """
    backbone = settings or BackboneSettings()
    channels = BACKBONES[backbone.name].channels
    seeds = iter(range(seed, seed + 10_000))
    image, x = begin(bands, *in_units(mean, deviation, backbone))
    low, x = features(x, backbone, STRIDE, seeds)
    whole = pooled(PartMeans(1, name="pool")(x), channels, "whole", seeds)
    levels = [convolution(x, channels, 1, "near", seeds)]
    levels += [convolution(x, channels, 3, f"rate{rate}", seeds, rate) for rate in RATES]
    x = layers.Concatenate(name="pyramid")([*levels, Enlarged(name="spread")([whole, x])])
    x = convolution(x, channels, 1, "merge", seeds)
    x = layers.Dropout(DROPOUT, seed=next(seeds), name="dropout")(x)
    x = layers.UpSampling2D(STRIDE // FINE, interpolation="bilinear", name="up")(x)
    x = layers.Concatenate(name="skip")([x, convolution(low, LOW, 1, "low", seeds)])
    for part in "ab":
        x = convolution(x, channels, 3, f"decode_{part}", seeds)
    return end(image, x, classes, FINE, seeds, "deeplab")
