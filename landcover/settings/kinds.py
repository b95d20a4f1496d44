"""Kinds of values that several settings take, and what all sections share."""

import os
import re
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field


class Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


Precision = Literal["auto", "float32", "bfloat16"]
ClassKey = int | str
"""A class by its value or its name."""


def listed(value: object) -> object:
    """A single value as a list of one."""
    return [value] if isinstance(value, (str, Path, float, int)) else value


def _from_home(paths: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(map(os.path.expanduser, paths))


Place = Annotated[Path, AfterValidator(lambda path: Path(os.path.expanduser(path)))]
"""A file or folder; ~ is the home."""

Sources = Annotated[
    tuple[str, ...],
    BeforeValidator(listed),
    AfterValidator(_from_home),
    Field(min_length=1, description="a path, or a list of paths"),
]
"""Files, folders, globs or URLs; a single one may stand without brackets."""


def _bytes(value: object) -> object:
    if not isinstance(value, str):
        return value
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([kMGT]?)i?B?\s*", value, re.IGNORECASE)
    if match is None:
        raise ValueError("write a size such as 2GB or 500MB")
    number, unit = match.groups()
    return round(float(number) * 1000 ** " KMGT".index(unit.upper() or " "))


Memory = Annotated[int, BeforeValidator(_bytes), Field(gt=0, description="a size such as 2GB or 500MB, or bytes")]
"""Bytes, also written as 2GB or 500 MB."""
