"""A model ready to map: read, checked and compiled once, for any number of images."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from landcover.classify.area import polygons_digest
from landcover.fingerprint import digest
from landcover.model import ModelCard
from landcover.precision import Format
from landcover.settings import ClassifySettings

EXPORTED = (".onnx", ".dlpk")
"""Suffixes of models that ONNX Runtime computes."""

PIXELS = ".skops"
"""That of models of pixels, which scikit-learn computes."""


class Mapper:
    """The model of a file as the settings want it; `engine` is what computes it, with its version."""

    engine: tuple[str, ...]

    def __init__(self, settings: ClassifySettings, card: ModelCard) -> None:
        self.card = card
        self.digest = digest(settings.model)
        self.area = polygons_digest(settings.aoi) if settings.aoi else None
        """The fingerprint of the polygons that limit the map."""
        self.halo = card.halo if settings.halo == "auto" else settings.halo
        self.settings = settings

    @property
    def precision(self) -> Format:
        """The number format that was asked for, or that is the faster one here."""
        raise NotImplementedError

    @property
    def bytes_a_pixel(self) -> float:
        """Memory that a forward pass takes for each pixel it sees."""
        raise NotImplementedError

    def map(self, pixels: NDArray[Any], valid: NDArray[np.bool_], precision: Format) -> Sequence[NDArray[np.uint8]]:
        """Class values, and confidence if the settings ask for it: (batch, rows, columns) of the centre of each of
        pixels (batch, rows, columns, bands) and valid (batch, rows, columns), which have a halo on every side."""
        raise NotImplementedError


def needs_keras(model: Path) -> bool:
    return model.suffix.lower() not in (*EXPORTED, PIXELS)


def open_mapper(settings: ClassifySettings) -> Mapper:
    """The model of the settings: model.keras, what `landcover export` made of one, or model.skops. Raises ModelError,
    and LabelError for the area."""
    if Path(settings.model).suffix.lower() in EXPORTED:
        from landcover.classify.onnxmapper import OnnxMapper

        return OnnxMapper(settings)
    if Path(settings.model).suffix.lower() == PIXELS:
        from landcover.classify.pixelmapper import PixelMapper

        return PixelMapper(settings)
    from landcover.classify.kerasmapper import KerasMapper

    return KerasMapper(settings)
