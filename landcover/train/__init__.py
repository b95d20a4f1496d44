"""From training chips to a model: the slim U-Net with a masked weighted loss."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from landcover.config import Config
from landcover.progress import Progress, silent

if TYPE_CHECKING:
    from landcover.train.fit import Trained
    from landcover.train.folds import Folds
    from landcover.train.plan import Plan


def train(
    config: Config,
    overwrite: bool = False,
    resume: bool = False,
    progress: Progress = silent,
    on_epoch: Callable[[dict[str, Any]], None] = lambda epoch: None,
) -> "Trained":
    """Train on what `prepare` made and write models/<name>/, or go on with a training that was cut off. Raises
    LandcoverError."""
    from landcover.train.fit import fit

    return fit(config.paths, config.train, config.scheme, overwrite, resume, progress, on_epoch)


def plan_training(config: Config) -> "Plan":
    """What `train` would take, from a few of its steps. Raises LandcoverError."""
    from landcover.train.plan import plan

    return plan(config.paths, config.train, config.scheme)


def cross_validate(
    config: Config,
    number: int,
    overwrite: bool = False,
    resume: bool = False,
    progress: Progress = silent,
    on_epoch: Callable[[dict[str, Any]], None] = lambda epoch: None,
) -> "Folds":
    """Train as often as there are folds, each time without another part of the chips. Raises LandcoverError."""
    from landcover.train.folds import cross_validate

    return cross_validate(
        config.paths, config.train, config.scheme, number, config.split.block, overwrite, resume, progress, on_epoch
    )
