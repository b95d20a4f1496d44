"""The table of a benchmark: figures of each model with their intervals, from contingency tables of held-out chips."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.stats import t

from landcover.assess.bootstrap import ROUNDS, bootstrap, resampled
from landcover.assess.measures import Estimate, measure
from landcover.benchmark.trial import RESULT, SPEED, TABLES
from landcover.words import counted

FEW = 5
"""Of fewer places there are no intervals: how places differ is not known."""


@dataclass(frozen=True)
class Row:
    """A model. Of its figures on all that was held out the interval of 95 %, NaN where there is none; `behind`: by how
    much its overall accuracy is below that of the best; `seconds` of all its trainings; `epochs` of the first, of those
    `asked` for, None of a model without; `memory`: bytes, the most that one training took."""

    model: str
    overall: Estimate
    mean_iou: Estimate
    f1: Estimate
    behind: Estimate
    parameters: int
    epochs: int | None
    asked: int
    seconds: float
    speed: float
    memory: int


def read_rows(trials: dict[str, list[Path]], places: NDArray[np.int64], kind: str) -> tuple[list[Row], str]:
    """A row for each model whose trials are in these folders, the best first; and by what the intervals are. `places`
    (chips,): of what was held out, trial after trial, each of a `kind`; chips of one place are not independent."""
    tables = {model: np.concatenate([np.load(f / TABLES) for f in folders]) for model, folders in trials.items()}
    # rows are of what is shown
    every = {model: _gathered(found.transpose(0, 2, 1), places) for model, found in tables.items()}
    labelled = np.all([found.any(axis=(1, 2)) for found in every.values()], axis=0)
    pieces = {model: found[labelled] for model, found in every.items()}
    number = int(labelled.sum())
    drawn = {model: _drawn(table) for model, table in pieces.items()}
    best = max(drawn, key=lambda model: float(measure(_whole(pieces[model])).overall))
    rows = []
    for model, folders in trials.items():
        results = [
            json.loads((folder / RESULT).read_text(encoding="utf-8"))
            | json.loads((folder / SPEED).read_text(encoding="utf-8"))
            for folder in folders
        ]
        rows.append(_row(model, pieces[model], drawn[model], _gap(pieces, drawn, best, model), results))
    return sorted(rows, key=lambda row: -float(row.overall.value)), _by(number, kind)


def _by(number: int, kind: str) -> str:
    if number >= FEW:
        return f"95 %, drawn again by place: {number}, of {kind}"
    held = f"{counted(number, 'place')} held out, of {kind}"
    return f"none, {held}: take --folds 5, a smaller split.block, or label more sites"


def _row(
    model: str, pieces: NDArray[np.int64], drawn: "Drawn", behind: Estimate, results: Sequence[dict[str, Any]]
) -> Row:
    number, classes = pieces.shape[0], pieces.shape[-1]
    known = bootstrap(csr_array(pieces.reshape(number, -1)), classes)
    mean = float(measure(_whole(pieces)).mean_iou)
    error, reach = _spread(drawn.mean_iou, number)
    # of a class that was not held out nothing is known
    held = pieces.sum(axis=(0, 1)) > 0
    return Row(
        model=model,
        overall=_known(known.overall, np.True_, number),
        # clipped as arrays are: of no number none is made
        mean_iou=_single(mean, error, *np.clip([mean - reach, mean + reach], 0, 1).tolist()),
        f1=_known(known.f1, held, number),
        behind=behind,
        parameters=results[0]["parameters"],
        epochs=results[0]["epochs"],
        asked=results[0]["asked_epochs"],
        seconds=sum(result["seconds"] for result in results),
        speed=float(np.mean([result["megapixels_per_second"] for result in results])),
        memory=max(result["peak_memory"] for result in results),
    )


@dataclass(frozen=True)
class Drawn:
    """Figures of pieces that were drawn again, (rounds,) each; the same pieces for all models."""

    overall: NDArray[np.float64]
    mean_iou: NDArray[np.float64]


def _drawn(pieces: NDArray[np.int64]) -> Drawn:
    number, classes = pieces.shape[0], pieces.shape[-1]
    again = resampled(csr_array(pieces.reshape(number, -1)), ROUNDS, 0).reshape(-1, classes, classes)
    found = measure(again)
    return Drawn(found.overall, found.mean_iou)


def _gap(pieces: dict[str, NDArray[np.int64]], drawn: dict[str, Drawn], best: str, model: str) -> Estimate:
    """By how much a model is behind, by pairs: what is hard to map is so for both."""
    first, second = (float(measure(_whole(pieces[name])).overall) for name in (best, model))
    gaps = drawn[best].overall - drawn[model].overall
    error, reach = _spread(gaps, len(pieces[model]))
    gap, reach = first - second, np.nan if model == best else reach
    return _single(gap, error, gap - reach, gap + reach)


def _spread(drawn: NDArray[np.float64], number: int) -> tuple[float, float]:
    """The standard error of a figure of so many places, and how far its interval reaches, by Student's t: percentiles
    of the rounds are too narrow where places are few."""
    if number < FEW:
        return np.nan, np.nan
    error = float(np.std(drawn, ddof=1))
    return error, float(t.ppf(0.975, number - 1)) * error


def _known(estimate: Estimate, held: NDArray[np.bool_] | np.bool_, number: int) -> Estimate:
    """Without what is not known of so many places."""
    value = np.where(held, estimate.value, np.nan)
    spread = (estimate.error, estimate.low, estimate.high)
    return Estimate(value, *(np.where(held & (number >= FEW), part, np.nan) for part in spread))


def _single(*parts: float) -> Estimate:
    return Estimate(*(np.asarray(part) for part in parts))


def _whole(pieces: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.asarray(pieces.sum(axis=0))


def _gathered(tables: NDArray[np.int64], place: NDArray[np.int64]) -> NDArray[np.int64]:
    """(pieces, classes, classes) from tables of chips and the piece of each."""
    pieces = np.zeros((place.max() + 1, *tables.shape[1:]), np.int64)
    np.add.at(pieces, place, tables)
    return pieces
