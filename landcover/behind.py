"""Whether what `train` and `classify` go on from is of the images and labels as they are now."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from landcover.config import Config
from landcover.errors import LandcoverError
from landcover.fingerprint import located
from landcover.pipeline import augment_stage, chips_stage, labels_stage, mosaic_stage, stack_stage, train_stage
from landcover.provenance import read_run
from landcover.sources import is_remote
from landcover.stage import Stage
from landcover.uptodate import PROGRAM, check

Leading = tuple[Callable[[], Stage], str]
"""A stage, and the command that brings it up to date."""


@dataclass(frozen=True)
class Late:
    """A stage that is not up to date: its name, why, the command that mends it, and whether settings are all that
    differs."""

    stage: str
    why: str
    command: str
    by_settings: bool


def behind_chips(config: Config) -> str | None:
    """Which of the stages that led to the training chips are not up to date, why, and what to run, in a line."""
    mosaic = [] if _exports(config) else [_mosaic(config)]
    return _told(_late(config, [*mosaic, *_chips(config)]))


def behind_map(config: Config) -> str | None:
    """As `behind_chips`, of what leads to a map of the mosaic: the model as well, where it is the project's."""
    leading = [_mosaic(config)]
    if train_stage(config).made[0] != config.classify.model:
        return _told(_late(config, leading))
    # settings of a training are often given to it alone
    model = _late(config, [(partial(train_stage, config), "train --overwrite")])
    return _told([*_late(config, [*leading, *_chips(config)]), *(late for late in model if not late.by_settings)])


def _mosaic(config: Config) -> Leading:
    if images := _images(config):
        return partial(mosaic_stage, config, images), "mosaic IMAGES"
    # `prepare` refuses chips that ArcGIS cut
    return partial(mosaic_stage, config), "mosaic" if _exports(config) else "prepare"


def _chips(config: Config) -> list[Leading]:
    """What leads from the mosaic to chips, or from those that ArcGIS cut."""
    stacked = [partial(stack_stage, config), partial(augment_stage, config)]
    if exports := _exports(config):
        makes, names = [partial(chips_stage, config, exports), *stacked], ["chips --from-esri", "stack", "augment"]
        return list(zip(makes, names, strict=True))
    makes = [partial(labels_stage, config), partial(chips_stage, config), *stacked]
    # of a mosaic of images that were named, `prepare` would make another
    names = ["labels", "chips", "stack", "augment"] if _images(config) else ["prepare"] * 4
    return list(zip(makes, names, strict=True))


def _images(config: Config) -> tuple[str, ...]:
    """Those that `landcover mosaic` was given in place of the configuration's."""
    run = read_run(config.paths.mosaic)
    named = () if run is None else tuple(run.settings.get("mosaic", {}).get("images", ()))
    return named if run and named != config.mosaic.images and set(named) <= set(run.command) else ()


def _exports(config: Config) -> list[Path]:
    """The folders that `landcover chips --from-esri` took."""
    run = read_run(config.paths.chips)
    if run is None or run.stage != "chips --from-esri":
        return []
    return [Path(located(part.path, config.paths.chips)) for part in run.inputs]


def _late(config: Config, leading: Sequence[Leading]) -> list[Late]:
    found = []
    for make, command in leading:
        try:
            stage = make()
            state = check(stage, config.provenance.full)
        except LandcoverError:
            continue
        if not all(is_remote(path) or Path(path).exists() for path in stage.inputs):
            # put away since: there is nothing to be behind of
            continue
        reasons = [reason for reason in state.reasons if not reason.startswith(PROGRAM)]
        if state.standing == "stale" and reasons:
            more = f" and {len(reasons) - 1} more" if len(reasons) > 1 else ""
            found.append(Late(stage.name, f"{reasons[0]}{more}", command, len(reasons) == _other_settings(stage)))
    return found


def _other_settings(stage: Stage) -> int:
    """How many settings are others than when the stage was run."""
    run = read_run(stage.out)
    heeded = run.heeded if run else ()
    before, now = stage.compared(run.settings if run else {}, heeded), stage.compared(stage.settings, heeded)
    nothing = object()
    return sum(before.get(key, nothing) != now.get(key, nothing) for key in {*before, *now})


def _told(found: Sequence[Late]) -> str | None:
    if not found:
        return None
    listed = ", ".join(f"{late.stage} ({late.why})" for late in found)
    commands = " and ".join(f"`landcover {command}`" for command in dict.fromkeys(late.command for late in found))
    same = ", or give the settings here that they were given" if all(late.by_settings for late in found) else ""
    return f"not up to date: {listed}: run {commands}{same}"
