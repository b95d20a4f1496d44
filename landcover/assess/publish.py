"""Tables for other programs and for papers."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from landcover.assess.result import Assessment
from landcover.assess.table import percent, size


def write_tables(found: Assessment, folder: Path, esri: bool = False) -> None:
    """contingency.csv, of a sample also area_proportions.csv; measures.csv, a row a class; the table that papers print
    as table.md and table.tex; with `esri` confusion_matrix.csv, laid out as Esri's Compute Confusion Matrix does."""
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
    names = found.scheme.names
    frame = pd.DataFrame(table, index=names, columns=names)
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
    pixels, where the reference is no sample), user's accuracy beside it and producer's accuracy below, each with
    plus or minus 1.96 standard errors; of a sample also the area of each class."""
    names = list(found.scheme.names)
    known = found.estimates
    rows = [[percent(v) for v in (*row, row.sum())] for row in found.shares]
    frame = pd.DataFrame(rows, index=names, columns=[*names, "total"])
    frame["user's accuracy"] = [_plus_minus(v, m) for v, m in zip(known.users.value, known.users.margin, strict=True)]
    frame.loc["total"] = [*(percent(v) for v in found.shares.sum(axis=0)), percent(1.0), ""]
    producers = [_plus_minus(v, m) for v, m in zip(known.producers.value, known.producers.margin, strict=True)]
    frame.loc["producer's accuracy"] = [*producers, "", _plus_minus(known.overall.value, known.overall.margin)]
    if known.area is not None and found.total_m2 is not None:
        hectares = found.total_m2 / 1e4
        areas = [
            _plus_minus_hectares(v * hectares, m * hectares, hectares)
            for v, m in zip(known.area.value, known.area.margin, strict=True)
        ]
        frame.loc["area, ha"] = [*areas, size(hectares, hectares), ""]
    return frame


def _caption(found: Assessment) -> str:
    what = "the area" if found.unit == "points" else "the pixels"
    return (
        f"Per cent of {what}: rows the map, columns the reference ({found.counts.sum():,} {found.unit}); last cell: "
        "overall accuracy; ± is 1.96 standard errors"
    )


def esri_matrix(found: Assessment) -> pd.DataFrame:
    """Of counts: rows and columns C_<value>, Total, U_Accuracy, P_Accuracy and Kappa; 0 in cells without a meaning."""
    from landcover.assess.measures import measure

    plain = measure(found.counts)
    heads = [f"C_{value}" for value in found.scheme.values]
    frame = pd.DataFrame(found.counts.astype(float), columns=heads)
    frame.insert(0, "ClassValue", heads)
    frame["Total"] = found.counts.sum(axis=1)
    frame["U_Accuracy"] = np.nan_to_num(plain.users)
    frame["Kappa"] = 0.0
    zeros = [0.0] * len(heads)
    frame.loc[len(frame)] = ["Total", *found.counts.sum(axis=0), found.counts.sum(), 0.0, 0.0]
    frame.loc[len(frame)] = ["P_Accuracy", *np.nan_to_num(plain.producers), 0.0, float(plain.overall), 0.0]
    frame.loc[len(frame)] = ["Kappa", *zeros, 0.0, 0.0, float(np.nan_to_num(plain.kappa))]
    return frame


def _plus_minus_hectares(value: float, margin: float, total: float) -> str:
    return size(value, total) if np.isnan(margin) else f"{size(value, total)} ± {size(margin, total)}"


def _plus_minus(value: Any, margin: Any) -> str:
    return percent(value) if np.isnan(value) or np.isnan(margin) else f"{percent(value)} ± {percent(margin)}"


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
