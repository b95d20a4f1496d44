"""Maps by ONNX Runtime, from what `landcover export` wrote: an ONNX file, or a deep learning package that holds one."""

import json
import zipfile
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from landcover.classify.mapper import Mapper
from landcover.errors import ConfigError, ModelError
from landcover.model import CARD_KEY, MEMORY_KEY, ModelCard
from landcover.precision import Format
from landcover.settings import ClassifySettings

SCRATCH = 2.6
"""Memory of a forward pass over that of its live tensors: a guess with room to spare, not measured yet."""


class OnnxMapper(Mapper):
    """Raises ModelError, ConfigError for another precision than float32, and LabelError for the area."""

    def __init__(self, settings: ClassifySettings) -> None:
        if settings.precision == "bfloat16":
            raise ConfigError("--precision bfloat16: an exported model computes in float32")
        self._session = _session(settings.model, onnx_bytes(settings.model))
        known = self._session.get_modelmeta().custom_metadata_map
        super().__init__(settings, _card(settings.model, known))
        self._live = float(json.loads(known[MEMORY_KEY]))
        self.engine = ("onnxruntime", _runtime().__version__)

    @property
    def precision(self) -> Format:
        return "float32"

    @cached_property
    def bytes_a_pixel(self) -> float:
        return SCRATCH * self._live

    def map(self, pixels: NDArray[Any], valid: NDArray[np.bool_], precision: Format) -> Sequence[NDArray[np.uint8]]:
        mean = np.asarray(self.card.mean, np.float32)
        filled = np.where(valid[..., None], pixels, mean).astype(np.float32, copy=False)
        given = np.ascontiguousarray(np.moveaxis(filled, -1, 1))
        inside = slice(self.halo, -self.halo or None)
        probabilities = self._session.run(None, {"image": given})[0][:, :, inside, inside]
        values = np.asarray(self.card.outputs, np.uint8)
        shown = np.flatnonzero(values)
        scores = probabilities[:, shown]
        classes = values[shown][scores.argmax(axis=1)]
        if not self.settings.confidence:
            return [classes]
        share = scores.max(axis=1) / scores.sum(axis=1)
        return [classes, np.round(100 * share).astype(np.uint8)]


def onnx_bytes(path: Path) -> bytes:
    """The ONNX model in a file or package. Raises ModelError for a package that lacks something, or that names a file
    outside itself."""
    try:
        if path.suffix.lower() != ".dlpk":
            return path.read_bytes()
        with zipfile.ZipFile(path) as archive:
            names = [name for name in archive.namelist() if name.lower().endswith(".emd")]
            if len(names) != 1:
                raise ModelError(f"{path}: holds {len(names)} model definitions (.emd), and should hold one")
            named = json.loads(archive.read(names[0])).get("ModelFile")
            member = PurePosixPath(str(named).replace("\\", "/"))
            if member.is_absolute() or ".." in member.parts or ":" in str(member):
                raise ModelError(f"{path}: {names[0]} names a model outside the package: {named}")
            if str(member) not in archive.namelist():
                raise ModelError(f"{path}: lacks {named}, which its {names[0]} names: export the model again")
            return archive.read(str(member))
    except FileNotFoundError:
        raise ModelError(f"{path}: no such model: run `landcover export` first, or name one with -m") from None
    except (OSError, zipfile.BadZipFile, ValueError, AttributeError) as error:
        raise ModelError(f"{path}: cannot be read ({' '.join(str(error).split())}): export the model again") from None


def _runtime() -> Any:
    try:
        import onnxruntime
    except ImportError:
        raise ModelError("an exported model needs the package onnxruntime: pip install 'landcover[onnx]'") from None
    return onnxruntime


def _session(path: Path, model: bytes) -> Any:
    runtime = _runtime()
    try:
        return runtime.InferenceSession(model, providers=["CPUExecutionProvider"])
    except Exception as error:  # its errors share no class of their own
        told = " ".join(str(error).split())[:200]
        raise ModelError(f"{path}: ONNX Runtime cannot load it ({told}): export the model again") from None


def _card(path: Path, known: dict[str, str]) -> ModelCard:
    if CARD_KEY not in known:
        raise ModelError(f"{path}: is not a model that `landcover export --to onnx` or `--to dlpk` wrote")
    try:
        return ModelCard.model_validate_json(known[CARD_KEY])
    except ValidationError as error:
        where = ".".join(map(str, error.errors()[0]["loc"]))
        raise ModelError(f"{path}: its description cannot be read ({where}): was it made by another version?") from None
