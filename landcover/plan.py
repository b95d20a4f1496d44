"""What the stages would do now, and why; nothing is written, and no data is opened but to tell whether it changed."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from landcover.config import Config
from landcover.errors import ConfigError, ImageError, LabelError, LandcoverError
from landcover.files import leftovers
from landcover.pipeline import (
    MOSAIC,
    assess_stage,
    augment_stage,
    chips_stage,
    classify_stage,
    labels_stage,
    map_path,
    mosaic_stage,
    stack_stage,
    train_stage,
)  # fmt: skip
from landcover.sources import RASTER_SUFFIXES, VECTOR_SUFFIXES, expand
from landcover.stage import Stage
from landcover.uptodate import State, check

Doing = Literal["up to date", "to do", "perhaps", "kept", "cannot run"]
CAREFUL = ("train", "classify")
"""Stages that replace nothing unasked."""


@dataclass(frozen=True)
class Step:
    """What a stage would do with its output `out`: nothing (`up to date`), make it (`to do`), make it if what comes
    before it comes out another (`perhaps`), keep what needs --overwrite to be replaced (`kept`), or stop with an
    error (`cannot run`); why; and what a run that was cut off has left."""

    stage: str
    out: str
    doing: Doing
    why: str
    left: tuple[str, ...] = ()

    @property
    def works(self) -> bool:
        return self.doing in ("to do", "perhaps")


@dataclass(frozen=True)
class Wanted:
    """A stage as far as it is known before those `after` which it comes were run."""

    name: str
    out: Path
    make: Callable[[], Stage]
    after: tuple[str, ...]


def steps(config: Config, images: Sequence[str] = (), shown: Path | None = None) -> list[Step]:
    """Of `prepare`, of `train`, of `classify` for the images, or of the mosaic without any, and of `assess` for a
    map, by default the one that `assess` would take."""
    found: list[Step] = []
    for wanted in _wanted(config, images, shown):
        before = [step.stage for step in found if step.stage in wanted.after and step.works]
        found.append(_step(wanted, list(dict.fromkeys(before)), config.provenance.full))
    return found


def _wanted(config: Config, images: Sequence[str], shown: Path | None) -> list[Wanted]:
    paths = config.paths
    listed = [
        Wanted("mosaic", paths.mosaic, lambda: mosaic_stage(config), ()),
        Wanted("labels", paths.labels, lambda: labels_stage(config), ("mosaic",)),
        Wanted("chips", paths.chips, lambda: chips_stage(config), ("mosaic", "labels")),
        Wanted("stack", paths.stacks, lambda: stack_stage(config), ("chips",)),
        Wanted("augment", paths.augmented, lambda: augment_stage(config), ("stack",)),
        Wanted("train", paths.models / config.train.name, lambda: train_stage(config), ("stack", "augment")),
    ]
    mapped = [_map(config, image) for image in images_of(config, images)]
    outs = {wanted.out for wanted in mapped}
    maps = _maps(config, shown)
    if not maps or (images and shown is None and config.assess.map is None):
        maps |= outs

    def assessed() -> Stage:
        if len(maps) > 1:
            would = "are" if all(path.exists() for path in maps) else "would be"
            raise ConfigError(
                f"which map? there {would} {len(maps)}: name one with --map; `landcover assess MAP` assesses it"
            )
        reference = expand(config.assess.reference, (*VECTOR_SUFFIXES, *RASTER_SUFFIXES), LabelError)
        return assess_stage(config, next(iter(maps)), reference)

    return [*listed, *mapped, Wanted("assess", paths.reports, assessed, ("classify",) if maps & outs else ())]


def images_of(config: Config, named: Sequence[str]) -> list[str]:
    """What `classify` would map."""
    return expand(named, RASTER_SUFFIXES, ImageError) if named else [str(config.paths.mosaic / MOSAIC)]


def _map(config: Config, image: str) -> Wanted:
    out = map_path(config.paths.maps, image)
    if not out.exists() and (index := out.with_suffix(".vrt")).exists():
        # of a map in cells
        out = index
    confidence = out.with_name(f"{out.stem}_confidence{out.suffix}")
    trained = train_stage(config).made[0] == config.classify.model
    shown = ("mosaic",) if Path(image) == config.paths.mosaic / MOSAIC else ()
    after = (*shown, "train") if trained else shown
    return Wanted("classify", out, lambda: classify_stage(config, image, out, confidence), after)


def _maps(config: Config, shown: Path | None) -> set[Path]:
    """The map that is named, else those that are there."""
    named = shown or config.assess.map
    if named is not None:
        return {named}
    there = (p for kind in ("*.tif", "*.vrt") for p in config.paths.maps.glob(kind) if not p.name.startswith("."))
    return {p for p in there if not p.stem.endswith("_confidence")}


def _step(wanted: Wanted, before: list[str], full: bool) -> Step:
    try:
        stage = wanted.make()
        state = check(stage, full)
    except LandcoverError as error:
        return Step(wanted.name, str(wanted.out), "cannot run", str(error))
    left = [str(path) for place in dict.fromkeys((stage.out, *stage.made)) for path in _left(place)]
    doing, why = _doing(stage, state, before)
    return Step(stage.name, str(stage.out), doing, why, tuple(left))


def _doing(stage: Stage, state: State, before: list[str]) -> tuple[Doing, str]:
    after = f"after {' and '.join(before)}"
    if state.standing == "missing":
        return "to do", f"not there yet; {after}" if before else "not there yet"
    if state.standing == "stale" and state.valid and stage.name in CAREFUL:
        return "kept", state.told
    if state.standing == "strange" or (state.standing == "stale" and stage.name in CAREFUL):
        return "kept", f"{state.why}; --overwrite replaces it"
    if state.standing == "stale":
        return "to do", state.why
    if before and stage.name in CAREFUL:
        return "kept", f"up to date now; out of date if {' or '.join(before)} comes out another"
    return ("perhaps", f"if {' or '.join(before)} comes out another") if before else ("up to date", "")


def _left(place: Path) -> list[Path]:
    """What a run that was cut off has beside an output; some of it is gone on with."""
    journal, training = place.with_name(f".unfinished-{place.name}.sqlite"), place.with_name(f"{place.name}.training")
    return [*leftovers(place), *(path for path in (journal, training) if path.exists())]
