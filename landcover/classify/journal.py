"""The windows of a map that are done, kept beside it on disk until the map is whole: what a killed run goes on from."""

import json
import sqlite3
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from landcover.errors import Busy, LandcoverError
from landcover.files import make_folder, sweep

FORMAT = 1
SUFFIXES = ("-wal", "-shm", "-journal", "")
"""Of the files of a journal, in the order in which they are removed: a log without its database would be read into the
next one."""

Layers = Sequence[NDArray[np.uint8]]
"""The map, and the confidence if it is asked for, of one tile: (rows, columns) each."""


class Journal:
    """An SQLite file of finished tiles. What was added stays if the process is killed; a power cut may cost the last
    few tiles, but leaves the others readable."""

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self.path = path
        self._connection = connection
        self._removed = False

    def begin(self, key: Mapping[str, Any]) -> list[str] | None:
        """Keep what is there if it was made for the same key; else forget it.

        Returns which parts of the key differ, an empty list if it is the same, None if there was nothing.
        """
        text = json.dumps(key, sort_keys=True)
        stored = self._connection.execute("SELECT value FROM about WHERE name = 'key'").fetchone()
        if stored is not None and stored[0] == text:
            return []
        self.forget()
        with self._connection:
            self._connection.execute("INSERT INTO about VALUES ('key', ?)", (text,))
        if stored is None:
            return None
        before, now = json.loads(stored[0]), json.loads(text)
        return sorted(name for name in {*before, *now} if before.get(name) != now.get(name))

    def forget(self) -> None:
        """Start from nothing."""
        with self._connection:
            self._connection.execute("DELETE FROM tiles")
            self._connection.execute("DELETE FROM unreadable")
            self._connection.execute("DELETE FROM about")

    def note(self, name: str, value: str) -> None:
        """Remember a choice."""
        with self._connection:
            self._connection.execute("INSERT OR REPLACE INTO about VALUES (?, ?)", (name, value))

    def noted(self, name: str) -> str | None:
        """The choice made before, if there was one."""
        row = self._connection.execute("SELECT value FROM about WHERE name = ?", (name,)).fetchone()
        return None if row is None else str(row[0])

    def done(self) -> set[int]:
        return {row[0] for row in self._connection.execute("SELECT tile FROM tiles")}

    def add(self, index: int, layers: Layers | None, unreadable: Iterable[tuple[str, int, int]] = ()) -> None:
        """A tile, None for one without data, and the cells of files (path, column, row) that could not be read."""
        packed = None if layers is None else zlib.compress(np.stack(layers).tobytes(), 1)
        with self._connection:
            self._connection.execute("INSERT OR REPLACE INTO tiles VALUES (?, ?)", (index, packed))
            self._connection.executemany("INSERT OR IGNORE INTO unreadable VALUES (?, ?, ?)", unreadable)

    def filled(self) -> bool:
        """Whether any tile has data."""
        found = self._connection.execute("SELECT 1 FROM tiles WHERE pixels IS NOT NULL LIMIT 1").fetchone()
        return found is not None

    def read(self, index: int, shape: tuple[int, int]) -> Layers | None:
        """The tile (rows, columns) of this index, None for one without data."""
        packed = self._connection.execute("SELECT pixels FROM tiles WHERE tile = ?", (index,)).fetchone()[0]
        return None if packed is None else list(np.frombuffer(zlib.decompress(packed), np.uint8).reshape(-1, *shape))

    def unreadable(self) -> list[tuple[str, int, int]]:
        return self._connection.execute("SELECT * FROM unreadable ORDER BY 1, 3, 2").fetchall()

    def size(self) -> int:
        """Bytes of the tiles that are kept."""
        return int(self._connection.execute("SELECT TOTAL(LENGTH(pixels)) FROM tiles").fetchone()[0])

    def remove(self) -> None:
        self._connection.close()
        self._removed = True
        _forget(self.path)

    def remove_if_empty(self) -> None:
        """Leave nothing where nothing is done."""
        if not self._removed and not self.done():
            self.remove()


def journal_path(map_path: Path) -> Path:
    return map_path.with_name(f".unfinished-{map_path.name}.sqlite")


def clear_up(map_path: Path, outputs: Iterable[Path]) -> None:
    """Remove what a run that was cut off left beside a map that is whole all the same; nothing if one is at work."""
    if journal_path(map_path).exists():
        with suppress(LandcoverError), open_journal(map_path) as journal:
            for output in outputs:
                sweep(output)
            journal.remove()


@contextmanager
def open_journal(map_path: Path) -> Iterator[Journal]:
    """The journal of a map, beside it. When the block fails it stays for the next run, if it holds any tile.

    Raises LandcoverError if it cannot be written, Busy if another run is writing it.
    """
    path = journal_path(map_path)
    make_folder(map_path.parent)
    try:
        with closing(_connect(path)) as connection:
            journal = Journal(connection, path)
            try:
                yield journal
            finally:
                journal.remove_if_empty()
    except sqlite3.OperationalError as error:
        kind = Busy if "locked" in str(error) else LandcoverError
        raise kind(f"{map_path}: {_reason(error)}") from None
    except (sqlite3.DatabaseError, zlib.error):
        _forget(path)
        raise LandcoverError(
            f"{map_path}: what was kept of an earlier run is damaged and is removed: give the same command again"
        ) from None


def _connect(path: Path) -> sqlite3.Connection:
    try:
        return _prepared(path)
    except sqlite3.OperationalError:
        raise
    except sqlite3.DatabaseError:
        # no journal any more: nothing to go on from
        _forget(path)
        return _prepared(path)


def _prepared(path: Path) -> sqlite3.Connection:
    # written by one thread at a time, not always the same
    connection = sqlite3.connect(path, check_same_thread=False, timeout=0)
    try:
        # one process alone: no memory shared through the file system, which network disks may lack
        connection.execute("PRAGMA locking_mode = EXCLUSIVE")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        if connection.execute("PRAGMA user_version").fetchone()[0] != FORMAT:
            connection.executescript(
                "DROP TABLE IF EXISTS tiles; DROP TABLE IF EXISTS about; DROP TABLE IF EXISTS unreadable;"
                "CREATE TABLE tiles (tile INTEGER PRIMARY KEY, pixels BLOB);"
                "CREATE TABLE unreadable (file TEXT, left INTEGER, top INTEGER, UNIQUE (file, left, top));"
                f"CREATE TABLE about (name TEXT PRIMARY KEY, value TEXT); PRAGMA user_version = {FORMAT};"
            )
        # takes the lock now, not at the first tile
        connection.execute("BEGIN IMMEDIATE")
        connection.commit()
    except BaseException:
        connection.close()
        raise
    return connection


def _forget(path: Path) -> None:
    for suffix in SUFFIXES:
        path.with_name(path.name + suffix).unlink(missing_ok=True)


def _reason(error: sqlite3.Error) -> str:
    text = str(error)
    if "locked" in text:
        return "another run is making this map: wait for it, or name another with -o"
    if "full" in text:
        return "the disk is full: make room and give the same command again, it goes on from here"
    if "unable to open" in text or "readonly" in text:
        return "cannot be written: is the folder read-only? Name another place with -o"
    return f"its progress cannot be kept ({text}): make room, or name another place with -o"
