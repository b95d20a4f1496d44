"""From images and labels to training chips: mosaic, labels, chips, stack, augment."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from landcover.cluster import HERE, Machines
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


Made = TypeVar("Made")


@dataclass(frozen=True)
class Prepared:
    """What each stage of `prepare` made, None where all was up to date."""

    mosaic: "Mosaic | None"
    labels: "Labels | None"
    chips: "Chips | None"
    stacks: "Stacks | None"
    augmented: "Augmented | None"


def prepare(
    config: Config,
    overwrite: bool = False,
    progress: Progress = silent,
    machines: Machines = HERE,
    on_stage: Callable[[str, object], None] = lambda name, made: None,
) -> Prepared:
    """Run those of the five stages that are not up to date on the paths of a configuration; with `overwrite` all of
    them. `machines`: who works in all but the last; `on_stage`: called after each, with its name and what it made.
    Raises LandcoverError."""

    def told(name: str, made: Made) -> Made:
        on_stage(name, made)
        return made

    if not overwrite:
        for stage in PREPARE:
            check_ours(stage(config))
    return Prepared(
        told("mosaic", run_mosaic(config, overwrite, progress, machines=machines)),
        told("labels", run_labels(config, overwrite, progress, machines=machines)),
        told("chips", run_chips(config, overwrite, progress, machines=machines)),
        told("stack", run_stack(config, overwrite, progress, machines=machines)),
        told("augment", run_augment(config, overwrite, progress)),
    )
