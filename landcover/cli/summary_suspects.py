"""What `landcover labels --check` found, in words."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from landcover.assess.suspects import Suspects

LEFT, RIGHT = "<", ">"
COLUMNS = (
    ("", RIGHT), ("label", LEFT), ("the model says", LEFT), ("area, m2", RIGHT), ("doubt", RIGHT), ("feature", RIGHT),
    ("at", LEFT),
)  # fmt: skip
MEANING = (
    "doubt: the share of a polygon that the model maps as another class, each pixel weighed by how sure the model is",
    "ranked: first what is in doubt by half or more, then the rest; in both, most ground in doubt (doubt x area) first",
)


def suspects(made: "Suspects", most: int = 10) -> str:
    """The most suspect polygons, what they are ranked by, and where the others are."""
    number, several = len(made.table), made.table["file"].nunique() > 1
    rows: list[tuple[str, ...]] = []
    for row in made.table.head(most).itertuples():
        at = row.geometry.representative_point()
        rows.append(
            (
                str(row.rank), row.label_name, row.suspected_name, f"{row.area_m2:,.0f}", f"{row.doubt:.0%}",
                _feature(row.file, row.feature, several), f"{at.x:.1f}, {at.y:.1f}",
            )
        )  # fmt: skip
    last = f"{made.path}: {number:,} of {made.polygons:,} polygons are in doubt, ranked"
    return "\n".join([*_table(rows), *MEANING, last] if rows else [last])


def _feature(file: str | None, feature: int | None, several: bool) -> str:
    """The id of a polygon, with the name of its file where there are several; a patch of a raster has none."""
    if file is None:
        return "-"
    return f"{Path(file).name} {feature}" if several else str(feature)


def _table(rows: list[tuple[str, ...]]) -> list[str]:
    """As wide as what stands in it."""
    cells = [tuple(head for head, _ in COLUMNS), *rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return [
        "  ".join(f"{cell:{side}{wide}}" for cell, (_, side), wide in zip(line, COLUMNS, widths, strict=True)).rstrip()
        for line in cells
    ]
