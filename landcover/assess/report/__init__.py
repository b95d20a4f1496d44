"""One page of an assessment: it opens without a network, on a phone, in print and in a screen reader."""

import csv
import json
import logging
import re
from collections.abc import Mapping, Sequence
from math import isfinite
from pathlib import Path
from typing import Any

import yaml
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from landcover.assess.measures import NORMAL, ROUNDING
from landcover.assess.report.article import published
from landcover.assess.report.charts import Bar, accuracy_bars, area_bars, curves
from landcover.assess.report.views import image_view, map_view
from landcover.assess.table import TELLS, TOO_FEW, part_of, size
from landcover.classraster import MODEL_TAG
from landcover.errors import ImageError, LandcoverError
from landcover.files import whole_file
from landcover.fingerprint import digest
from landcover.raster import open_raster
from landcover.scheme import IMAGE_PATH_TAG, ClassScheme
from landcover.splitreport import TOUCHING
from landcover.words import counted

log = logging.getLogger("landcover")

PALE = 0.01
"""Rows of the contingency table with less than this share of all hold next to nothing, and stay paler than others."""

FILE = "report.html"
RECORD = "accuracy.json"
CITATIONS = {
    "points": (
        "Olofsson, P., Foody, G. M., Herold, M., Stehman, S. V., Woodcock, C. E., Wulder, M. A. (2014): Good practices "
        "for estimating area and assessing accuracy of land change. Remote Sensing of Environment 148, 42-57.",
        "Stehman, S. V. (2014): Estimating area and map accuracy for stratified random sampling when the strata are "
        "different from the map classes. International Journal of Remote Sensing 35, 4923-4939.",
        "Franco, C., Little, R. J. A., Louis, T. A., Slud, E. V. (2019): Comparative study of confidence intervals for "
        "proportions in complex sample surveys. Journal of Survey Statistics and Methodology 7, 334-364.",
    ),
    "pixels": (
        "Efron, B., Tibshirani, R. J. (1993): An Introduction to the Bootstrap. Chapman and Hall, New York.",
        "Korn, E. L., Graubard, B. I. (1998): Confidence intervals for proportions with small expected number of "
        "positive counts estimated from survey data. Survey Methodology 24, 193-201.",
    ),
}
FINGERPRINT = re.compile(r"\b[0-9a-f]{64}\b")
COMMON = (
    "Pontius, R. G., Millones, M. (2011): Death to Kappa: birth of quantity disagreement and allocation disagreement "
    "for accuracy assessment. International Journal of Remote Sensing 32, 4407-4429.",
)


def report(
    folder: Path,
    map_path: Path,
    scheme: ClassScheme,
    model: Path | None = None,
    split: Path | None = None,
    image: str | None = None,
) -> Path:
    """Write report.html into the folder of an assessment, from its accuracy.json and the map that it is of.

    `image`: what to show beside the map; without it, the one that the map was made of, if it is still there. The
    training is shown if `model` is the one that made the map, and its split if `split`, a report on one, is that of the
    training. Pictures are read from overviews. Raises LandcoverError, for a map that has changed too.
    """
    record = _read(folder / RECORD)
    with open_raster(map_path) as dataset:
        tags = dataset.tags()
    if set(record["classes"]) != set(scheme.names):
        raise LandcoverError(f"{folder / RECORD}: has other classes than the scheme: name its configuration (--config)")
    if map_path.is_file() and digest(map_path) != record["provenance"]["inputs"][0]["sha256"]:
        raise LandcoverError(f"{map_path}: is not what was assessed: run `landcover assess` again")
    # the image of the last time, unless another one is named
    image = image or record["provenance"]["configuration"]["assess"]["image"]
    context = _context(record, scheme, map_path, _image(image, tags, map_path))
    page = _environment().get_template("page.html")
    out = folder / FILE
    with whole_file(out) as temporary:
        temporary.write_text(page.render(context | {"training": _training(model, split, tags, scheme)}), "utf-8")
    return out


def _image(named: str | None, tags: Mapping[str, str], map_path: Path) -> str | None:
    """The picture of the image that is named, or of the one that the map was made of, if that can be shown."""
    if named is not None:
        return image_view(named, map_path)
    found = tags.get(IMAGE_PATH_TAG)
    if not found or not Path(found).exists():
        return None
    try:
        return image_view(found, map_path)
    except ImageError as error:
        log.warning("Note: the report shows no image: %s", error)
        return None


def _read(path: Path) -> dict[str, Any]:
    if not path.exists():
        raise LandcoverError(f"{path}: no such file: run `landcover assess` first")
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        record["provenance"]["inputs"], record["provenance"]["assessed"], record["classes"], record["map"]
        record["share_of_map"], record["contingency"]["column_names"], record["areas_note"], record["mean_iou_classes"]
    except (ValueError, KeyError, TypeError):
        raise LandcoverError(f"{path}: is none that this version wrote: run `landcover assess` again") from None
    return dict(record)


def _environment() -> Environment:
    made = Environment(loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined)
    made.filters |= {"percent": _percent, "interval": _interval, "size": _size, "sizes": _sizes, "counted": counted,
                     "shortened": _shortened}  # fmt: skip
    return made


def _context(record: dict[str, Any], scheme: ClassScheme, map_path: Path, image: str | None) -> dict[str, Any]:
    """What the template shows."""
    figures = record["classes"]
    contingency = record["contingency"]
    classes = [{"name": c.name, "value": c.value, "colour": c.color, "figures": figures[c.name]} for c in scheme]
    whole = record["overall_accuracy"]
    low, high = whole["interval_95"]
    return {
        "title": map_path.stem,
        "record": record,
        "overall": {"value": whole["value"], "low": low, "high": high, "part": _part(record)},
        "references": [Path(path).name for path in record["reference"]],
        "classes": classes,
        "columns": contingency["column_names"],
        "table": _table(contingency["counts"], scheme),
        "proportions": _table(contingency["area_proportions"], scheme) if record["unit"] == "points" else None,
        "users": accuracy_bars(_bars(scheme, figures, "users_accuracy"), "User's accuracy by class"),
        "producers": accuracy_bars(_bars(scheme, figures, "producers_accuracy"), "Producer's accuracy by class"),
        "article": published(scheme),
        "areas": area_bars(
            _bars(scheme, figures, "hectares"), [figures[n]["mapped_hectares"] for n in scheme.names], "Area by class"
        ) if record["unit"] == "points" else None,
        "area_rows": _area_rows(record, scheme) if record["unit"] == "points" else [],
        "citations": [*CITATIONS[record["unit"]], *COMMON],
        "configuration": yaml.safe_dump(record["provenance"]["configuration"], sort_keys=False, allow_unicode=True),
        "palette": _script_safe([{"value": c.value, "name": c.name, "color": c.color} for c in scheme]),
        "map": map_view(map_path, scheme),
        "image": image,
        "style": _beside("page.css"),
        "script": _beside("page.js"),
    }  # fmt: skip


def _beside(name: str) -> str:
    return (Path(__file__).parent / name).read_text(encoding="utf-8")


def _part(record: Mapping[str, Any]) -> str:
    """ " on 84.6 % of the map", and of how many hectares, where it is not all of it."""
    part = part_of(record["share_of_map"])
    total, hectares = record["map_hectares"], record["total_hectares"]
    return f"{part} ({size(hectares, total)} of {size(total, total)} ha)" if part and total else part


def _table(rows: Sequence[Sequence[float]], scheme: ClassScheme) -> dict[str, Any]:
    """Rows with their totals; each cell with its share of the row, or of PALE of all where the row is less."""
    least = PALE * sum(map(sum, rows)) or 1
    return {
        "rows": [
            {"name": c.name, "index": i, "total": sum(row), "cells": [(n, n / max(sum(row), least)) for n in row]}
            for i, (c, row) in enumerate(zip(scheme, rows, strict=True))
        ],
        "totals": [sum(column) for column in zip(*rows, strict=True)],
    }


def _area_rows(record: Mapping[str, Any], scheme: ClassScheme) -> list[dict[str, Any]]:
    """Hectares of each class, and what is of none or in no figure, so that they add up to what the map shows."""
    nothing = {"value": None, "standard_error": None, "interval_95": [None, None]}
    figures = record["classes"]
    rows = [(c.name, figures[c.name]["mapped_hectares"], figures[c.name]["hectares"]) for c in scheme]
    if record["none_of_these"]:
        rows.append((record["contingency"]["column_names"][-1], None, record["none_of_these"]["hectares"]))
    rows += [(name, None, nothing | {"value": value}) for name, value in record["hectares_of_no_class"].items()]
    return [{"name": name, "mapped": mapped, "known": known, "margin": _margin(known)} for name, mapped, known in rows]


def _shortened(text: str | None) -> str:
    """With 12 of the 64 digits of each fingerprint, as many as tell files apart."""
    return "-" if text is None else FINGERPRINT.sub(lambda found: f"{found[0][:12]}…", text)


def _script_safe(value: Any) -> str:
    """JSON that cannot end the element it stands in."""
    return json.dumps(value).replace("<", "\\u003c")


def _bars(scheme: ClassScheme, figures: Mapping[str, Any], key: str) -> list[Bar]:
    bars = []
    for c in scheme:
        low, high = figures[c.name][key]["interval_95"]
        bars.append(Bar(c.name, figures[c.name][key]["value"], low, high, c.value))
    return bars


def _margin(known: Mapping[str, Any]) -> float | None:
    error = known["standard_error"]
    return NORMAL * error if error and error > ROUNDING else None


def _training(
    model: Path | None, split: Path | None, tags: Mapping[str, str], scheme: ClassScheme
) -> dict[str, Any] | None:
    """Curves and split of the training that made the map, None where it is not at hand."""
    if model is None or not model.exists() or digest(model) != tags.get(MODEL_TAG):
        return None
    try:
        with (model.parent / "history.csv").open(encoding="utf-8") as file:
            rows = [{k: float(v) for k, v in row.items() if _is_number(v)} for row in csv.DictReader(file)]
        metrics = json.loads((model.parent / "metrics.json").read_text(encoding="utf-8"))
        charts = [curves(rows, "loss", "loss"), curves(rows, "mean_iou", "mean IoU")]
        told = _split(split, metrics.get("split_key"), scheme)
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return {"charts": charts, "epoch": metrics.get("epoch", "-"), "split": told}


def _is_number(text: str | None) -> bool:
    try:
        return isfinite(float(text or ""))
    except ValueError:
        return False


def _split(path: Path | None, key: str | None, scheme: ClassScheme) -> dict[str, Any] | None:
    """What a report on a split says, if it is of the one by this key."""
    if path is None or not path.exists():
        return None
    told = json.loads(path.read_text(encoding="utf-8"))
    if told["key"] != key:
        return None
    near = "" if told["nearest"] is None else f"; {_apart(told['nearest'])}"
    if not told.get("placed", True):
        unknown = f"Split by {told['method']}: where the chips lie is not known, nor what both sides share"
        return {"sentence": unknown, "sides": [], "total": 0}
    sentence = f"Split by {told['method']}: {told['shared_pixels']:,} pixels are under chips of both sides{near}"
    sides = []
    for name in ("train", "validation"):
        side = told[name]
        hectares = [side["hectares"].get(n, 0.0) for n in scheme.names]
        sides.append({"name": name, "chips": side["chips"], "hectares": hectares})
    return {"sentence": sentence, "sides": sides, "total": sum(sides[0]["hectares"])}


def _apart(metres: float) -> str:
    return f"the sides are at least {metres:,.1f} m apart" if metres >= TOUCHING else "the sides touch"


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:.1f}"


def _sizes(interval: Sequence[float | None], total: float) -> str:
    low, high = (_size(value, total) for value in interval)
    return low if low == high == "-" else f"{low} to {high}"


def _interval(figure: Mapping[str, Any]) -> str:
    if figure["value"] is None:
        return "-"
    low, high = figure["interval_95"]
    tells = low is not None and high - low <= TELLS
    return f"{_percent(figure['value'])} ({f'{_percent(low)} to {_percent(high)}' if tells else TOO_FEW})"


def _size(value: float | None, total: float) -> str:
    return "-" if value is None else size(value, total)
