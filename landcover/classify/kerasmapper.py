"""Maps by Keras, from model.keras."""

from collections.abc import Sequence
from functools import cached_property, partial
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from landcover.classify.mapper import Mapper
from landcover.classify.network import map_network, score_network
from landcover.errors import ModelError
from landcover.field import exact_field
from landcover.fingerprint import digest
from landcover.localmeans import localised
from landcover.memory import bytes_a_pixel
from landcover.model import ModelCard, in_precision, load_network, read_card
from landcover.pooling import of_any_size
from landcover.precision import Format, choose_precision
from landcover.settings import ClassifySettings

SCRATCH = 1.64
"""Memory of a forward pass over that of its live tensors: copies and the scratch of convolutions, as measured."""

SCRATCH_BLENDED = 2.7
"""The same where tiles are blended, as measured of PSPNet and DeepLab: what they say of the halo, too, and sums for
means around each pixel."""

TRIAL = 512
"""Pixels a side of the piece on which two number formats are compared."""


class KerasMapper(Mapper):
    """Raises ModelError, and LabelError for the area."""

    engine = (keras.__version__, keras.backend.backend())

    def __init__(self, settings: ClassifySettings) -> None:
        super().__init__(settings, read_card(settings.model))
        self._networks: dict[tuple[Format, bool], keras.Model] = {}

    @cached_property
    def precision(self) -> Format:
        return choose_precision(self.settings.precision, lambda tried: partial(self.try_out, TRIAL, tried))

    @cached_property
    def bytes_a_pixel(self) -> float:
        return (SCRATCH_BLENDED if self.card.blended else SCRATCH) * bytes_a_pixel(self._loaded)

    def map(self, pixels: NDArray[Any], valid: NDArray[np.bool_], precision: Format) -> Sequence[NDArray[np.uint8]]:
        gaps = not valid.all()
        given = self._network(precision, gaps).predict_on_batch([pixels, valid] if gaps else pixels)
        return [np.asarray(array) for array in (given if isinstance(given, list | tuple) else [given])]

    def scores(self, pixels: NDArray[Any], valid: NDArray[np.bool_], precision: Format) -> NDArray[np.float32]:
        gaps = not valid.all()
        return np.asarray(self._network(precision, gaps).predict_on_batch([pixels, valid] if gaps else pixels))

    def _network(self, precision: Format, gaps: bool) -> keras.Model:
        if (precision, gaps) not in self._networks:
            network = self._loaded if precision == "float32" else in_precision(self._loaded, precision)
            if self.card.blended:
                made = score_network(network, self.card, gaps)
            else:
                made = map_network(network, self.card, self.halo, gaps, self.settings.confidence)
            self._networks[precision, gaps] = made
        return self._networks[precision, gaps]

    @property
    def side(self) -> int | None:
        return None if self._local is not None else super().side

    @cached_property
    def _loaded(self) -> keras.Model:
        # tiles of one image differ in size from those of the next
        return of_any_size(self._trained if self._local is None else self._local)

    @cached_property
    def _local(self) -> keras.Model | None:
        """The network, where it is one that may see more than in its training."""
        return localised(self._trained, self.chip_side) if self.card.blended else None

    @cached_property
    def _trained(self) -> keras.Model:
        network = load_network(self.settings.model, code=self.settings.code)
        if digest(self.settings.model) != self.digest:
            raise ModelError(f"{self.settings.model}: has changed while it was read: give the command again")
        check_field(network, self._own_card, self.settings)
        return network


def check_field(network: keras.Model, card: ModelCard, settings: ClassifySettings) -> None:
    """Raise ModelError for a network that looks farther than its file tells, unless the settings say how far: an
    earlier version counted a layer that is used several times once, and took what looks along rows for pointwise."""
    if card.blended:
        return
    try:
        reach, multiple = exact_field(network)
    except ModelError as error:
        raise ModelError(f"{settings.model}: {error}, which its file does not tell: train it anew") from None
    if card.multiple % multiple:
        raise ModelError(
            f"{settings.model}: tiles must have multiples of {multiple} px a side, and its file tells of "
            f"{card.multiple}: train it anew"
        )
    if settings.halo == "auto" and card.margin < reach:
        raise ModelError(
            f"{settings.model}: the network looks {reach} px far, and its file tells of {card.margin}: give --halo "
            f"{reach} (classify.halo), or train it anew"
        )
