"""One model on one part of the chips: trained within about a time, and what it shows of what was held out."""

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
from landcover.errors import LabelError, LandcoverError
from landcover.files import make_folder, whole_file
from landcover.progress import Progress
from landcover.provenance import peak_memory
from landcover.quietly import import_quietly
from landcover.scheme import ClassScheme
from landcover.settings import ClassifySettings, TrainSettings
from landcover.settings.train import OF_PIXELS
from landcover.sourcecode import code_digest
from landcover.train.chipset import Chips, open_chips
from landcover.train.heldout import chip_tables
from landcover.train.length import Settled, settled
from landcover.train.origin import METRICS, check_origin, origin_of
from landcover.train.parts import Parts, TooFew, check_placed, cut_parts
from landcover.train.unfinished import CHECKPOINT

RESULT, TABLES, FITTED = "result.json", "tables.npy", "fitted.json"
"""What is known of a trained model; contingency tables, a held-out chip each; the settings that fit the time."""

SPEED = "speed.json"
"""How fast the model maps, and by what settings."""

BEGUN, PEAK = "begun.json", "memory.json"
"""What a trial was begun with; the most memory that its training has taken so far."""

ONE_OF = (5, 4, 3, 2)
"""Of so many parts one is held out: a fifth of the places, or more where they are few."""


def parts_of(config: Config, chips: Chips) -> tuple[Parts, str]:
    """What is held out of each training, and how much that is, in words. Raises LabelError."""
    folds, block = config.benchmark.folds, config.split.block
    check_placed(config.paths)
    if folds > 1:
        try:
            parts = cut_parts(chips, config.scheme, folds, block)
        except TooFew as error:
            raise LabelError(f"benchmark.folds {folds}: {error}: take fewer folds, or another split.block") from None
        return parts, f"{folds} folds of {parts.kind}, each in turn"
    for number in ONE_OF:
        try:
            parts = cut_parts(chips, config.scheme, number, block)
            break
        except TooFew as error:
            if number == ONE_OF[-1]:
                raise LabelError(f"no part can be held out: {error}: label more ground, or lower split.block") from None
    # where places are few they differ in size
    nearest = min(range(number), key=lambda part: abs(parts.shares[part] - 1 / number))
    one = parts.only(nearest)
    return one, f"one of {number} parts of {one.kind}, {100 * one.shares[0]:.0f} % of the labelled pixels"


def settings_of(config: Config, model: str) -> TrainSettings:
    """Those of the configuration for another model. No epoch is chosen by what is held out."""
    name = model.replace(":", "-")
    return config.train.model_copy(update={"model": model, "name": name, "monitor": "none"})


def origin_of_trial(config: Config, part: Chips, settings: TrainSettings) -> dict[str, Any]:
    """What must be the same for a trial to count: what must be so for a training to go on; of a network the time,
    too."""
    told = origin_of(part, settings, config.scheme)
    kind = find_kind(settings.model)
    if kind.family == "pixels":
        heeded = {f"train.{key}" for key in OF_PIXELS}
        return {key: value for key, value in told.items() if not key.startswith("train.") or key in heeded}
    return told | {"benchmark.minutes": config.benchmark.minutes}


def is_done(folder: Path, origin: dict[str, Any], classify: ClassifySettings) -> bool:
    """Whether a trial is behind, with the speed of today's program and settings. Raises LandcoverError for one that was
    begun with other settings or chips, if there is anything of it to go on from."""
    trained = is_trained(folder)
    if trained or (folder / METRICS).exists() or (folder / CHECKPOINT).exists():
        path = folder / BEGUN
        if not path.exists():
            raise LandcoverError(f"{folder}: does not tell what it was begun with: start anew with --overwrite")
        check_origin(folder, _read(path), origin)
    return trained and (folder / SPEED).exists() and _read(folder / SPEED)["by"] == _speed_by(classify)


def is_trained(folder: Path) -> bool:
    """Whether all is known but for the speed."""
    return (folder / RESULT).exists()


def is_of_before(folder: Path) -> bool:
    """Whether the program was another one when a model was trained."""
    return _read(folder / RESULT)["program"] != _program()


def _program() -> str | None:
    return code_digest("benchmark.trial")


def _speed_by(classify: ClassifySettings) -> dict[str, Any]:
    return {key: getattr(classify, key) for key in ("memory", "batch", "precision")} | {"program": _program()}


def run_trial(config: Config, model: str, number: int, folder: Path, progress: Progress) -> None:
    """Train a model without a part of the chips, from where it was cut off, and write what it came to. Raises
    LandcoverError."""
    settings, kind = settings_of(config, model), find_kind(model)
    if kind.family == "network":
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
        import_quietly("keras")
    with closing(open_chips(config.paths, config.scheme)) as chips:
        part = parts_of(config, chips)[0].chips[number]
        origin = origin_of_trial(config, part, settings)
        if is_done(folder, origin, config.classify):
            return
        if not is_trained(folder):
            _begin(folder, origin)
            _train(part, settings, config.scheme, folder, 60 * config.benchmark.minutes, kind, progress)
            _judge(part, settings, config.scheme, folder, kind)
        speed = speed_of(config.classify, folder / kind.file, model if kind.source else None, part.validation)
    _write(folder / SPEED, {"megapixels_per_second": speed, "by": _speed_by(config.classify)})


def _judge(part: Chips, settings: TrainSettings, scheme: ClassScheme, folder: Path, kind: Kind) -> None:
    tables = chip_tables(folder, part.validation, settings, scheme)
    with whole_file(folder / TABLES) as temporary, temporary.open("wb") as file:
        np.save(file, tables)
    told = _read(folder / METRICS)
    result = {
        "seconds": told["seconds"],
        "epochs": told.get("epochs"),
        "asked_epochs": settled(settings, part).epochs,
        "parameters": _parameters(kind, folder, told),
        "peak_memory": _peak(folder),
        "train_chips": len(part.train) + told["chips"]["copies"],
        "held_out_chips": len(part.validation),
        "program": _program(),
    }
    _write(folder / RESULT, result)
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
    if (folder / METRICS).exists() and (folder / PEAK).exists():
        # cut off while it was judged
        return
    if kind.family == "pixels":
        from landcover.train.pixels import learn as learn_pixels

        learn_pixels(part, settings, scheme, folder, progress)
        _keep_peak(folder)
        return
    from landcover.train.fit import learn

    fitted = _fitted(part, settled(settings, part), scheme, folder, seconds)
    # cut off, another process goes on
    learn(part, fitted, scheme, folder, progress, on_epoch=lambda epoch, epochs: _keep_peak(folder))


def _begin(folder: Path, origin: dict[str, Any]) -> None:
    """Make the folder, if there is nothing to go on from, and say in it what the trial is of."""
    if not (folder / METRICS).exists() and not (folder / CHECKPOINT).exists():
        shutil.rmtree(folder, ignore_errors=True)
        make_folder(folder)
        _write(folder / BEGUN, origin)


def _keep_peak(folder: Path) -> None:
    """Before the model is looked at, which is not of the training any more."""
    _write(folder / PEAK, max(peak_memory(), _peak(folder)))


def _peak(folder: Path) -> int:
    return int(_read(folder / PEAK)) if (folder / PEAK).exists() else 0


def _read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def _write(path: Path, told: Any) -> None:
    with whole_file(path) as temporary:
        temporary.write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")


def _fitted(part: Chips, settings: Settled, scheme: ClassScheme, folder: Path, seconds: float) -> Settled:
    """Those that the training was begun with, which depend on how fast the machine was, or new ones, in the number
    format that was timed: another one would take another time."""
    from landcover.train.budget import fitted
    from landcover.train.length import sweep_steps
    from landcover.train.plan import plan_for

    path = folder / FITTED
    if path.exists() and (folder / CHECKPOINT).exists():
        return settings.model_copy(update=_read(path))
    plan = plan_for(part, settings, scheme)
    settings = settings.model_copy(update={"precision": plan.precision})
    made = fitted(settings, plan, seconds)
    if sweep := sweep_steps(part, made):
        # a learning rate that has to be found takes its time, too
        made = fitted(settings, plan, seconds - sweep * plan.step_seconds)
    _write(path, made.model_dump(include={"epochs", "chips_per_epoch", "precision"}))
    return made


def _parameters(kind: Kind, folder: Path, told: dict[str, Any]) -> int:
    if kind.family == "network":
        return int(told["parameters"])
    from landcover.model import read_card
    from landcover.pixelmodel import load_estimator, parameters

    path = folder / kind.file
    return parameters(load_estimator(path, read_card(path)))
