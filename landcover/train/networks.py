"""The networks that can be trained, by name."""

from collections.abc import Sequence

import keras

from landcover.catalogue import find_kind
from landcover.errors import ModelError
from landcover.settings import TrainSettings
from landcover.train.deeplab import build_deeplab
from landcover.train.own import build_own
from landcover.train.pspnet import build_pspnet
from landcover.train.unet import build_unet


def build_network(
    settings: TrainSettings, bands: int, classes: int, mean: Sequence[float], deviation: Sequence[float]
) -> keras.Model:
    """The network that `train.model` names: (batch, rows, columns, bands) grey values to (batch, rows, columns,
    1 + classes) probabilities, output 0 being background. It begins with the layer "normalisation"; its last layers are
    "logits", of one pixel, and "probabilities". Raises ModelError."""
    kind = find_kind(settings.model)
    if kind.source is not None:
        return build_own(kind, bands, classes, mean, deviation)
    if kind.name == "pspnet":
        return build_pspnet(bands, classes, mean, deviation, settings.seed, settings.backbone)
    if kind.name == "deeplab":
        return build_deeplab(bands, classes, mean, deviation, settings.seed, settings.backbone)
    if kind.name == "unet":
        return build_unet(bands, classes, mean, deviation, settings.seed, settings.net)
    raise ModelError(f"train.model {kind.name}: is no network")
