"""What tells whether a file or a folder is as it was: size, time of change, and its content or samples of it."""

import hashlib
import os
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

from landcover.companions import TOLD, told_of_raster
from landcover.parallel import on_all_cores
from landcover.sources import is_remote

PIECE, PIECES = 2**16, 16
"""A sample of a file is so many pieces of so many bytes, the first at its start, the last at its end."""

WHOLE = 2**22
"""Files of up to so many bytes are read whole."""

LARGE = 2**26
"""GeoPackages of up to so many bytes are read row by row, folders of up to so many file by file."""

SIDECARS = (".aux.xml", ".ovr", ".lock", "-wal", "-shm", "-journal", "run.json")
"""Endings of files that GIS programs write while somebody looks at others, and of the records: of no account."""

How = Literal["whole", "sampled", "rows", "sidecar", "tree", "listing", "made", "name"]


class Fingerprint(BaseModel):
    """Of a file or folder at `path`, as seen from the folder of the record that holds this. Bytes and time of change in
    nanoseconds, of a folder's `files` the sum and the latest; None for what is not there. `how` the digest was taken:
    of the whole file, of samples, of a GeoPackage's rows, of what a raster's .aux.xml tells of pixels and place, of a
    folder's files or of their names, sizes and times; of what a stage made, its content by its record; `name` for what
    lies beyond a network and was not looked at."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    path: str
    bytes: int | None = None
    mtime_ns: int | None = None
    files: int | None = None
    digest: str | None = None
    how: How = "name"

    def same(self, other: "Fingerprint") -> bool:
        """Whether both are of the same content, as far as they can tell. Of samples the time of change counts too."""
        if (self.path, self.how, self.digest) != (other.path, other.how, other.digest):
            return False
        return self.how != "sampled" or (self.bytes, self.mtime_ns) == (other.bytes, other.mtime_ns)

    def untouched(self, folder: Path) -> bool:
        """Whether size and time of change are still these: nothing is read."""
        if self.how == "name":
            return True
        place = located(self.path, folder)
        return (self.bytes, self.mtime_ns, self.files) == _stamp(place) and not _edited(place)

    def again(self, folder: Path, full: bool = False) -> "Fingerprint":
        """Of the same file now, taken in the same way; of a large one that was read whole, only where it was touched,
        unless `full`."""
        if not full and self.how == "whole" and (self.bytes or 0) > WHOLE and self.untouched(folder):
            return self
        return _taken(located(self.path, folder), self.path, self.how)


def fingerprint(path: str | Path, folder: Path, full: bool = False) -> Fingerprint:
    """Of a file or folder; `full` reads all of it. `folder`: that of the record."""
    place = Path(path)
    if is_remote(str(path)):
        return Fingerprint(path=str(path))
    return _taken(place, told_from(place, folder), _how(place, full))


def told_from(path: Path, folder: Path) -> str:
    """A path as seen from a folder, so that both can be moved together."""
    try:
        return Path(os.path.relpath(path.resolve(), folder.resolve())).as_posix()
    except ValueError:
        # another drive
        return str(path.resolve())


def located(told: str, folder: Path) -> Path:
    """The path that was told as seen from a folder: what is above that is above where it lies, not above a link to
    it."""
    if is_remote(told):
        return Path(told)
    return Path(os.path.normpath((folder.resolve() if told.startswith("..") else folder) / told))


def shown(told: str, folder: Path) -> str:
    """The path that was told as one would give it here: from the working folder, if it is in there."""
    place = located(told, folder)
    with suppress(ValueError):
        return Path(os.path.abspath(place)).relative_to(Path.cwd()).as_posix()
    return str(place)


def digest(path: Path) -> str:
    """SHA-256 of a file, as hexadecimal digits."""
    found = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(WHOLE):
            found.update(piece)
    return found.hexdigest()


def combined(named: Iterable[tuple[str, str | None]]) -> str:
    """One digest of several, each with its name."""
    return hashlib.sha256("".join(f"{name}\0{part}\n" for name, part in named).encode()).hexdigest()


def _how(path: Path, full: bool) -> How:
    size, _, files = _stamp(path)
    if size is None:
        return "name"
    if files is not None:
        return "tree" if full or size <= LARGE else "listing"
    if path.name.lower().endswith(TOLD):
        return "sidecar"
    if path.suffix.lower() == ".gpkg" and (full or size <= LARGE or _edited(path)):
        return "rows"
    return "whole" if full or size <= WHOLE else "sampled"


def _taken(path: Path, told: str, how: How) -> Fingerprint:
    size, changed, files = _stamp(path)
    if size is None or how == "name":
        return Fingerprint(path=told)
    if (files is None) != (how not in ("tree", "listing")):
        # a folder that became a file, or a file that became a folder
        how = _how(path, False)
    if how == "sampled" and _edited(path):
        how = "rows"
    if how == "tree":
        listed = list(_inside(path))
        parts = on_all_cores(lambda file: _taken(file, file.name, _how(file, True)).digest, listed)
        names = (file.relative_to(path).as_posix() for file in listed)
        found: str | None = combined(zip(names, parts, strict=True))
    elif how == "listing":
        found = combined((p.relative_to(path).as_posix(), f"{p.stat().st_size} {p.stat().st_mtime_ns}")
                         for p in _inside(path))  # fmt: skip
    elif how == "sidecar":
        found = hashlib.sha256(told_of_raster(path)).hexdigest()
    elif how == "rows":
        found = _rows(path)
        if found is None:
            how, found = "whole", digest(path)
    else:
        found = digest(path) if how == "whole" else _sample(path, size)
    return Fingerprint(path=told, bytes=size, mtime_ns=changed, files=files, digest=found, how=how)


def _sample(path: Path, size: int) -> str:
    """SHA-256 of the size and of pieces at even distances."""
    found = hashlib.sha256(str(size).encode())
    with path.open("rb") as file:
        for number in range(PIECES):
            file.seek(max(size - PIECE, 0) * number // (PIECES - 1))
            found.update(file.read(PIECE))
    return found.hexdigest()


def _edited(path: Path) -> bool:
    """Whether a GeoPackage has edits that are in the log beside it as yet, for a GIS has it open."""
    try:
        return path.suffix.lower() == ".gpkg" and _log(path).stat().st_size > 0
    except OSError:
        return False


def _log(path: Path) -> Path:
    return path.with_name(path.name + "-wal")


def _rows(path: Path) -> str | None:
    """Of the layers and tables of a GeoPackage, None for a file that is none."""
    found = hashlib.sha256()
    # without a log of edits, nothing is written beside it
    mode = "mode=ro" if _log(path).exists() else "mode=ro&immutable=1"
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?{mode}", uri=True)) as file:
            listed = "SELECT table_name, data_type, srs_id FROM gpkg_contents ORDER BY table_name"
            for name, kind, crs in file.execute(listed).fetchall():
                if name == "layer_styles":
                    continue
                found.update(f"{name} {kind} {crs}\n".encode())
                quoted = name.replace('"', '""')
                rows = file.execute(f'SELECT * FROM "{quoted}" ORDER BY rowid')
                found.update(repr([column[0] for column in rows.description]).encode())
                for row in rows:
                    found.update(repr(row).encode())
    except sqlite3.Error:
        return None
    return found.hexdigest()


def _stamp(path: Path) -> tuple[int | None, int | None, int | None]:
    """Bytes, time of change, and of a folder how many files; None for what is not there."""
    try:
        if not path.is_dir():
            stat = path.stat()
            return stat.st_size, stat.st_mtime_ns, None
        stats = [file.stat() for file in _inside(path)]
    except OSError:
        return None, None, None
    return sum(s.st_size for s in stats), max((s.st_mtime_ns for s in stats), default=0), len(stats)


def _inside(folder: Path) -> Iterator[Path]:
    """The files of a folder and those below it, by name; without hidden ones and sidecars."""
    for place in sorted(folder.iterdir()):
        if place.name.startswith(".") or place.name.endswith(SIDECARS):
            continue
        if place.is_dir():
            yield from _inside(place)
        else:
            yield place
