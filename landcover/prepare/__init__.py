"""From images and labels to training chips: mosaic, labels, chips, stack, augment."""

from dataclasses import dataclass

from landcover.config import Config
from landcover.files import check_free
from landcover.prepare.augment import Augmented, augment
from landcover.prepare.chips import Chips, chips
from landcover.prepare.labels import Labels, labels
from landcover.prepare.mosaic import Mosaic, mosaic
from landcover.prepare.stack import Stacks, stack
from landcover.progress import Progress, silent


@dataclass(frozen=True)
class Prepared:
    """What each stage of `prepare` made."""

    mosaic: Mosaic
    labels: Labels
    chips: Chips
    stacks: Stacks
    augmented: Augmented


def prepare(config: Config, overwrite: bool = False, progress: Progress = silent) -> Prepared:
    """Run the five stages on the paths of a configuration. Raises LandcoverError."""
    paths, scheme = config.paths, config.scheme
    for path in (paths.mosaic, paths.labels, paths.chips, paths.train, paths.validation, paths.augmented):
        check_free(path, overwrite)
    made = mosaic(config.mosaic, paths.mosaic, overwrite, progress)
    labelled = labels(made.path, config.labels, scheme, paths.labels, overwrite, progress)
    cut = chips(
        made.path, labelled.path, config.chips, config.split, scheme, paths.chips, overwrite, progress
    )  # fmt: skip
    stacked = stack(paths.chips, scheme, paths.stacks, overwrite, progress)
    augmented = augment(paths.train, config.augment, scheme, paths.augmented, overwrite, progress)
    return Prepared(made, labelled, cut, stacked, augmented)
