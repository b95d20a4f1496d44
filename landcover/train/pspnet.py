"""PSPNet: what is around a pixel told by means over parts of the image (Zhao et al. 2017, arXiv:1612.01105)."""

from collections.abc import Sequence

import keras
from keras import layers

from landcover.pooling import Enlarged, PartMeans
from landcover.settings import BackboneSettings
from landcover.train.backbone import BACKBONES, features, in_units
from landcover.train.ends import begin, convolution, end, pooled

BINS = (1, 2, 3, 6)
"""Of the pyramid: the image is pooled as a whole and in 2 x 2, 3 x 3 and 6 x 6 parts."""

STRIDE = 8
DROPOUT = 0.1


def build_pspnet(
    bands: int,
    classes: int,
    mean: Sequence[float],
    deviation: Sequence[float],
    seed: int = 0,
    settings: BackboneSettings | None = None,
) -> keras.Model:
    """(batch, rows, columns, bands) grey values to (batch, rows, columns, 1 + classes) probabilities.

    As in the paper, but that its second loss, half way down the backbone, is left out, and that the convolution over
    the pyramid is depthwise separable. Rows and columns are multiples of 8.
    """
    backbone = settings or BackboneSettings()
    seeds = iter(range(seed, seed + 10_000))
    image, x = begin(bands, *in_units(mean, deviation, backbone))
    _, x = features(x, backbone, STRIDE, seeds)
    levels = [x]
    for bins in BINS:
        level = PartMeans(bins, name=f"pool{bins}")(x)
        level = pooled(level, x.shape[-1] // len(BINS), f"pyramid{bins}", seeds)
        levels.append(Enlarged(name=f"spread{bins}")([level, x]))
    x = layers.Concatenate(name="pyramid")(levels)
    x = convolution(x, 2 * BACKBONES[backbone.name].channels, 3, "merge", seeds)
    x = layers.Dropout(DROPOUT, seed=next(seeds), name="dropout")(x)
    return end(image, x, classes, STRIDE, seeds, "pspnet")
