"""The STAC item of a model, after the machine learning model extension (MLM)."""

import json
import re
import zipfile
from datetime import datetime
from pathlib import Path
from typing import Any

from landcover.catalogue import KINDS
from landcover.export.acquired import file_time, stamp
from landcover.export.stac_parts import SOFTWARE, STAC_VERSION, class_objects, extensions, file_fields, href
from landcover.model import ModelCard, read_card
from landcover.scheme import BACKGROUND as NOTHING

BACKGROUND = {"name": "background", "title": "background", "description": "unlabelled; never mapped"}
TASK = "semantic-segmentation"
NAIP = ("red", "green", "blue", "nir")
TRAINING = "landcover:training"
SEMANTIC_VERSION = re.compile(r"\d+\.\d+\.\d+")


def model_item(model_path: Path) -> dict[str, Any]:
    """The STAC 1.1 item of a model file that `train` wrote, to lie beside it.

    Settings and numbers of parameters and chips come from metrics.json beside it, if that is of the same training. The
    item has no geometry, for a model file does not say where its chips lie; its date is when the file was saved. The
    same files give the same item. Raises ModelError for a file that is no model of ours.
    """
    card = read_card(model_path)
    saved, record = _saved(model_path), _record(model_path, card)
    name = _name(model_path)
    return {
        "type": "Feature",
        "stac_version": STAC_VERSION,
        "stac_extensions": extensions("mlm", "file", "processing", "classification"),
        "id": name,
        "geometry": None,
        "properties": {
            "title": f"Land cover model {name}",
            "description": _description(card),
            "datetime": _saved_at(saved, model_path),
            "processing:software": {SOFTWARE: card.version},
            "bands": _bands(card),
            "mlm:name": _mlm_name(name),
            "mlm:architecture": _architecture(card),
            "mlm:tasks": [TASK],
            "mlm:framework": "scikit-learn" if card.radii else "Keras",
            **_framework_version(saved, record),
            **_parameters(record),
            "mlm:pretrained": False,
            "mlm:pretrained_source": None,
            "mlm:accelerator": None,
            "mlm:input": [_input(card)],
            "mlm:output": [_output(card)],
            TRAINING: _training(card, record),
        },
        "links": [],
        "assets": {
            "model": {
                "href": f"./{href(model_path.name)}",
                # what a .keras file is, and a .skops file
                "type": f"application/zip; framework={'scikit-learn' if card.radii else 'keras'}",
                "title": f"{'Model' if card.radii else 'Network, weights'}, classes and training statistics",
                "roles": ["mlm:model", "mlm:weights"],
                **file_fields(model_path),
                "mlm:artifact_type": "skops.io.dump" if card.radii else "tf.keras.Model.save",
                # STAC allows bands above only if an asset has them, the extension refers to those above
                "bands": [{"name": band["name"]} for band in _bands(card)],
            }
        },
    }


def _name(model_path: Path) -> str:
    """That of the training: models/<name>/model.keras."""
    return (model_path.resolve().parent.name if model_path.stem == "model" else "") or model_path.stem


def _mlm_name(name: str) -> str:
    """In the letters that the extension allows."""
    return "landcover " + (re.sub(r"[^a-zA-Z0-9_.-]", "_", name).rstrip("_.-") or "model")


def _description(card: ModelCard) -> str:
    x, y = card.pixel_size
    told = (
        f"{_architecture(card)} that gives each pixel of an image of {card.bands} bands, of about {x:g} x {y:g} m, one "
        f"of {len(card.scheme)} classes of land cover. The model file does not say where it was trained: the item has "
        "no geometry."
    )
    leak = " Leaking split: training and validation share pixels, the figures are too good."
    return told + (leak if card.split == "random" else "")


def _architecture(card: ModelCard) -> str:
    """What papers call it; of one that is not of this program, the name that train.model gave."""
    return next((kind.title for kind in KINDS if kind.name == card.model), card.model)


def _bands(card: ModelCard) -> list[dict[str, Any]]:
    """Names in their order, with the statistics of the training."""
    names = NAIP if card.bands == len(NAIP) else [f"band_{number + 1}" for number in range(card.bands)]
    return [
        {"name": name, "data_type": card.dtype, "statistics": {"mean": mean, "stddev": deviation}}
        for name, mean, deviation in zip(names, card.mean, card.deviation, strict=True)
    ]


def _input(card: ModelCard) -> dict[str, Any]:
    return {
        "name": "image",
        "description": (
            f"Grey values as they are in {card.dtype} images, not scaled: {_first_step(card)} Any "
            f"height and width that are multiples of {card.multiple} will do; it was trained on {card.chip_size}. "
            + _edge(card)
        ),
        "bands": [band["name"] for band in _bands(card)],
        "input": {
            "shape": [-1, card.chip_size, card.chip_size, card.bands],
            "dim_order": ["batch", "height", "width", "bands"],
            "data_type": "float32",
        },
        "value_scaling": None,
        "resize_type": None,
    }


def _first_step(card: ModelCard) -> str:
    if card.radii:
        return "landcover.features makes of them what the model takes. Pixels without data take no part."
    return (
        "to normalise them by the mean and deviation of each band is the network's first layer. Pixels without data "
        "are filled with the bands' means."
    )


def _edge(card: ModelCard) -> str:
    if card.halo is None:
        return "Each pixel depends on all of the image: maps are made of overlapping tiles, blended."
    return f"What lies less than {card.halo} px from an edge is mapped without all of its surroundings."


def _output(card: ModelCard) -> dict[str, Any]:
    known = class_objects(card.scheme, BACKGROUND)
    unseen = [c.name for c in card.scheme if not card.pixels.get(c.name, 1)]
    none = f"{', '.join(unseen)}, of which there was no training pixel"
    if card.radii:
        # a model of pixels knows no background, and has its classes in scikit-learn's order
        shown = set(card.outputs) - {NOTHING}
        known = sorted((c for c in known if c["value"] in shown), key=lambda c: c["value"])
        mapped = "The likeliest is mapped." + (f" Not among them: {none}." if unseen else "")
    else:
        mapped = f"The likeliest is mapped, but never background{f', nor {none}' if unseen else ''}."
    return {
        "name": "probabilities",
        "description": (
            "Probability of each class, in the order of the classes listed; their values are those that maps show. "
            + mapped
        ),
        "tasks": [TASK],
        "result": {
            "shape": [-1, card.chip_size, card.chip_size, len(known)],
            "dim_order": ["batch", "height", "width", "class"],
            "data_type": "float32",
        },
        "classification:classes": known,
    }


def _training(card: ModelCard, record: dict[str, Any]) -> dict[str, Any]:
    """What is known of the training beside the settings, in words of this program's own."""
    told = {
        "split": card.split,
        "pixel_size": list(card.pixel_size),
        "labelled_pixels": card.pixels,
        "figures": card.scores,
    }
    return told | {
        key: record[key] for key in ("epochs", "chips", "drawn", "class_weights", "precision") if key in record
    }


def _parameters(record: dict[str, Any]) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    if "parameters" in record:
        fields["mlm:total_parameters"] = record["parameters"]
    settings = record.get("hyperparameters") or {
        key.removeprefix("train."): value for key, value in record.get("origin", {}).items() if key.startswith("train.")
    }
    return fields | ({"mlm:hyperparameters": settings} if settings else {})


def _record(model_path: Path, card: ModelCard) -> dict[str, Any]:
    """What metrics.json tells of the training, if it is of this model: with the same figures."""
    try:
        told = json.loads((model_path.parent / "metrics.json").read_text(encoding="utf-8"))
        # metrics.json has the seconds of all epochs
        figures = {key: value for key, value in card.scores.items() if key in told and key != "seconds"}
        return told if figures and all(told[key] == value for key, value in figures.items()) else {}
    except (OSError, ValueError, TypeError):
        return {}


def _saved(model_path: Path) -> dict[str, Any]:
    """What Keras notes in its file: its version, and the local time."""
    try:
        with zipfile.ZipFile(model_path) as archive:
            return dict(json.loads(archive.read("metadata.json")))
    except (OSError, KeyError, ValueError, TypeError, zipfile.BadZipFile):
        return {}


def _saved_at(saved: dict[str, Any], model_path: Path) -> str:
    try:
        # without a time zone: taken for that of this machine, which has just trained it
        return stamp(datetime.strptime(saved["date_saved"], "%Y-%m-%d@%H:%M:%S"))
    except (KeyError, TypeError, ValueError):
        return stamp(file_time(model_path))


def _framework_version(saved: dict[str, Any], record: dict[str, Any]) -> dict[str, str]:
    """The extension wants three numbers: what a version under development is called is left out."""
    version = str(saved.get("keras_version") or record.get("scikit_learn") or "")
    return {"mlm:framework_version": version} if SEMANTIC_VERSION.fullmatch(version) else {}
