"""From a map and a reference to figures of accuracy."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from landcover.assess.by_cover import assess_by_cover
from landcover.assess.by_sample import assess_by_sample
from landcover.assess.publish import write_tables
from landcover.assess.reference import check_scheme, find_reference
from landcover.assess.result import Assessment
from landcover.assess.table import as_text
from landcover.config import Config
from landcover.errors import ConfigError
from landcover.files import check_free, whole_folder
from landcover.progress import Progress, silent
from landcover.raster import open_raster

__all__ = ["Assessed", "Assessment", "as_text", "assess", "which_map"]


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
) -> Assessed:
    """Compare a map with reference points, polygons or rasters, reclassified as labels are.

    Points are taken as the sample that they are; polygons and rasters pixel by pixel. Writes <reports>/<map>/ with
    accuracy.json and the tables. Without a map: that of the configuration, else the only one in <data>/maps. Raises
    LandcoverError.
    """
    settings = config.assess
    shown = map_path or settings.map or which_map(config.paths.maps)
    out = config.paths.reports / shown.stem
    check_free(out, overwrite)
    with open_raster(shown) as dataset:
        check_scheme(shown, dataset, config.scheme)
    paths, by_points = find_reference(reference or settings.reference)
    if by_points:
        made = assess_by_sample(shown, paths[0], config.remap, settings.field, settings.sampling, progress)
    else:
        block = None if settings.block == "auto" else settings.block
        field = settings.field or config.labels.field
        made = assess_by_cover(shown, paths, config.remap, field, block, progress)
    with whole_folder(out) as folder:
        (folder / "accuracy.json").write_text(json.dumps(made.record(), indent=2) + "\n", encoding="utf-8")
        write_tables(made, folder, settings.esri)
    return Assessed(out, made)


def which_map(folder: Path) -> Path:
    """The only map in a folder. Raises ConfigError where there are several or none."""
    maps = sorted(p for p in folder.glob("*.tif") if not p.name.startswith(".") and not p.stem.endswith("_confidence"))
    if len(maps) != 1:
        found = ", ".join(p.name for p in maps) or "none"
        raise ConfigError(f"which map? {folder} holds {found}: name one, as in `landcover assess MAP`")
    return maps[0]
