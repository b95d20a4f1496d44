"""From a map and a reference to figures of accuracy."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from landcover.assess.contingency import Contingency, tabulate
from landcover.assess.estimate import Accuracy, accuracy
from landcover.assess.table import as_record, as_text
from landcover.config import Config
from landcover.errors import ConfigError, ImageError, LabelError
from landcover.files import check_free, whole_folder
from landcover.labelset import Pixels, open_labels
from landcover.progress import Progress, silent
from landcover.raster import CONFIDENCE, CONTENT_TAG, MODEL_TAG, grid_of, open_raster, scheme_of
from landcover.scheme import ClassScheme

__all__ = ["Assessed", "as_text", "assess"]


@dataclass(frozen=True)
class Assessed:
    """What `assess` made: the report folder, the table and its measures."""

    path: Path
    table: Contingency
    measures: Accuracy


def assess(
    config: Config,
    map_path: Path | None = None,
    reference: Sequence[str] = (),
    overwrite: bool = False,
    progress: Progress = silent,
) -> Assessed:
    """Compare a map with reference polygons or rasters, reclassified as labels are.

    Writes <reports>/<map>/ with contingency.csv and accuracy.json. Without a map: that of the configuration, else the
    only one in <data>/maps. Raises LandcoverError.
    """
    shown = map_path or config.assess.map or _only_map(config.paths.maps)
    out = config.paths.reports / shown.stem
    check_free(out, overwrite)
    with open_raster(shown) as dataset:
        if dataset.count != 1 or dataset.dtypes[0] != "uint8":
            raise ImageError(f"{shown}: is no map: {dataset.count} bands of {dataset.dtypes[0]}, expected one of uint8")
        if dataset.tags().get(CONTENT_TAG) == CONFIDENCE:
            raise ImageError(f"{shown}: is the confidence of a map, not a map: name the map")
        grid = grid_of(dataset)
        _check_scheme(shown, scheme_of(dataset), config.scheme)
    labels = open_labels(reference or config.assess.reference, grid, config.remap, config.labels.field)
    _check_reference([s.path for s in labels.sources if isinstance(s, Pixels)])
    table = tabulate(shown, labels, config.scheme, progress)
    measures = accuracy(table.counts)
    with whole_folder(out) as folder:
        table.write_csv(folder / "contingency.csv")
        record = {"map": str(shown), "reference": [s.path for s in labels.sources]} | as_record(table, measures)
        (folder / "accuracy.json").write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    return Assessed(out, table, measures)


def _check_scheme(path: Path, mapped: ClassScheme | None, scheme: ClassScheme) -> None:
    """A map tells its own classes; a table of others would be plausible and wrong."""
    for land_class in mapped or ():
        known = scheme.find(land_class.value)
        if known is None or known.name.casefold() != land_class.name.casefold():
            raise LabelError(
                f"{path}: {land_class.value} is {land_class.name} in the map and {known.name if known else 'nothing'} "
                "in the scheme: name the configuration of the map with --config"
            )


def _check_reference(paths: Sequence[str]) -> None:
    for path in paths:
        with open_raster(path) as dataset:
            if MODEL_TAG in dataset.tags():
                raise LabelError(f"{path}: is a map that a model made, not a reference: are the two swapped?")


def _only_map(folder: Path) -> Path:
    maps = sorted(p for p in folder.glob("*.tif") if not p.name.startswith(".") and not p.stem.endswith("_confidence"))
    if len(maps) != 1:
        found = ", ".join(p.name for p in maps) or "none"
        raise ConfigError(f"which map? {folder} holds {found}: name one, as in `landcover assess MAP`")
    return maps[0]
