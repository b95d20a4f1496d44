"""Each stage of `prepare` on the paths of a configuration, run only where its output is not up to date.

What is slow to import is imported when a stage is run: to see that nothing is to do takes none of it.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from landcover.cluster import HERE, Machines
from landcover.config import Config
from landcover.errors import ConfigError
from landcover.files import check_made
from landcover.pipeline import MOSAIC, augment_stage, chips_stage, labels_stage, mosaic_stage, stack_stage
from landcover.progress import Progress, silent
from landcover.provenance import as_tag
from landcover.uptodate import bring_up_to_date

if TYPE_CHECKING:
    from landcover.prepare.augment import Augmented
    from landcover.prepare.chips import Chips
    from landcover.prepare.labels import Labels
    from landcover.prepare.mosaic import Mosaic
    from landcover.prepare.stack import Stacks


def run_mosaic(
    config: Config,
    overwrite: bool = False,
    progress: Progress = silent,
    images: Sequence[str] = (),
    machines: Machines = HERE,
    out: Path | None = None,
) -> "Mosaic | None":
    """With `images`, of those instead of the configuration's; with `out`, in that folder, which is new or holds a
    mosaic; `machines`: who reads. This and the others return None where all is up to date, and raise LandcoverError."""
    stage = mosaic_stage(config, images, out)
    if out is not None and out.exists() and not (out / MOSAIC).exists():
        raise ConfigError(f"--out {out}: is there, and holds no mosaic that could be replaced: name a new folder")

    def make(told: object) -> "Mosaic":
        from landcover.prepare.mosaic import mosaic

        settings = config.mosaic.model_copy(update={"images": tuple(images)}) if images else config.mosaic
        return mosaic(settings, stage.out, True, progress, machines)

    return bring_up_to_date(stage, make, overwrite, config.provenance.full)


def run_labels(
    config: Config, overwrite: bool = False, progress: Progress = silent, machines: Machines = HERE
) -> "Labels | None":
    mosaic, paths = config.paths.mosaic / MOSAIC, config.paths
    check_made(mosaic, "mosaic")

    def make(told: dict[str, object]) -> "Labels":
        from landcover.prepare.labels import labels

        return labels(mosaic, config.labels, config.scheme, paths.labels, True, progress, as_tag(told), machines)

    return bring_up_to_date(labels_stage(config), make, overwrite, config.provenance.full)


def run_chips(
    config: Config,
    overwrite: bool = False,
    progress: Progress = silent,
    exports: Sequence[Path] = (),
    machines: Machines = HERE,
) -> "Chips | None":
    """With `exports`, of those folders that ArcGIS wrote."""
    paths, settings = config.paths, (config.chips, config.split)
    if not exports:
        check_made(paths.mosaic / MOSAIC, "mosaic")
        check_made(paths.labels, "labels")

    def make(told: object) -> "Chips":
        if exports:
            from landcover.prepare.from_esri import chips_from_esri

            return chips_from_esri(exports, *settings, config.remap, paths.chips, True, progress, machines)
        from landcover.prepare.chips import chips

        places = paths.mosaic / MOSAIC, paths.labels
        return chips(*places, *settings, config.scheme, paths.chips, True, progress, machines)

    return bring_up_to_date(chips_stage(config, exports), make, overwrite, config.provenance.full)


def run_stack(
    config: Config, overwrite: bool = False, progress: Progress = silent, machines: Machines = HERE
) -> "Stacks | None":
    def make(told: object) -> "Stacks":
        from landcover.prepare.stack import stack

        return stack(config.paths.chips, config.scheme, config.paths.stacks, True, progress, machines)

    return bring_up_to_date(stack_stage(config), make, overwrite, config.provenance.full)


def run_augment(config: Config, overwrite: bool = False, progress: Progress = silent) -> "Augmented | None":
    paths = config.paths

    def make(told: object) -> "Augmented":
        from landcover.prepare.augment import augment

        return augment(paths.train, config.augment, config.scheme, paths.augmented, True, progress)

    return bring_up_to_date(augment_stage(config), make, overwrite, config.provenance.full)
