"""What `chips` decided, beside its chips: so that no later stage mixes chips of different splits or schemes."""

import hashlib
from pathlib import Path
from typing import Any, Literal

from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, ValidationError

from landcover.errors import LabelError
from landcover.scheme import ClassScheme

FILE = "split.json"


class SplitRecord(BaseModel):
    """`key` is the same for the same chips on the same sides, and for no others."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    method: Literal["blocks", "random"]
    key: str
    scheme: ClassScheme


def split_key(*tables: NDArray[Any]) -> str:
    """A fingerprint of arrays: where the chips lie, which side each is on."""
    digest = hashlib.sha256()
    for table in tables:
        digest.update(f"{table.shape}{table.dtype}".encode())
        digest.update(table.tobytes())
    return digest.hexdigest()[:16]


def write_record(folder: Path, record: SplitRecord) -> None:
    (folder / FILE).write_text(record.model_dump_json(indent=2) + "\n", encoding="utf-8")


def read_record(folder: Path) -> SplitRecord:
    """Raises LabelError for a folder that `chips` did not make."""
    try:
        return SplitRecord.model_validate_json((folder / FILE).read_text(encoding="utf-8"))
    except (OSError, ValidationError):
        raise LabelError(f"{folder / FILE}: cannot be read: run `landcover chips --overwrite` first") from None
