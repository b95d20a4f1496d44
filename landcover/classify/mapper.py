"""A model ready to map: read, checked and compiled once, for any number of images."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from landcover.catalogue import PIXELS
from landcover.classify.area import polygons_digest
from landcover.classify.tiles import Sight, Tiling, blended_tiling, choose_tiling
from landcover.errors import ModelError
from landcover.fingerprint import digest
from landcover.model import ModelCard, check_there
from landcover.modelcode import own_code_digest
from landcover.modelfile import EXPORTED
from landcover.precision import Format
from landcover.scheme import ClassScheme, LandClass
from landcover.settings import ClassifySettings
from landcover.stage import OF_BLENDED

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Given:
    """Fingerprints of the files that maps depend on besides their images: the model, the user's own code that it
    computes with, and the polygons that limit the map."""

    model: str
    code: str | None
    area: str | None


class Mapper:
    """The model of a file as the settings want it; `engine` is what computes it, with its version."""

    engine: tuple[str, ...]

    settled: Format | None = None
    """What a map that is begun now is computed in, where that was settled for more than this process."""

    def __init__(self, settings: ClassifySettings, card: ModelCard) -> None:
        self.card = self._own_card = card
        self.given = given_by(settings)
        self.digest, self.code, self.area = self.given.model, self.given.code, self.given.area
        self.halo = card.margin if settings.halo == "auto" else settings.halo
        self.settings = settings

    def show_in(self, scheme: ClassScheme | None) -> None:
        """From now on show classes in the colours of a scheme, if it is of the same classes, else in the model's."""
        same = scheme is not None and scheme.named == self._own_card.scheme.named
        self.card = self._own_card.model_copy(update={"scheme": scheme}) if same else self._own_card

    @property
    def heeded(self) -> tuple[str, ...]:
        """Settings that a map depends on though as a rule they change nothing."""
        numbers = () if self.card is self._own_card else range(1, len(self.card.scheme) + 1)
        colours = (f"scheme.{number}.{key}" for number in numbers for key in LandClass.model_fields)
        return *colours, *(OF_BLENDED if self.card.blended else ())

    @property
    def precision(self) -> Format:
        """The number format that was asked for, or that is the faster one here."""
        raise NotImplementedError

    @property
    def bytes_a_pixel(self) -> float:
        """Memory that a forward pass takes for each pixel it sees."""
        raise NotImplementedError

    @property
    def side(self) -> int | None:
        """Pixels a side that the model should see at a time, as in its training; None where it may be any number."""
        return self.chip_side if self.card.blended else None

    @property
    def chip_side(self) -> int:
        """Pixels a side of the chips of the training, in whole strides."""
        return -(-self.card.chip_size // self.card.multiple) * self.card.multiple

    def tiling(self, height: int, width: int) -> Tiling:
        """How an image is cut, by the settings. Raises ConfigError."""
        settings = self.settings
        tile = None if settings.tile == "auto" else settings.tile
        batch = None if settings.batch == "auto" else settings.batch
        if not self.card.blended:
            return choose_tiling(
                height, width, self.halo, self.card.multiple, self.bytes_a_pixel, settings.memory, tile, batch
            )
        sight = Sight(self.chip_side, self.side is None, sum(value > 0 for value in self.card.outputs))
        return blended_tiling(
            height, width, self.halo, self.card.multiple, sight, self.bytes_a_pixel, settings.memory, tile, batch
        )

    def try_out(self, side: int, precision: Format) -> int:
        """Compute a tile of about `side` pixels a side; the pixels that the network saw."""
        side = self.side or side + 2 * self.halo
        pixels = np.zeros((1, side, side, self.card.bands), self.card.dtype)
        compute = self.scores if self.card.blended else self.map
        compute(pixels, np.ones(pixels.shape[:3], bool), precision)
        return side * side

    def map(self, pixels: NDArray[Any], valid: NDArray[np.bool_], precision: Format) -> Sequence[NDArray[np.uint8]]:
        """Class values, and confidence if the settings ask for it: (batch, rows, columns) of the centre of each of
        pixels (batch, rows, columns, bands) and valid (batch, rows, columns), which have a halo on every side."""
        raise NotImplementedError

    def scores(self, pixels: NDArray[Any], valid: NDArray[np.bool_], precision: Format) -> NDArray[np.float32]:
        """Probabilities (batch, rows, columns, classes shown) of all of pixels (batch, rows, columns, bands), among the
        classes that the map shows."""
        raise NotImplementedError


def given_by(settings: ClassifySettings) -> Given:
    """What the settings name, as it is now. Raises ModelError, and LabelError for the area."""
    try:
        model, code = digest(settings.model), own_code_digest(settings.model, settings.code)
    except OSError as error:
        raise ModelError(f"{settings.model}: cannot be read ({error.strerror or error})") from None
    return Given(model, code, polygons_digest(settings.aoi) if settings.aoi else None)


def check_given(settings: ClassifySettings, now: Given, before: Given, where: str = "") -> None:
    """Raise ModelError, of the first file that is another than before; `where`: what else may be the reason."""
    files = ((now.model, before.model, settings.model), (now.area, before.area, settings.aoi),
             (now.code, before.code, f"the code of {settings.code}"))  # fmt: skip
    for found, wanted, name in files:
        if found != wanted:
            raise ModelError(
                f"{name}: has changed while maps were made with it{where}: give the command again when it is the same "
                "for all"
            )


def needs_keras(model: Path) -> bool:
    return model.suffix.lower() not in (*EXPORTED, PIXELS)


def libraries_of(model: Path) -> tuple[str, ...]:
    """What computes a model: where machines have other versions of it, their maps may differ."""
    if needs_keras(model):
        return ("keras",)
    return ("scikit-learn",) if model.suffix.lower() == PIXELS else ("onnxruntime",)


def open_mapper(settings: ClassifySettings, scheme: ClassScheme | None = None) -> Mapper:
    """The model of the settings: model.keras, what `landcover export` made of one, or model.skops; `scheme`: whose
    colours maps show, as in `Mapper.show_in`. Raises ModelError, and LabelError for the area."""
    mapper = _opened(settings)
    mapper.show_in(scheme)
    if mapper.card.blended:
        log.info(
            "%s: each pixel depends on most of what a tile shows, ground without data as if it were of the mean of the "
            "training: tiles overlap and are blended, and the map depends on how they are cut", settings.model,
        )  # fmt: skip
    return mapper


def note_unfinished(mapper: Mapper) -> None:
    """Say of a model whose training had not ended how far it was."""
    if mapper.card.unfinished is not None:
        log.warning("Note: %s: is of a training that had not ended: %s", mapper.settings.model, mapper.card.unfinished)


def _opened(settings: ClassifySettings) -> Mapper:
    check_there(settings.model)
    if Path(settings.model).suffix.lower() in EXPORTED:
        from landcover.classify.onnxmapper import OnnxMapper

        return OnnxMapper(settings)
    if Path(settings.model).suffix.lower() == PIXELS:
        from landcover.classify.pixelmapper import PixelMapper

        return PixelMapper(settings)
    from landcover.classify.kerasmapper import KerasMapper

    return KerasMapper(settings)
