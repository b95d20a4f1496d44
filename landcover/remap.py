"""Reclassification: from the codes that labels come in to the values of the scheme."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from landcover.scheme import BACKGROUND, ClassScheme

NODATA = "nodata"
Code = int | str
"""A whole number or a name; `NODATA` for no value at all."""


def code_of(raw: object) -> Code:
    """The code in a table cell or pixel: 11, 11.0, "11" and " 11 " are all 11; nothing at all is NODATA."""
    if raw is None or raw != raw:
        return NODATA
    text = str(raw).strip()
    if re.fullmatch(r"[+-]?\d+(\.0*)?", text):
        return int(float(text))
    return text or NODATA


@dataclass(frozen=True)
class Remap:
    """A remap table over a scheme. Codes that the table does not name stay what they are."""

    scheme: ClassScheme
    exact: Mapping[Code, int]
    ranges: tuple[tuple[int, int, int], ...]

    @classmethod
    def parse(cls, table: Mapping[int | str, int | str | None], scheme: ClassScheme) -> "Remap":
        """From the configuration: {0: 6, "11-14": 1, "Bare soil": 4, nodata: 0}. Raises ValueError."""
        exact: dict[Code, int] = {}
        ranges: list[tuple[int, int, int]] = []
        for key, target in table.items():
            value = _target(key, target, scheme)
            if isinstance(key, str) and (span := re.fullmatch(r"\s*(\d+)\s*-\s*(\d+)\s*", key)):
                low, high = int(span[1]), int(span[2])
                if low > high:
                    raise ValueError(f"{key!r} is not a range: write the smaller number first")
                ranges.append((low, high, value))
            elif isinstance(key, str) and re.match(r"[+-]?\d", key.strip()) and isinstance(code_of(key), str):
                raise ValueError(f'{key!r} is neither a number nor a range: write a range like "11-14"')
            else:
                code = code_of(key)
                exact[code.casefold() if isinstance(code, str) else code] = value
        return cls(scheme, exact, tuple(ranges))

    def told(self, code: Code) -> int | None:
        """The class value that the table gives a code, 0 for unlabelled, None if it does not name it."""
        key = code.casefold() if isinstance(code, str) else code
        if key in self.exact:
            return self.exact[key]
        if isinstance(code, int):
            for low, high, value in self.ranges:
                if low <= code <= high:
                    return value
        return None

    def __call__(self, code: Code) -> int | None:
        """The class value of a code, 0 for unlabelled, None if neither table nor scheme knows it."""
        told = self.told(code)
        if told is not None:
            return told
        if code == BACKGROUND:
            return BACKGROUND
        land_class = self.scheme.find(code)
        return land_class.value if land_class else None


def _target(key: object, target: int | str | None, scheme: ClassScheme) -> int:
    if target is None or target in (BACKGROUND, NODATA):
        return BACKGROUND
    land_class = scheme.find(target)
    if land_class is None:
        known = ", ".join(f"{c.value} {c.name}" for c in scheme)
        raise ValueError(f"{key!r} goes to {target!r}, which is no class of the scheme ({known}) nor 0")
    return land_class.value
