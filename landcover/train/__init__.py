"""From training chips to a model: a network with a masked weighted loss, or a model of pixels."""

import logging
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from landcover.catalogue import find_kind
from landcover.config import Config
from landcover.errors import LandcoverError, OutputExists
from landcover.files import only_one, recover
from landcover.pipeline import train_stage
from landcover.progress import Progress, silent
from landcover.provenance import Recorder
from landcover.train.unfinished import check_free, clear_up, is_begun, training_folder
from landcover.uptodate import check

log = logging.getLogger(__name__)

if TYPE_CHECKING:
    from landcover.train.folds import Folds
    from landcover.train.length import Length
    from landcover.train.rates import Rates
    from landcover.train.result import PixelPlan, Trained


def train(
    config: Config,
    overwrite: bool = False,
    resume: bool = False,
    progress: Progress = silent,
    on_epoch: Callable[[dict[str, Any], int], None] = lambda epoch, epochs: None,
) -> "Trained":
    """Train on what `prepare` made and write models/<name>/, or go on with a training that was cut off. Raises
    LandcoverError; OutputExists for a model that is there, up to date or not."""
    stage = train_stage(config)
    state = check(stage, config.provenance.full)
    if state.standing in ("current", "stale") and not (overwrite or resume):
        raise OutputExists(stage.out, state.told)
    recorder = Recorder(stage, state.inputs)
    if _of_pixels(config):
        from landcover.train.pixels import fit_pixels

        return fit_pixels(config.paths, config.train, config.scheme, overwrite, resume, progress, recorder)
    from landcover.train.fit import fit

    return fit(config.paths, config.train, config.scheme, overwrite, resume, progress, on_epoch, recorder)


def _of_pixels(config: Config) -> bool:
    return find_kind(config.train.model).family == "pixels"


def find_current(config: Config) -> Path | None:
    """The folder of a model that is there already, of these chips and these settings. Raises OutputExists for one of
    others, and says what differs."""
    stage = train_stage(config)
    state = check(stage, config.provenance.full)
    goes_on = f"{training_folder(stage.out)} goes on with --resume --overwrite, and replaces it in the end"
    if state.standing == "stale" and not state.valid:
        raise OutputExists(stage.out, state.told + (f"; {goes_on}" if is_begun(stage.out) else ""))
    if state.standing not in ("current", "stale"):
        return None
    if state.standing == "stale":
        log.info("%s: %s", stage.out, state.told)
    clear_up(stage.out)
    if is_begun(stage.out):
        log.warning("Note: %s", goes_on)
    return stage.out


def check_chips(config: Config) -> None:
    """Raise LabelError where there are no chips to train on, or wrong ones: nothing slow is imported."""
    from landcover.train.chipset import open_chips

    open_chips(config.paths, config.scheme).close()


def check_begin(config: Config, overwrite: bool = False, resume: bool = False) -> None:
    """Raise what `train` of a network would before it begins, as far as that is known without Keras: LabelError,
    OutputExists, and LandcoverError if another process is at work."""
    check_chips(config)
    out = train_stage(config).out
    with only_one(training_folder(out)):
        recover(out)
        check_free(out, overwrite, resume)


def plan_training(config: Config, timed: bool = True) -> "Length | PixelPlan":
    """What `train` would take, of a network from a few of its steps; unless `timed`, without these and without the
    network, only the length of the training. Raises LandcoverError."""
    if _of_pixels(config):
        from landcover.train.pixels import plan_pixels

        return plan_pixels(config.paths, config.train, config.scheme)
    if not timed:
        from landcover.train.chipset import open_chips
        from landcover.train.length import length_of, settled

        with closing(open_chips(config.paths, config.scheme)) as chips:
            return length_of(chips, settled(config.train, chips))
    from landcover.train.plan import plan

    return plan(config.paths, config.train, config.scheme)


def find_learning_rate(config: Config, progress: Progress = silent) -> "Rates":
    """A learning rate for the model, from a sweep over all. Raises LandcoverError, also for a model of pixels."""
    if _of_pixels(config):
        raise LandcoverError(f"--find-lr: a {config.train.model} has no learning rate: leave it out, or name a network")
    from landcover.train.rates import find_rate

    return find_rate(config.paths, config.train, config.scheme, progress)


def cross_validate(
    config: Config,
    number: int,
    overwrite: bool = False,
    resume: bool = False,
    progress: Progress = silent,
    on_epoch: Callable[[dict[str, Any], int], None] = lambda epoch, epochs: None,
) -> "Folds":
    """Train as often as there are folds, each time without another part of the chips. Raises LandcoverError."""
    from landcover.train.folds import cross_validate

    return cross_validate(
        config.paths, config.train, config.scheme, number, config.split.block, overwrite, resume, progress, on_epoch
    )
