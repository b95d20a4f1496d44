"""A model ready to map: read, checked and compiled once, for any number of images."""

import time
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from landcover.classify.area import polygons_digest
from landcover.classify.network import bytes_a_pixel, map_network
from landcover.errors import ModelError
from landcover.model import in_precision, load_network, read_card
from landcover.precision import Format, choose_precision
from landcover.provenance import digest
from landcover.settings import ClassifySettings

SCRATCH = 1.64
"""Memory of a forward pass over that of its live tensors: copies and the scratch of convolutions, as measured."""

TRIAL = 512
"""Pixels a side of the piece on which two number formats are compared."""


class Mapper:
    """The network of a model file as the settings want it. Raises ModelError, and LabelError for the area."""

    def __init__(self, settings: ClassifySettings) -> None:
        self.card = read_card(settings.model)
        self.digest = digest(settings.model)
        self.area = polygons_digest(settings.aoi) if settings.aoi else None
        """The fingerprint of the polygons that limit the map."""
        self.halo = self.card.halo if settings.halo == "auto" else settings.halo
        self._settings = settings
        self._networks: dict[tuple[Format, bool], keras.Model] = {}

    @cached_property
    def precision(self) -> Format:
        """The number format that was asked for, or that is the faster one here."""
        return choose_precision(self._settings.precision, trial=self._seconds)

    @cached_property
    def bytes_a_pixel(self) -> float:
        """Memory that a forward pass takes for each pixel it sees."""
        return SCRATCH * bytes_a_pixel(self._loaded)

    def map(self, pixels: NDArray[Any], valid: NDArray[np.bool_], precision: Format) -> Sequence[NDArray[np.uint8]]:
        """Class values, and confidence if the settings ask for it: (batch, rows, columns) of the centre of each of
        pixels (batch, rows, columns, bands) and valid (batch, rows, columns), which have a halo on every side."""
        gaps = not valid.all()
        given = self._network(precision, gaps).predict_on_batch([pixels, valid] if gaps else pixels)
        return [np.asarray(array) for array in (given if isinstance(given, list | tuple) else [given])]

    def _network(self, precision: Format, gaps: bool) -> keras.Model:
        if (precision, gaps) not in self._networks:
            network = self._loaded if precision == "float32" else in_precision(self._loaded, precision)
            made = map_network(network, self.card, self.halo, gaps, self._settings.confidence)
            self._networks[precision, gaps] = made
        return self._networks[precision, gaps]

    @cached_property
    def _loaded(self) -> keras.Model:
        network = load_network(self._settings.model)
        if digest(self._settings.model) != self.digest:
            raise ModelError(f"{self._settings.model}: has changed while it was read: give the command again")
        return network

    def _seconds(self, precision: Format) -> float:
        side = TRIAL + 2 * self.halo
        pixels = np.zeros((1, side, side, self.card.bands), self.card.dtype)
        times = []
        for _ in range(4):
            started = time.perf_counter()
            self.map(pixels, np.ones(pixels.shape[:3], bool), precision)
            times.append(time.perf_counter() - started)
        # the first one compiles
        return min(times[1:])
