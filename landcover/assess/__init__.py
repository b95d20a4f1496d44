"""From a map and a reference to figures of accuracy."""

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from landcover.assess.by_cover import assess_by_cover
from landcover.assess.by_sample import assess_by_sample
from landcover.assess.publish import esri_notes, write_tables
from landcover.assess.reference import check_scheme
from landcover.assess.report import FILE as PAGE
from landcover.assess.report import RECORD, report
from landcover.assess.result import Assessment
from landcover.assess.survey import open_map
from landcover.assess.table import as_text
from landcover.classraster import SCHEME_TAG
from landcover.cluster import HERE, Machines, open_each
from landcover.config import Config
from landcover.errors import ConfigError, LabelError, OutputExists
from landcover.files import only_one, whole_folder
from landcover.pipeline import assess_stage
from landcover.progress import Progress, silent
from landcover.provenance import RUN_TAG, Recorder, inputs, told_in, versions
from landcover.raster import grid_of, open_raster
from landcover.reference import find_reference
from landcover.sources import RASTER_SUFFIXES, VECTOR_SUFFIXES, absolute, expand
from landcover.uptodate import check, clear_up

__all__ = ["Assessed", "Assessment", "as_text", "assess", "rebuild_report", "which_map"]


@dataclass(frozen=True)
class Assessed:
    """What `assess` made: the report folder, and what stands in it."""

    path: Path
    result: Assessment


def assess(
    config: Config,
    map_path: Path | None = None,
    reference: Sequence[str] = (),
    overwrite: bool = False,
    progress: Progress = silent,
    machines: Machines = HERE,
) -> Assessed:
    """Compare a map with reference points, polygons or rasters, reclassified as labels are.

    Points are taken as the sample that they are; polygons and rasters pixel by pixel. Writes <reports>/<map>/ with
    accuracy.json and the tables. Without a map: that of the configuration, else the only one in <data>/maps.
    `machines`: who compares pixels. Raises LandcoverError.
    """
    settings = config.assess
    shown = map_path or settings.map or which_map(config.paths.maps)
    out = config.paths.reports / shown.stem
    # what was named wrongly, before what is there already: the name of the output depends on it
    with open_map(shown) as dataset:
        check_scheme(shown, dataset, config.scheme)
    paths, by_points = find_reference(reference or settings.reference, (shown,))
    stage = assess_stage(config, shown, paths)
    state = check(stage, config.provenance.full)
    if state.standing == "strange" and not overwrite:
        raise OutputExists(out, state.why)
    if state.standing == "current" and (out / PAGE).exists() and not overwrite:
        raise OutputExists(out, state.told)
    started = time.monotonic()
    if by_points:
        made = assess_by_sample(shown, paths[0], config.remap, settings.field, settings.sampling, progress)
    else:
        block = None if settings.block == "auto" else settings.block
        field = settings.field or config.labels.field
        # other processes may be elsewhere; the record names files as they were given
        given = {absolute(path) if machines.elsewhere else path: path for path in (str(shown), *paths)}
        there, *references = given
        with open_each(machines) as each:
            made = assess_by_cover(Path(there), references, config.remap, field, block, progress, each)
        made = replace(made, map=str(shown), reference=tuple(given[path] for path in made.reference))
    made = replace(made, with_kappa=settings.kappa, notes=(*_unfinished(shown), *made.notes))
    if settings.esri:
        made = replace(made, notes=(*made.notes, *esri_notes(made)))
    record = made.record() | {"provenance": _provenance(shown, paths, config)}
    with only_one(out, (out,)), whole_folder(out) as folder:
        (folder / RECORD).write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
        write_tables(made, folder, settings.esri)
        Recorder(stage, state.inputs).write(time.monotonic() - started, folder)
    # the figures are kept whatever becomes of the page
    _report(config, shown)
    return Assessed(out, made)


def find_current(config: Config, map_path: Path | None = None, reference: Sequence[str] = ()) -> Path | None:
    """The folder of an assessment that is there already, of this map, reference and these settings."""
    shown = map_path or config.assess.map or which_map(config.paths.maps)
    if not shown.exists():
        return None
    sources = expand(reference or config.assess.reference, (*VECTOR_SUFFIXES, *RASTER_SUFFIXES), LabelError)
    stage = assess_stage(config, shown, sources)
    # a run that was cut off may have left the figures without their page
    if check(stage, config.provenance.full).standing != "current" or not (stage.out / PAGE).exists():
        return None
    clear_up(stage)
    return stage.out


def rebuild_report(config: Config, map_path: Path | None = None) -> Path:
    """Make report.html anew from the figures of an assessment. Raises LandcoverError."""
    shown = map_path or config.assess.map or which_map(config.paths.maps)
    return _report(config, shown)


def _unfinished(map_path: Path) -> list[str]:
    """How far the training of the model was that made the map, if it had not ended."""
    with open_raster(map_path) as dataset:
        told = told_in(dataset.tags())
    epoch = None if told is None else told.get("unfinished")
    return [] if epoch is None else [f"the map is by a model of a training that had not ended: {epoch}"]


def _report(config: Config, shown: Path) -> Path:
    image = None if config.assess.image is None else str(config.assess.image)
    split = config.paths.stacks / "split.json"
    return report(config.paths.reports / shown.stem, shown, config.scheme, config.classify.model, split, image)


def _provenance(map_path: Path, reference: Sequence[str], config: Config) -> dict[str, Any]:
    with open_raster(map_path) as dataset:
        grid = str(grid_of(dataset))
        tags = {
            key: text
            for key, text in dataset.tags().items()
            if key.startswith("LANDCOVER_") and key not in (SCHEME_TAG, RUN_TAG)
        }
    settings = config.model_dump(
        mode="json", include={"scheme": True, "labels": {"reclassify", "field"}, "assess": True}
    )
    settings["assess"] |= {"map": str(map_path), "reference": list(reference)}
    image = [] if config.assess.image is None else [config.assess.image]
    return {
        "assessed": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "inputs": inputs([map_path, *reference, *image]),
        "grid": grid,
        "versions": versions(),
        "map": tags,
        "configuration": settings,
    }


def which_map(folder: Path) -> Path:
    """The only map in a folder. Raises ConfigError where there are several or none."""
    there = sorted(p for kind in ("*.tif", "*.vrt") for p in folder.glob(kind))
    maps = [p for p in there if not p.name.startswith(".") and not p.stem.endswith("_confidence")]
    if len(maps) != 1:
        found = ", ".join(p.name for p in maps) or "none"
        make = "" if maps else ", or make one with `landcover classify`"
        raise ConfigError(f"which map? {folder} holds {found}: name one, as in `landcover assess MAP`{make}")
    return maps[0]
