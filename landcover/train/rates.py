"""Which learning rate to train with, found by a sweep over all: the range test of Smith (2017, arXiv:1506.01186)."""

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from landcover.errors import LandcoverError
from landcover.files import make_folder, whole_file
from landcover.precision import Format
from landcover.progress import Progress, silent
from landcover.scheme import ClassScheme
from landcover.settings import Paths, TrainSettings
from landcover.train.chipset import Chips, open_chips
from landcover.train.devices import devices_of
from landcover.train.length import STEPS, Settled, known_rate, settled, sweep_steps
from landcover.train.phases import USUAL, build_optimizer
from landcover.train.task import Task, check_fits, prepare_task

LOWEST, HIGHEST = 1e-6, 1.0

PARTS = 10
"""A smoothed loss is that of one of so many parts of the sweep: batches differ."""

CLEAR = 5.0
"""How many standard errors of the smoothed loss it has to fall: the least of many averages of noise lies deep, too."""

LOST = 4.0
"""The sweep ends where the smoothed loss is so many times its least: training has come apart."""


class NoFall(LandcoverError):
    """A sweep in which the loss did not fall clearly."""


@dataclass(frozen=True)
class Rates:
    """The rate at which the loss fell most steeply; rates and smoothed losses of the steps; the picture of them."""

    suggested: float
    rates: tuple[float, ...]
    losses: tuple[float, ...]
    path: Path


@dataclass(frozen=True)
class Chosen:
    """What a training begins with: its highest learning rate, why it is that, if it is not known beforehand, and the
    number format if a sweep has tried it out."""

    rate: float
    precision: Format | None = None
    why: str = ""


def find_rate(
    paths: Paths, settings: TrainSettings, scheme: ClassScheme, progress: Progress = silent, steps: int = STEPS
) -> Rates:
    """Train with a rate that rises from step to step, and keep nothing of it but a picture, models/<name>-rates.png.

    Raises LabelError, and LandcoverError as a training would.
    """
    with closing(open_chips(paths, scheme)) as chips:
        known = settled(settings, chips)
        check_fits(known, chips.info)
        task = prepare_task(chips, known, scheme, quietly=True)
        return _sweep(task, settings, paths.models / f"{settings.name}-rates.png", steps, progress)


def choose_rate(
    chips: Chips, settings: Settled, scheme: ClassScheme, folder: Path, progress: Progress = silent
) -> Chosen:
    """The learning rate of a training: as the settings say, or the model's own, or that of a sweep, whose picture is
    left in the folder of the training as rates.png. The same for the same chips and settings."""
    known = known_rate(settings)
    if known is not None:
        return Chosen(known)
    steps = sweep_steps(chips, settings)
    if not steps:
        return Chosen(USUAL, why="the usual one, for the training is too short to look for another")
    task = prepare_task(chips, settings, scheme, quietly=True)
    try:
        found = _sweep(task, settings, folder / "rates.png", steps, progress).suggested
    except NoFall as error:
        return Chosen(USUAL, task.precision, f"the usual one: {error}")
    return Chosen(found, task.precision, f"there the loss fell most steeply in a sweep of {steps} steps")


def _sweep(task: Task, settings: TrainSettings, path: Path, steps: int, progress: Progress) -> Rates:
    rates, losses = np.geomspace(LOWEST, HIGHEST, steps), []
    memory = 1 - PARTS / max(steps, 2 * PARTS)
    learner = task.learner
    with devices_of(learner):
        optimizer = build_optimizer(learner, settings, LOWEST)
        learner.compile(optimizer, learner.loss)
    with progress("finding a rate", steps, "steps") as advance:
        for number, rate in zip(count(), rates, strict=False):
            optimizer.learning_rate = rate
            # else the loss is the mean of all steps so far
            learner.reset_metrics()
            told = learner.train_on_batch(*task.feed[number % len(task.feed)])
            losses.append(float(np.ravel(told)[0]))
            smooth = smoothed(losses, memory)
            advance(1, f"rate {rate:.1e}, loss {smooth[-1]:.3f}")
            if not np.isfinite(smooth[-1]) or smooth[-1] > LOST * smooth.min():
                break
    smooth = smoothed(losses, memory)
    make_folder(path.parent)
    try:
        # two digits: more of them say nothing
        suggested = float(f"{steepest(rates[: len(smooth)], smooth, scatter(losses, smooth, memory)):.1e}")
    except NoFall:
        _draw(rates[: len(smooth)], losses, smooth, None, path)
        raise
    _draw(rates[: len(smooth)], losses, smooth, suggested, path)
    return Rates(suggested, tuple(rates[: len(smooth)]), tuple(smooth), path)


def smoothed(losses: Sequence[float], memory: float) -> NDArray[np.float64]:
    """Averages of what came before, older losses counting less, as Adam averages gradients. `memory`: what is left of
    the loss of a step in that of the next."""
    total, made = 0.0, []
    for number, loss in enumerate(losses, start=1):
        total = memory * total + (1 - memory) * loss
        made.append(total / (1 - memory**number))
    return np.array(made)


def scatter(losses: Sequence[float], smooth: NDArray[np.float64], memory: float) -> float:
    """The standard error of a smoothed loss, by how batches differ until it is least."""
    least = int(np.nanargmin(smooth)) + 1 if np.isfinite(smooth).any() else 0
    apart = np.diff(np.asarray(losses[:least]))
    # differences of neighbours, which what the loss does over many steps hardly touches
    return float(np.sqrt(np.mean(apart**2) / 2 * (1 - memory) / (1 + memory))) if len(apart) else 0.0


def steepest(rates: NDArray[np.float64], losses: NDArray[np.float64], error: float = 0.0) -> float:
    """The rate at which the loss falls fastest, over the logarithm of the rate, before it is least. `error`: the
    standard error of a loss. Raises NoFall where it does not fall clearly."""
    known = np.isfinite(losses)
    rates, losses = rates[known], losses[known]
    least = int(losses.argmin()) if len(losses) else 0
    # what the first steps show is how batches differ, before there is an average
    first = len(losses) // 5
    if least < first + 2 or losses[first] - losses[least] <= CLEAR * error:
        raise NoFall(
            "no learning rate made the loss fall clearly: take more chips a step (train.batch), or look at the labels "
            "and at train.clip"
        )
    slopes = np.gradient(losses[first : least + 1], np.log(rates[first : least + 1]))
    return float(rates[first + int(slopes.argmin())])


def _draw(
    rates: NDArray[np.float64],
    losses: Sequence[float],
    smooth: NDArray[np.float64],
    suggested: float | None,
    path: Path,
) -> None:
    figure = Figure(figsize=(6, 4), layout="constrained")
    panel = figure.subplots()
    panel.plot(rates, losses, ".", color="#aaaaaa", label="steps")
    panel.plot(rates, smooth, color="#1f78b4", label="smoothed")
    if suggested is not None:
        panel.axvline(suggested, color="#888888", linestyle=":", label=f"steepest: {suggested:.1e}")
    panel.set(xlabel="learning rate", ylabel="loss", xscale="log")
    panel.grid(alpha=0.3)
    panel.legend()
    with whole_file(path) as temporary:
        figure.savefig(temporary, dpi=120, format="png")
