"""Tables for other programs and for papers."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from landcover.assess.measures import Estimate, measure
from landcover.assess.result import Assessment
from landcover.assess.table import part_of, percent, size
from landcover.words import counted


def write_tables(found: Assessment, folder: Path, esri: bool = False) -> None:
    """contingency.csv, of a sample also area_proportions.csv; measures.csv, a row a class; the table that papers print
    as table.md and table.tex; with `esri` confusion_matrix.csv, laid out as by Esri's Compute Confusion Matrix."""
    _with_totals(found, found.counts).to_csv(folder / "contingency.csv", index_label="map \\ reference")
    if found.unit == "points":
        _with_totals(found, found.shares).to_csv(folder / "area_proportions.csv", index_label="map \\ reference")
    _measures(found).to_csv(folder / "measures.csv", index_label="class")
    printed = printed_table(found)
    said = _caption(found)
    (folder / "table.md").write_text(f"{said}\n\n{_markdown(printed)}", encoding="utf-8")
    (folder / "table.tex").write_text(f"% {said}\n{_latex(printed)}", encoding="utf-8")
    if esri:
        esri_matrix(found).to_csv(folder / "confusion_matrix.csv", index=False)


def _with_totals(found: Assessment, table: NDArray[Any]) -> pd.DataFrame:
    frame = pd.DataFrame(table, index=found.scheme.names, columns=found.columns)
    frame["total"] = frame.sum(axis=1)
    frame.loc["total"] = frame.sum(axis=0)
    return frame


def _measures(found: Assessment) -> pd.DataFrame:
    """Numbers as they are; nothing where a measure is not defined."""
    rows = {}
    record = found.record()
    for name, figures in record["classes"].items():
        row = {}
        for key, value in figures.items():
            if isinstance(value, dict):
                row[key] = value["value"]
                row[f"{key}_standard_error"] = value["standard_error"]
                row[f"{key}_low"], row[f"{key}_high"] = value["interval_95"]
            else:
                row[key] = value
        rows[name] = row
    whole = record["overall_accuracy"]
    low, high = whole["interval_95"]
    rows["all"] = {
        "overall_accuracy": whole["value"], "overall_accuracy_standard_error": whole["standard_error"],
        "overall_accuracy_low": low, "overall_accuracy_high": high,
    }  # fmt: skip
    frame = pd.DataFrame.from_dict(rows, orient="index")
    whole_numbers = ["value", f"mapped_{found.unit}", f"reference_{found.unit}"]
    return frame.astype(dict.fromkeys(whole_numbers, "Int64"))


def printed_table(found: Assessment) -> pd.DataFrame:
    """As Olofsson et al. (2014) print it, table 9: rows the map, columns the reference, per cent of the area (of the
    pixels, where the reference is no sample), user's accuracy beside it and producer's accuracy below; of a sample also
    the area of each class. Of a sample each has plus or minus 1.96 standard errors, or its interval where that would
    leave what is possible; of pixels the interval, which is no such thing."""
    names = list(found.scheme.names)
    known = found.estimates
    none = [""] * (len(found.columns) - len(names))
    rows = [[percent(v) for v in (*row, row.sum())] for row in found.shares]
    frame = pd.DataFrame(rows, index=names, columns=[*found.columns, "total"])
    frame["user's accuracy"] = _accuracies(found, known.users)
    frame.loc["total"] = [*(percent(v) for v in found.shares.sum(axis=0)), percent(1.0), ""]
    overall = _accuracies(found, known.overall)
    frame.loc["producer's accuracy"] = [*_accuracies(found, known.producers), *none, "", *overall]
    if known.area is not None and found.map_m2 is not None and found.total_m2 is not None:
        hectares = found.map_m2 / 1e4
        areas = _with_margins(known.area.times(hectares), lambda value: size(value, hectares), hectares)
        frame.loc["area, ha"] = [*areas, size(found.total_m2 / 1e4, hectares), ""]
    return frame


def _accuracies(found: Assessment, known: Estimate) -> list[str]:
    if found.unit == "points":
        return _with_margins(known, percent, 1.0)
    value, low, high = (np.atleast_1d(part) for part in (known.value, known.low, known.high))
    return [_in_brackets(*each, percent) for each in zip(value, low, high, strict=True)]


def esri_notes(found: Assessment) -> list[str]:
    """What a reader of that table must know."""
    plain, known = measure(found.counts), found.estimates
    if all(np.allclose(getattr(plain, n), getattr(known, n).value, equal_nan=True) for n in ("overall", "producers")):
        return []
    return [
        "confusion_matrix.csv: its cells are counts of points, its accuracies and kappa are estimated by the design: "
        "the counts do not give them"
    ]


def _with_margins(known: Estimate, shown: Callable[[float], str], most: float) -> list[str]:
    """Of a share, or of what can be `most`: plus or minus; the interval where that would leave 0 to `most`, or where
    all points agree."""
    parts = (np.atleast_1d(part).tolist() for part in (known.value, known.margin, known.low, known.high))
    cells = []
    for value, margin, low, high in zip(*parts, strict=True):
        if np.isnan(margin) or value - margin < 0 or value + margin > most:
            cells.append(_in_brackets(value, low, high, shown))
        else:
            cells.append(f"{shown(value)} ± {shown(margin)}")
    return cells


def _in_brackets(value: float, low: float, high: float, shown: Callable[[float], str]) -> str:
    return shown(value) + ("" if np.isnan(low) else f" ({shown(low)} to {shown(high)})")


def _caption(found: Assessment) -> str:
    of_points = found.unit == "points"
    spread = "± is 1.96 standard errors, in brackets are intervals of 95 %" if of_points else "in brackets: intervals"
    more = "" if of_points else f" ({found.intervals})"
    part = part_of(found.spoken)
    return (
        f"Per cent of {'the area' if of_points else 'the pixels'}{part}: rows the map, columns the reference "
        f"({counted(int(found.counts.sum()), found.unit)}); last cell: overall accuracy; {spread}{more}"
    )


def esri_matrix(found: Assessment) -> pd.DataFrame:
    """Rows and columns C_<value>, Total, U_Accuracy, P_Accuracy and Kappa, as Esri lays them out: counts, but with the
    accuracies and kappa that are estimated by the design, which do not follow from counts of a stratified sample. What
    is not known is empty; cells without a meaning are 0. What is none of the classes is C_none, never mapped."""
    known, none = found.estimates, len(found.columns) - len(found.scheme)
    heads = [f"C_{value}" for value in found.scheme.values] + ["C_none"] * none
    empty = [np.nan] * none
    counts = np.vstack([found.counts, np.zeros((none, len(heads)))])
    frame = pd.DataFrame(counts.astype(float), columns=heads)
    frame.insert(0, "ClassValue", heads)
    frame["Total"] = counts.sum(axis=1)
    frame["U_Accuracy"] = [*known.users.value, *empty]
    frame["Kappa"] = 0.0
    zeros = [0.0] * len(heads)
    frame.loc[len(frame)] = ["Total", *counts.sum(axis=0), counts.sum(), 0.0, 0.0]
    frame.loc[len(frame)] = ["P_Accuracy", *known.producers.value, *empty, 0.0, float(known.overall.value), 0.0]
    frame.loc[len(frame)] = ["Kappa", *zeros, 0.0, 0.0, float(found.measures.kappa)]
    return frame


def _markdown(frame: pd.DataFrame) -> str:
    heads = ["map \\ reference", *map(str, frame.columns)]
    rows = [
        heads,
        ["---", *["---:"] * len(frame.columns)],
        *([str(i), *row] for i, row in zip(frame.index, frame.values, strict=True)),
    ]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows) + "\n"


def _latex(frame: pd.DataFrame) -> str:
    heads = ["map / reference", *map(str, frame.columns)]
    rows = [heads, *([str(i), *row] for i, row in zip(frame.index, frame.values, strict=True))]
    lines = [" & ".join(_escaped(cell) for cell in row) + r" \\" for row in rows]
    body = [lines[0], r"\midrule", *lines[1:]]
    return "\n".join([
        "% needs \\usepackage{booktabs}", rf"\begin{{tabular}}{{l{'r' * len(frame.columns)}}}", r"\toprule", *body,
        r"\bottomrule", r"\end{tabular}", "",
    ])  # fmt: skip


def _escaped(text: str) -> str:
    special = {"~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "\\": r"\textbackslash{}", "±": r"$\pm$"}
    return "".join(special.get(letter, f"\\{letter}" if letter in "&%_#${}" else letter) for letter in text)
