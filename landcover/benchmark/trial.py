"""One model on one part of the chips: trained within a time, and what it shows of what was held out."""

import json
import os
import shutil
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np

from landcover.benchmark.speed import speed_of
from landcover.catalogue import Kind, find_kind
from landcover.config import Config
from landcover.errors import LabelError
from landcover.files import make_folder, whole_file
from landcover.fingerprint import digest
from landcover.owncode import module_of
from landcover.progress import Progress
from landcover.provenance import peak_memory
from landcover.quietly import import_quietly
from landcover.scheme import ClassScheme
from landcover.settings import TrainSettings
from landcover.train.chipset import Chips, open_chips
from landcover.train.heldout import chip_tables
from landcover.train.origin import METRICS, check_origin, origin_of
from landcover.train.parts import check_placed, cut_parts
from landcover.train.unfinished import CHECKPOINT

RESULT, TABLES, FITTED = "result.json", "tables.npy", "fitted.json"
"""What is known of a trial, when all is; contingency tables, a held-out chip each; the settings that fit the time."""

ONE_OF = (5, 4, 3, 2)
"""Of so many parts one is held out: a fifth of the places, or more where they are few."""


def parts_of(config: Config, chips: Chips) -> tuple[list[Chips], str]:
    """The chips, once for each training, with what is held out of it; and of what the parts were made, in words. Raises
    LabelError."""
    folds, block = config.benchmark.folds, config.split.block
    check_placed(config.paths, folds)
    if folds > 1:
        return cut_parts(chips, config.scheme, folds, block)
    for number in ONE_OF:
        try:
            parts, kind = cut_parts(chips, config.scheme, number, block)
        except LabelError:
            if number == ONE_OF[-1]:
                raise
        else:
            break
    return parts[:1], f"one of {number} parts of {kind}"


def settings_of(config: Config, model: str) -> TrainSettings:
    """Those of the configuration for another model. No epoch is chosen by what is held out."""
    name = model.replace(":", "-")
    return config.train.model_copy(update={"model": model, "name": name, "monitor": "none"})


def origin_of_trial(config: Config, part: Chips, settings: TrainSettings) -> dict[str, Any]:
    """What must be the same for a trial to count: what must be so for a training to go on, the time, and the code of a
    model of the user's own."""
    told = origin_of(part, settings, config.scheme) | {"benchmark.minutes": config.benchmark.minutes}
    kind = find_kind(settings.model)
    own = Path(f"{module_of(kind).replace('.', '/')}.py")
    return told | ({str(own): digest(own)} if kind.source and own.exists() else {})


def is_done(folder: Path, origin: dict[str, Any]) -> bool:
    """Whether a trial is behind. Raises LandcoverError for one of other settings or chips."""
    if not (folder / RESULT).exists():
        return False
    check_origin(folder, json.loads((folder / RESULT).read_text(encoding="utf-8"))["origin"], origin)
    return True


def run_trial(config: Config, model: str, number: int, folder: Path, progress: Progress) -> None:
    """Train a model without a part of the chips, from where it was cut off, and write what it came to. Raises
    LandcoverError."""
    settings, kind = settings_of(config, model), find_kind(model)
    if kind.family == "network":
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
        import_quietly("keras")
    with closing(open_chips(config.paths, config.scheme)) as chips:
        part = parts_of(config, chips)[0][number]
        origin = origin_of_trial(config, part, settings)
        _train(part, settings, config.scheme, folder, 60 * config.benchmark.minutes, kind, progress)
        # the training's, before the model is looked at
        memory = peak_memory()
        tables = chip_tables(folder, part.validation, settings, config.scheme)
        speed = speed_of(config.classify, folder / kind.file, model if kind.source else None, part.validation)
        told = json.loads((folder / METRICS).read_text(encoding="utf-8"))
        with whole_file(folder / TABLES) as temporary, temporary.open("wb") as file:
            np.save(file, tables)
        result = {
            "origin": origin,
            "seconds": told["seconds"],
            "epochs": told.get("epochs"),
            "parameters": _parameters(kind, folder, told),
            "megapixels_per_second": speed,
            "peak_memory": memory,
            "train_chips": len(part.train) + told["chips"]["copies"],
            "held_out_chips": len(part.validation),
        }
    with whole_file(folder / RESULT) as temporary:
        temporary.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    (folder / CHECKPOINT).unlink(missing_ok=True)


def _train(
    part: Chips,
    settings: TrainSettings,
    scheme: ClassScheme,
    folder: Path,
    seconds: float,
    kind: Kind,
    progress: Progress,
) -> None:
    if (folder / METRICS).exists():
        # cut off while it was judged
        return
    if kind.family == "pixels":
        from landcover.train.pixels import learn as learn_pixels

        learn_pixels(part, settings, scheme, folder, progress)
        return
    from landcover.train.fit import learn

    learn(part, _fitted(part, settings, scheme, folder, seconds), scheme, folder, progress)


def _fitted(part: Chips, settings: TrainSettings, scheme: ClassScheme, folder: Path, seconds: float) -> TrainSettings:
    """Those that the training was begun with, which depend on how fast the machine was, or new ones."""
    from landcover.train.budget import fitted
    from landcover.train.phases import known_rate
    from landcover.train.plan import plan_for
    from landcover.train.rates import SHARE

    path = folder / FITTED
    if path.exists() and (folder / CHECKPOINT).exists():
        return settings.model_copy(update=json.loads(path.read_text(encoding="utf-8")))
    shutil.rmtree(folder, ignore_errors=True)
    # a learning rate that has to be found takes its time, too
    left = seconds if known_rate(settings) else seconds / (1 + SHARE)
    made = fitted(settings, plan_for(part, settings, scheme), left)
    make_folder(folder)
    with whole_file(path) as temporary:
        temporary.write_text(json.dumps(made.model_dump(include={"epochs", "chips_per_epoch"})), encoding="utf-8")
    return made


def _parameters(kind: Kind, folder: Path, told: dict[str, Any]) -> int:
    if kind.family == "network":
        return int(told["parameters"])
    from landcover.model import read_card
    from landcover.pixelmodel import load_estimator, parameters

    path = folder / kind.file
    return parameters(load_estimator(path, read_card(path)))
