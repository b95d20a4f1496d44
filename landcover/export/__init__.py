"""Models in the formats of other programs."""

import logging
from pathlib import Path
from typing import TYPE_CHECKING

from landcover.catalogue import PIXELS
from landcover.errors import ConfigError, ModelError
from landcover.files import check_free, whole_file, whole_folder

if TYPE_CHECKING:
    import keras

    from landcover.model import ModelCard

FORMATS = {
    "onnx": "{}.onnx",
    "deepness": "{}_deepness.onnx",
    "dlpk": "{}.dlpk",
    "emd": "{}_emd",
    "h5": "{}.h5",
    "savedmodel": "{}_savedmodel",
    "stac": "model.stac.json",
}
"""What the output is called, after the model."""

BY_ONNX = ("onnx", "deepness", "dlpk", "emd")

SUFFIXES = {"onnx": (".onnx",), "deepness": (".onnx",), "dlpk": (".dlpk",), "h5": (".h5", ".hdf5")}
"""How the name of a file must end for other programs, and `classify`, to take it for what it is."""

log = logging.getLogger(__name__)

MARKS = {"emd": "*.emd", "savedmodel": "saved_model.pb"}
"""A file by which a folder is known to be of a format."""


def export(
    model: Path,
    to: str,
    out: Path | None = None,
    overwrite: bool = False,
    made_by: Path | None = None,
    code: str | None = None,
) -> Path:
    """Write a model.keras of ours in one of FORMATS; the path of what was written.

    Without `out` it goes beside the model, named after the model's folder. A STAC item always lies beside what it
    describes, which may be a map too; `made_by` is the model that it links to, if that made it. `code`: what the user
    names as the model, if its layers are of code of the user's. Raises ConfigError for a format that is none or a name
    that it cannot have, ModelError, OutputExists.
    """
    from landcover.model import load_network, read_card

    if to not in FORMATS:
        raise ConfigError(f"{to}: is no format to export to: there are {', '.join(FORMATS)}")
    if to == "stac":
        return _describe(model, out, overwrite, made_by)
    if model.suffix.lower() == PIXELS:
        raise ModelError(f"{model}: a model of pixels is no network, and cannot be exported, but as --to stac")
    card = read_card(model)
    name = _name(model)
    out = out or export_path(model, to)
    _check_out(out, model, to, FORMATS[to].format(name))
    check_free(out, overwrite)
    if to in BY_ONNX:
        _need_onnx(card)
    network = load_network(model, code=code)
    card = _looking(card, network, model)
    try:
        _write(network, card, model.parent, to, name, out)
    except ModelError as error:
        instead = ": export to h5 or savedmodel" if to in BY_ONNX else ""
        raise ModelError(f"{model}: {error}{instead}") from None
    if card.blended and to in BY_ONNX:
        log.warning(
            "Note: %s: each pixel depends on all that a tile shows, and other programs do not blend tiles: there, maps "
            "may show seams", model,
        )  # fmt: skip
    return out


def _looking(card: "ModelCard", network: "keras.Model", path: Path) -> "ModelCard":
    """With how far the network looks: of one that uses a layer several times the file of an earlier version tells
    less."""
    from landcover.field import receptive_field

    if card.blended:
        return card
    try:
        halo, multiple = receptive_field(network)
    except ModelError as error:
        raise ModelError(f"{path}: {error}") from None
    return card.model_copy(update={"halo": halo, "multiple": multiple})


def export_path(model: Path, to: str) -> Path:
    """Where an export goes unless told otherwise."""
    return model.parent / FORMATS[to].format(_name(model))


def _name(model: Path) -> str:
    return model.resolve().parent.name if model.name == "model.keras" else model.stem


def _check_out(out: Path, model: Path, to: str, usual: str) -> None:
    """Raise for a name that the format cannot have, and for a folder whose replacement would cost other files."""
    if out.resolve() == model.resolve():
        raise ModelError(f"{out}: is the model itself: name another file with -o")
    if to in SUFFIXES:
        if out.is_dir():
            raise ConfigError(f"--out {out}: is a folder: name a file in it, such as {out / usual}")
        if out.suffix not in SUFFIXES[to]:
            raise ConfigError(f"--out {out}: must have a name that ends in {SUFFIXES[to][0]}")
        return
    if model.resolve().is_relative_to(out.resolve()):
        raise ConfigError(f"--out {out}: holds the model, which would be replaced, too: name a new folder in it")
    there = out.resolve()
    if there.exists() and not (there.is_dir() and (any(there.glob(MARKS[to])) or not any(there.iterdir()))):
        raise ConfigError(f"--out {out}: is there and no export to {to}, and is not replaced: name a new folder")


def _write(network: "keras.Model", card: "ModelCard", folder: Path, to: str, name: str, out: Path) -> None:
    """`folder`: that of the training, with its pictures."""
    if to in ("dlpk", "emd"):
        from landcover.export.esri import write_dlpk, write_emd

        if to == "dlpk":
            write_dlpk(network, card, folder, out)
        else:
            write_emd(network, card, folder, name, out)
    elif to in ("onnx", "deepness"):
        from landcover.export.onnxfile import deepness_file, onnx_file

        content = (onnx_file if to == "onnx" else deepness_file)(network, card)
        with whole_file(out) as temporary:
            temporary.write_bytes(content)
    elif to == "h5":
        with whole_file(out) as temporary:
            network.save(temporary)
    else:
        from landcover.pooling import of_any_size

        with whole_folder(out) as made:
            of_any_size(network).export(made, format="tf_saved_model", verbose=False)


def _describe(path: Path, out: Path | None, overwrite: bool, made_by: Path | None) -> Path:
    from landcover.export.stac import item_path, write_map_item, write_model_item

    if out is not None and out != item_path(path):
        raise ConfigError(f"--out {out}: an item names its files by where it lies, {item_path(path)}: leave out --out")
    check_free(item_path(path), overwrite)
    if path.suffix.lower() in (".tif", ".tiff", ".vrt"):
        return write_map_item(path, made_by)
    return write_model_item(path)


def _need_onnx(card: "ModelCard") -> None:
    try:
        import onnx  # noqa: F401
    except ImportError:
        most = " (it knows few networks that see all of a tile: h5 and savedmodel take them)" if card.blended else ""
        raise ModelError(f"exporting to ONNX needs the package onnx: pip install 'landcover[onnx]'{most}") from None
