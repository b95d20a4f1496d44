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
from landcover.model import CARD_KEY, MEMORY_KEY, ModelCard, unknown_card
from landcover.modelfile import UNREADABLE
from landcover.precision import Format
from landcover.settings import ClassifySettings

SCRATCH = 2.6
"""Memory of a forward pass over that of its live tensors, with room to spare: with it the process took 2.33 GB of the
2.6 GB that it was allowed, mapping 104.9 megapixels with the default network (benchmarks/classify.py)."""

FLOAT = "tensor(float)"

THREADS = 0
"""That a model computes with, 0 for one a core."""

LARGEST = 2**31
"""Bytes that an ONNX file can have: what claims more in a package is not unpacked."""


class OnnxMapper(Mapper):
    """Raises ModelError, ConfigError for another precision than float32, and LabelError for the area."""

    def __init__(self, settings: ClassifySettings) -> None:
        if settings.precision == "bfloat16":
            raise ConfigError("--precision bfloat16: an exported model computes in float32")
        self._session = _session(settings.model, onnx_bytes(settings.model))
        card, self._live = _known(settings.model, self._session)
        super().__init__(settings, card)
        self.engine = ("onnxruntime", _runtime().__version__)

    @property
    def precision(self) -> Format:
        return "float32"

    @cached_property
    def bytes_a_pixel(self) -> float:
        return SCRATCH * self._live

    def map(self, pixels: NDArray[Any], valid: NDArray[np.bool_], precision: Format) -> Sequence[NDArray[np.uint8]]:
        inside = slice(self.halo, -self.halo or None)
        probabilities = self._probabilities(pixels, valid)[:, :, inside, inside]
        values = np.asarray(self.card.outputs, np.uint8)
        shown = np.flatnonzero(values)
        scores = probabilities[:, shown]
        classes = values[shown][scores.argmax(axis=1)]
        if not self.settings.confidence:
            return [classes]
        share = scores.max(axis=1) / scores.sum(axis=1)
        return [classes, np.round(100 * share).astype(np.uint8)]

    def scores(self, pixels: NDArray[Any], valid: NDArray[np.bool_], precision: Format) -> NDArray[np.float32]:
        shown = self._probabilities(pixels, valid)[:, np.flatnonzero(self.card.outputs)]
        return np.moveaxis(shown / shown.sum(axis=1, keepdims=True), 1, -1)

    def _probabilities(self, pixels: NDArray[Any], valid: NDArray[np.bool_]) -> NDArray[np.float32]:
        """(batch, outputs, rows, columns)"""
        mean = np.asarray(self.card.mean, np.float32)
        filled = np.where(valid[..., None], pixels, mean).astype(np.float32, copy=False)
        return self._session.run(None, {"image": np.ascontiguousarray(np.moveaxis(filled, -1, 1))})[0]


def onnx_bytes(path: Path) -> bytes:
    """The ONNX model in a file or package. Raises ModelError for a package that lacks something, or that names a file
    outside itself."""
    try:
        if path.suffix.lower() != ".dlpk":
            return path.read_bytes()
        with zipfile.ZipFile(path) as archive:
            return _packed(path, archive)
    except (AttributeError, *UNREADABLE) as error:
        raise ModelError(f"{path}: cannot be read ({' '.join(str(error).split())}): export the model again") from None


def _packed(path: Path, archive: zipfile.ZipFile) -> bytes:
    """The model that the definition in a package names, by its place beside the definition."""
    # who packs a folder again on a Mac gets a shadow of each file, too
    names = [n for n in archive.namelist() if n.lower().endswith(".emd") and not n.startswith("__MACOSX/")]
    if len(names) != 1:
        raise ModelError(
            f"{path}: holds {len(names)} model definitions (.emd), and should hold one: export the model again"
        )
    named = json.loads(_unpacked(path, archive, names[0])).get("ModelFile")
    if not isinstance(named, str):
        raise ModelError(f"{path}: its {names[0]} names no model (ModelFile): export the model again")
    member = PurePosixPath(names[0]).parent / named.replace("\\", "/")
    if member.is_absolute() or ".." in member.parts or ":" in str(member):
        raise ModelError(f"{path}: {names[0]} names a model outside the package: {named}: export the model again")
    if str(member) not in archive.namelist():
        raise ModelError(f"{path}: lacks {named}, which its {names[0]} names: export the model again")
    if member.suffix.lower() != ".onnx":
        raise ModelError(
            f"{path}: its model, {named}, is no ONNX file: name a package that `landcover export --to dlpk` wrote"
        )
    return _unpacked(path, archive, str(member))


def _unpacked(path: Path, archive: zipfile.ZipFile, name: str) -> bytes:
    if (size := archive.getinfo(name).file_size) > LARGEST:
        raise ModelError(f"{path}: its {name} would be {size / 1e6:,.0f} MB, as no ONNX model is: it is not unpacked")
    return archive.read(name)


def _runtime() -> Any:
    try:
        import onnxruntime
    except ImportError:
        raise ModelError("an exported model needs the package onnxruntime: pip install 'landcover[onnx]'") from None
    return onnxruntime


def _session(path: Path, model: bytes) -> Any:
    runtime = _runtime()
    options = runtime.SessionOptions()
    options.intra_op_num_threads = THREADS
    try:
        return runtime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # its errors share no class of their own
        told = " ".join(str(error).split())[:200]
        raise ModelError(f"{path}: ONNX Runtime cannot load it ({told}): export the model again") from None


def _known(path: Path, session: Any) -> tuple[ModelCard, float]:
    """The description in an ONNX file, and the memory that a pixel takes. Raises ModelError if it is none of ours, or
    not of the network beside it."""
    known = session.get_modelmeta().custom_metadata_map
    if CARD_KEY not in known:
        raise ModelError(
            f"{path}: is not a model that `landcover export --to onnx` or `--to dlpk` wrote: name one that is, or "
            "model.keras"
        )
    try:
        card = ModelCard.model_validate_json(known[CARD_KEY])
    except ValidationError as error:
        raise unknown_card(path, error) from None
    graph = [
        [(tensor.name, tensor.type, tensor.shape[1:2]) for tensor in tensors]
        for tensors in (session.get_inputs(), session.get_outputs())
    ]
    ours = [[("image", FLOAT, [card.bands])], [("probabilities", FLOAT, [1 + len(card.scheme)])]]
    try:
        live = float(known[MEMORY_KEY])
    except (KeyError, ValueError):
        live = 0.0
    if graph != ours or not live > 0:
        raise ModelError(f"{path}: another program has changed it since it was exported: export the model again")
    return card, live
