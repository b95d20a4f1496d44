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
from landcover.benchmark.trial import RESULT, TABLES
from landcover.errors import LabelError
from landcover.train.parts import group

PIECES = (20, 10, 5, 2)
"""The ground that was held out is told apart in at least so many places, or as many as there are."""


@dataclass(frozen=True)
class Row:
    """A model. Of its figures on all that was held out the interval of 95 %, NaN where there is none; `behind`: by how
    much its overall accuracy is below that of the best; `seconds` of all its trainings, `epochs` of the first, None
    of a model without; `memory`: bytes, the most that one training took."""

    model: str
    overall: Estimate
    mean_iou: Estimate
    f1: Estimate
    behind: Estimate
    parameters: int
    epochs: int | None
    seconds: float
    speed: float
    memory: int


def read_rows(
    trials: dict[str, list[Path]], corners: NDArray[np.int64], size: int, block: int
) -> tuple[list[Row], str]:
    """A row for each model whose trials are in these folders, the best first; and by what the intervals are. `corners`
    (chips, 2) of what was held out, trial after trial; chips of `size` pixels."""
    place, told = _places(corners, size, block)
    tables = {model: np.concatenate([np.load(f / TABLES) for f in folders]) for model, folders in trials.items()}
    # rows are of what is shown
    every = {model: _gathered(found.transpose(0, 2, 1), place) for model, found in tables.items()}
    labelled = np.all([found.any(axis=(1, 2)) for found in every.values()], axis=0)
    pieces = {model: found[labelled] for model, found in every.items()}
    drawn = {model: _drawn(table) for model, table in pieces.items()}
    best = max(drawn, key=lambda model: float(measure(_whole(pieces[model])).overall))
    rows = []
    for model, folders in trials.items():
        results = [json.loads((folder / RESULT).read_text(encoding="utf-8")) for folder in folders]
        rows.append(_row(model, pieces[model], drawn[model], _gap(pieces, drawn, best, model), results))
    return sorted(rows, key=lambda row: -float(row.overall.value)), told


def _row(
    model: str, pieces: NDArray[np.int64], drawn: "Drawn", behind: Estimate, results: Sequence[dict[str, Any]]
) -> Row:
    number, classes = pieces.shape[0], pieces.shape[-1]
    known = bootstrap(csr_array(pieces.reshape(number, -1)), classes)
    mean = float(measure(_whole(pieces)).mean_iou)
    error = float(np.std(drawn.mean_iou, ddof=1)) if number > 1 else np.nan
    reach = float(t.ppf(0.975, max(number - 1, 1))) * error
    held = pieces.sum(axis=(0, 1)) > 0
    # of a class that was not held out nothing is known
    f1 = Estimate(*(np.where(held, part, np.nan) for part in (known.f1.value, known.f1.error, known.f1.low,
                                                              known.f1.high)))  # fmt: skip
    return Row(
        model=model,
        overall=known.overall,
        mean_iou=_single(mean, error, max(mean - reach, 0.0), min(mean + reach, 1.0)),
        f1=f1,
        behind=behind,
        parameters=results[0]["parameters"],
        epochs=results[0]["epochs"],
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
    error = float(np.std(gaps, ddof=1)) if len(pieces[model]) > 1 else np.nan
    if model == best or len(pieces[model]) < 2:
        return _single(first - second, error, np.nan, np.nan)
    low, high = np.percentile(gaps, [2.5, 97.5])
    return _single(first - second, error, float(low), float(high))


def _single(*parts: float) -> Estimate:
    return Estimate(*(np.asarray(part) for part in parts))


def _whole(pieces: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.asarray(pieces.sum(axis=0))


def _gathered(tables: NDArray[np.int64], place: NDArray[np.int64]) -> NDArray[np.int64]:
    """(pieces, classes, classes) from tables of chips and the piece of each."""
    pieces = np.zeros((place.max() + 1, *tables.shape[1:]), np.int64)
    np.add.at(pieces, place, tables)
    return pieces


def _places(corners: NDArray[np.int64], size: int, block: int) -> tuple[NDArray[np.int64], str]:
    """The piece (chips,) of ground that each chip is of: sites, or blocks where there are few."""
    for number in PIECES:
        try:
            return group(corners, size, number, block)
        except LabelError:
            continue
    return np.zeros(len(corners), np.int64), "1 place"
