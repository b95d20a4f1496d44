"""From images and labels to training chips: mosaic, labels, chips, stack, augment."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from landcover.config import Config
from landcover.pipeline import PREPARE
from landcover.prepare.steps import run_augment, run_chips, run_labels, run_mosaic, run_stack
from landcover.progress import Progress, silent
from landcover.uptodate import check_ours

if TYPE_CHECKING:
    from landcover.prepare.augment import Augmented
    from landcover.prepare.chips import Chips
    from landcover.prepare.labels import Labels
    from landcover.prepare.mosaic import Mosaic
    from landcover.prepare.stack import Stacks


@dataclass(frozen=True)
class Prepared:
    """What each stage of `prepare` made, None where all was up to date."""

    mosaic: "Mosaic | None"
    labels: "Labels | None"
    chips: "Chips | None"
    stacks: "Stacks | None"
    augmented: "Augmented | None"


def prepare(config: Config, overwrite: bool = False, progress: Progress = silent) -> Prepared:
    """Run those of the five stages that are not up to date on the paths of a configuration; with `overwrite` all of
    them. Raises LandcoverError."""
    if not overwrite:
        for stage in PREPARE:
            check_ours(stage(config))
    steps: tuple[Callable[..., Any], ...] = (run_mosaic, run_labels, run_chips, run_stack, run_augment)
    return Prepared(*(run(config, overwrite, progress) for run in steps))
