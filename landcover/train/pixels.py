"""Training a model of pixels: from chip stores to model.skops, in one go."""

import csv
import json
import logging
import shutil
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from landcover.catalogue import PIXELS
from landcover.errors import Interrupted, LandcoverError, OutputExists
from landcover.features import feature_names, radii_of
from landcover.files import make_folder, only_one, recover, replace_folder, whole_file
from landcover.model import ModelCard
from landcover.pixelmodel import save_estimator
from landcover.progress import Progress, silent
from landcover.provenance import Essence, Recorder
from landcover.scheme import ClassScheme
from landcover.settings import Paths, TrainSettings
from landcover.train.chipset import Chips, ChipSet, Statistics, label_pixels, open_chips, statistics
from landcover.train.estimators import train_estimator
from landcover.train.origin import METRICS, origin_of
from landcover.train.pictures import PICTURES
from landcover.train.pixelcheck import draw_validation, validate
from landcover.train.pixelsample import Sample, draw_sample, inner_pixels, wanted
from landcover.train.prior import Prior, prior_of
from landcover.train.result import LEAKING, PixelPlan, Scores, Trained
from landcover.train.unfinished import is_begun, training_folder

FILE = f"model{PIXELS}"
log = logging.getLogger(__name__)


def fit_pixels(
    paths: Paths,
    settings: TrainSettings,
    scheme: ClassScheme,
    overwrite: bool = False,
    resume: bool = False,
    progress: Progress = silent,
    recorder: Recorder | None = None,
) -> Trained:
    """Train a model of pixels on the stores under `paths`; writes models/<name>/ with model.skops, history.csv,
    metrics.json, and pictures of validation chips. Raises LabelError, LandcoverError, OutputExists."""
    if resume:
        raise LandcoverError(
            f"--resume: a {settings.model} is trained in one go, there is nothing to go on from: leave it out"
        )
    out = paths.models / settings.name
    folder = training_folder(out)
    with closing(open_chips(paths, scheme)) as chips, only_one(folder):
        recover(out)
        _check_free(out, overwrite)
        shutil.rmtree(folder, ignore_errors=True)
        told = None if recorder is None else recorder.essence
        try:
            made = learn(chips, settings, scheme, folder, progress, told=told)
            if recorder is not None:
                recorder.write(made.seconds, folder)
            replace_folder(folder, out)
        except KeyboardInterrupt:
            raise Interrupted(f"a {settings.model} is trained in one go: nothing is kept") from None
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    return replace(made, path=out / FILE)


def _check_free(out: Path, overwrite: bool) -> None:
    if out.exists() and not overwrite:
        raise OutputExists(out)
    if is_begun(out) and not overwrite:
        raise LandcoverError(
            f"{training_folder(out)}: a training of a network that was cut off: choose another train.name, or give "
            "--overwrite, which removes it"
        )


def plan_pixels(paths: Paths, settings: TrainSettings, scheme: ClassScheme) -> PixelPlan:
    """Raises LabelError as a training would that finds no chips."""
    with closing(open_chips(paths, scheme)) as chips:
        radii = radii_of(chips.info.size)
        inner = inner_pixels(chips.train, scheme, max(radii)).sum(axis=0)
        drawn = dict(zip(scheme.names, wanted(inner, settings).tolist(), strict=True))
        return PixelPlan(drawn, len(feature_names(chips.info.bands, radii)), len(chips.validation))


def learn(
    chips: Chips,
    settings: TrainSettings,
    scheme: ClassScheme,
    folder: Path,
    progress: Progress = silent,
    told: Essence | None = None,
) -> Trained:
    """Train in a folder. `told`: what the model says of its making."""
    started, radii = time.monotonic(), radii_of(chips.info.size)
    # copies of chips, turned and zoomed, have nothing new to tell of single pixels
    known = statistics(chips.train, ChipSet.of([]), scheme)
    prior = prior_of(settings, known.covered)
    _tell(chips, scheme, settings, known, prior)
    with progress("drawing pixels", len(chips.train), "chips") as advance:
        sample = draw_sample(chips.train, scheme, radii, settings, known.pixels, prior, advance)
    log.info("Training on %s pixels, %d features each", f"{len(sample.classes):,}", sample.features.shape[1])
    estimator = train_estimator(settings.model, sample.features, sample.classes, sample.weights, settings.seed)
    with progress("validating", len(chips.validation), "chips") as advance:
        table, loss = validate(estimator, chips.validation, scheme, radii, advance)
    scores = Scores.of(table)
    leaking, seconds = chips.info.split == "random", round(time.monotonic() - started, 2)
    figures = {
        "pixels": len(sample.classes),
        "val_loss": loss,
        "val_mean_iou": scores.mean_iou,
        "val_accuracy": scores.accuracy,
        **{f"val_iou_{c.slug}": iou for c, iou in zip(scheme, scores.iou, strict=True)},
        "seconds": seconds,
        **({"split": LEAKING} if leaking else {}),
    }
    make_folder(folder)
    info, drawn = chips.info, _drawn(sample, scheme)
    card = ModelCard(
        scheme=scheme, bands=info.bands, dtype=info.dtype, mean=known.mean, deviation=known.deviation,
        pixel_size=info.pixel_size, chip_size=info.size, halo=max(radii), multiple=1, split=info.split,
        pixels={name: n if drawn[name] else 0 for name, n in zip(scheme.names, known.pixels.tolist(), strict=True)},
        scores=figures, run=told, model=settings.model, radii=radii,
    )  # fmt: skip
    save_estimator(estimator, card, folder / FILE)
    iou = dict(zip(scheme.names, scores.iou, strict=True))
    _write_history(folder / "history.csv", figures)
    _write_metrics(folder / METRICS, chips, settings, scheme, card, drawn, estimator, scores, prior)
    draw_validation(estimator, chips.validation, scheme, radii, scores, leaking, folder / PICTURES)
    return Trained(folder / FILE, 0, 0, figures, iou, leaking, seconds)


def _tell(chips: Chips, scheme: ClassScheme, settings: TrainSettings, known: Statistics, prior: Prior) -> None:
    """What there is to know of the chips."""
    held = label_pixels(chips.validation, scheme).sum(axis=0)
    for pixels, side, result in (
        (known.pixels, "training", "the map will not show what was not shown"),
        (held, "validation", "no figure can be given, the means are without"),
    ):
        absent = [name for name, n in zip(scheme.names, pixels, strict=True) if not n]
        if absent:
            log.warning("Note: no %s pixel of %s: %s", side, ", ".join(absent), result)
    if prior == "equal" and settings.class_prior == "auto":
        log.info(
            "Labels cover %.0f %% of the training chips, and may show some classes more often than there are: all are "
            "taken to be as frequent (train.class_prior)", 100 * known.covered,
        )  # fmt: skip


def _drawn(sample: Sample, scheme: ClassScheme) -> dict[str, int]:
    """Pixels of each class by name."""
    counts = np.bincount(sample.classes, minlength=256)[list(scheme.values)]
    return dict(zip(scheme.names, counts.tolist(), strict=True))


def _write_history(path: Path, figures: dict[str, Any]) -> None:
    with whole_file(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(figures))
        writer.writeheader()
        writer.writerow(figures)


def _write_metrics(
    path: Path,
    chips: Chips,
    settings: TrainSettings,
    scheme: ClassScheme,
    card: ModelCard,
    drawn: dict[str, int],
    estimator: Any,
    scores: Scores,
    prior: Prior,
) -> None:
    from sklearn import __version__ as version

    told = {key: value for key, value in card.scores.items() if not key.startswith("val_iou_")} | {
        "val_iou": dict(zip(scheme.names, scores.iou, strict=True)),
        "val_table": [list(row) for row in scores.table],
        "split": card.scores.get("split", chips.info.split),
        "split_key": chips.info.split_key,
        "chips": {"train": len(chips.train), "copies": 0, "validation": len(chips.validation)},
        "class_prior": prior,
        "drawn": drawn,
        "features": feature_names(card.bands, card.radii),
        "model": settings.model,
        "hyperparameters": _hyperparameters(estimator),
        "scikit_learn": version,
        "origin": origin_of(chips, settings, scheme),
    }
    with whole_file(path) as temporary:
        temporary.write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")


def _hyperparameters(estimator: Any) -> dict[str, Any]:
    """What can be told in JSON."""
    last = estimator.steps[-1][1] if hasattr(estimator, "steps") else estimator
    plain = (bool, int, float, str, tuple)
    return {key: value for key, value in last.get_params().items() if isinstance(value, plain)}
