"""Models beside one another: each trained for about the same time on the same chips, and judged on the same others."""

import logging
import shutil
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from landcover.apart import Killed, apart
from landcover.benchmark.publish import CSV, JSON, PICTURE, draw, write_csv, write_json
from landcover.benchmark.table import Row, read_rows
from landcover.benchmark.trial import (
    is_done,
    is_of_before,
    is_trained,
    origin_of_trial,
    parts_of,
    run_trial,
    settings_of,
)
from landcover.catalogue import find_kind
from landcover.config import Config
from landcover.errors import Interrupted, LandcoverError
from landcover.files import make_folder, only_one
from landcover.pipeline import benchmark_stage
from landcover.progress import Progress, silent
from landcover.provenance import Recorder, taken
from landcover.train.chipset import open_chips
from landcover.train.unfinished import CHECKPOINT
from landcover.uptodate import check_ours
from landcover.words import counted

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Benchmarked:
    """What `benchmark` made: a row for each model, the best first; what was held out, and by what the intervals are, in
    words; the time that a training had; notes; and why models failed, by name."""

    path: Path
    rows: tuple[Row, ...]
    held: str
    intervals: str
    minutes: float
    notes: tuple[str, ...]
    failed: dict[str, str]


@dataclass(frozen=True)
class Ground:
    """What all models are judged on: the names of the parts, the place (chips,) of each chip that is held out, what
    places are, and all in words."""

    folds: tuple[str, ...]
    places: NDArray[np.int64]
    kind: str
    told: str


def benchmark(config: Config, overwrite: bool = False, progress: Progress = silent) -> Benchmarked:
    """Train the models of the configuration on the same chips, without a part of them, within about the same time, each
    in a process of its own; a table of them in reports/benchmark. Trainings that are finished are kept, and one that
    was cut off goes on. Raises LandcoverError for what stops all, and for trainings of other settings; a model that
    fails stops no other.
    """
    began, stage = time.monotonic(), benchmark_stage(config)
    if not overwrite:
        check_ours(stage)
    recorder = Recorder(stage, tuple(taken(path, stage.folder, config.provenance.full) for path in stage.inputs))
    with only_one(stage.out):
        ground, done = _look(config, stage.out, overwrite)
        log.info("held out: %s", ground.told)
        failed = _train_all(config, stage.out, ground, done, progress)
        trained = {m: _folders(config, stage.out, m, ground.folds) for m in config.benchmark.models if m not in failed}
        if not trained:
            raise LandcoverError("; ".join(f"{model}: {why}" for model, why in failed.items()))
        rows, intervals = read_rows(trained, ground.places, ground.kind)
        made = Benchmarked(
            stage.out, tuple(rows), ground.told, intervals, config.benchmark.minutes,
            tuple(_notes(rows, config, len(ground.folds))), failed,
        )  # fmt: skip
        make_folder(stage.out)
        write_csv(made, config.scheme, stage.out / CSV)
        write_json(made, config.scheme, stage.out / JSON)
        draw(made, config.scheme, stage.out / PICTURE)
        recorder.write(time.monotonic() - began)
    return made


def _folders(config: Config, out: Path, model: str, folds: tuple[str, ...]) -> list[Path]:
    return [out / settings_of(config, model).name / fold for fold in folds]


def _look(config: Config, out: Path, overwrite: bool) -> tuple[Ground, set[Path]]:
    """Before the first training: what is held out, and the folders of trials that are behind; those that are to be made
    anew are removed. Raises LandcoverError."""
    done: set[Path] = set()
    trained: list[Path] = []
    with closing(open_chips(config.paths, config.scheme)) as chips:
        parts, told = parts_of(config, chips)
        for model in config.benchmark.models:
            settings = settings_of(config, model)
            if overwrite:
                shutil.rmtree(out / settings.name, ignore_errors=True)
            for part, folder in zip(parts.chips, _folders(config, out, model, parts.names), strict=True):
                if is_done(folder, origin_of_trial(config, part, settings), config.classify):
                    done.add(folder)
                trained += [folder] if is_trained(folder) else []
        if trained:
            log.info("%s kept, trained before", counted(len(trained), "training"))
        if before := sum(map(is_of_before, trained)):
            log.warning("Note: %d of them by the program as it was before: --overwrite makes all anew", before)
        places = np.concatenate(parts.places)
        return Ground(parts.names, places, parts.kind, f"{counted(len(places), 'chip')}, {told}"), done


def _train_all(config: Config, out: Path, ground: Ground, done: set[Path], progress: Progress) -> dict[str, str]:
    """Train what is left; why models failed."""
    failed: dict[str, str] = {}
    models = config.benchmark.models
    left = [(m, n, f) for m in models for n, f in enumerate(_folders(config, out, m, ground.folds)) if f not in done]
    networks = sum(find_kind(model).family == "network" and not is_trained(folder) for model, _, folder in left)
    if networks:
        minutes = max(1, round(networks * config.benchmark.minutes))
        log.info("%s of networks to come: about %s", counted(networks, "training"), counted(minutes, "minute"))
    try:
        for turn, (model, number, folder) in enumerate(left, start=1):
            if model in failed:
                continue
            fold = f", fold {number + 1}" if len(ground.folds) > 1 else ""
            alone = ": how fast it maps" if is_trained(folder) else ""
            log.info("%d of %d: %s%s%s", turn, len(left), model, fold, alone)
            try:
                _each(run_trial, config, model, number, folder, progress)
            except LandcoverError as error:
                smaller = isinstance(error, Killed) and find_kind(model).family == "network"
                failed[model] = f"{error}{' (train.batch: 1)' if smaller else ''}"
                log.warning("Note: %s failed: %s", model, failed[model])
    except KeyboardInterrupt:
        epoch = f" and the last whole epoch of {model}" if (folder / CHECKPOINT).exists() else ""
        kept = f"{out}: what was trained before{epoch} {'are' if epoch else 'is'} kept"
        raise Interrupted(f"{kept}: the same command, without --overwrite, goes on from there") from None
    return failed


_each: Callable[..., Any] = apart
"""How a trial is run."""


def _notes(rows: list[Row], config: Config, folds: int) -> list[str]:
    """Of networks that had fewer epochs than they would by their settings, and of models that took another time than
    they had."""
    short = [f"{row.model} {row.epochs} of {row.asked}" for row in rows if row.epochs and row.epochs < row.asked]
    notes = [f"epochs that the time was enough for: {', '.join(short)}: longer, they may be better"] if short else []
    for row in rows:
        share = row.seconds / (60 * config.benchmark.minutes * folds)
        if row.epochs is None:
            why = "it is trained in one go, on a sample of pixels"
        elif share > 1:
            why = "the estimate, by its first few steps, was short"
        elif row.epochs >= row.asked:
            why = f"that was enough for train.epochs, {row.epochs}"
        else:
            why = "its steps took less than the first few"
        if not 0.9 < share < 1.1:
            notes.append(f"{row.model} took {100 * share:.0f} % of the time that it had: {why}")
    return notes
