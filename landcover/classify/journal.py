"""The windows of a map that are done, kept beside it on disk until the map is whole: what a killed run goes on from."""

import json
import sqlite3
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from landcover.errors import LandcoverError
from landcover.files import make_folder

FORMAT = 1
Layers = Sequence[NDArray[np.uint8]]
"""The map, and the confidence if it is asked for, of one tile: (rows, columns) each."""


class Journal:
    """An SQLite file of finished tiles. What was added stays, whatever happens to the process or the machine."""

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self.path = path
        self._connection = connection

    def begin(self, key: Mapping[str, Any]) -> list[str] | None:
        """Keep what is there if it was made for the same key; else forget it.

        Returns which parts of the key differ, an empty list if it is the same, None if there was nothing.
        """
        text = json.dumps(key, sort_keys=True)
        stored = self._connection.execute("SELECT value FROM about WHERE name = 'key'").fetchone()
        if stored is not None and stored[0] == text:
            return []
        with self._connection:
            self._connection.execute("DELETE FROM tiles")
            self._connection.execute("DELETE FROM unreadable")
            self._connection.execute("DELETE FROM about")
            self._connection.execute("INSERT INTO about VALUES ('key', ?)", (text,))
        if stored is None:
            return None
        before, now = json.loads(stored[0]), json.loads(text)
        return sorted(name for name in {*before, *now} if before.get(name) != now.get(name))

    def note(self, name: str, value: str) -> str:
        """Remember a choice, or recall the one made before."""
        with self._connection:
            self._connection.execute("INSERT OR IGNORE INTO about VALUES (?, ?)", (name, value))
        return str(self._connection.execute("SELECT value FROM about WHERE name = ?", (name,)).fetchone()[0])

    def done(self) -> set[int]:
        return {row[0] for row in self._connection.execute("SELECT tile FROM tiles")}

    def add(self, index: int, layers: Layers | None) -> None:
        """A tile, None for one without data."""
        packed = None if layers is None else zlib.compress(np.stack(layers).tobytes(), 1)
        with self._connection:
            self._connection.execute("INSERT OR REPLACE INTO tiles VALUES (?, ?)", (index, packed))

    def read(self, index: int, shape: tuple[int, int]) -> Layers | None:
        """The tile (rows, columns) of this index, None for one without data."""
        packed = self._connection.execute("SELECT pixels FROM tiles WHERE tile = ?", (index,)).fetchone()[0]
        return None if packed is None else list(np.frombuffer(zlib.decompress(packed), np.uint8).reshape(-1, *shape))

    def add_unreadable(self, cells: Iterable[tuple[str, int, int]]) -> None:
        """Cells of files that could not be read: file, column and row."""
        with self._connection:
            self._connection.executemany("INSERT OR IGNORE INTO unreadable VALUES (?, ?, ?)", cells)

    def unreadable(self) -> list[tuple[str, int, int]]:
        return self._connection.execute("SELECT * FROM unreadable ORDER BY 1, 3, 2").fetchall()

    def remove(self) -> None:
        self._connection.close()
        _forget(self.path)


@contextmanager
def open_journal(map_path: Path) -> Iterator[Journal]:
    """The journal of a map, beside it. It stays when the block fails, for the next run; see `Journal.remove`.

    Raises LandcoverError if it cannot be written, or another run is writing it.
    """
    path = map_path.with_name(f".unfinished-{map_path.name}.sqlite")
    connection = None
    try:
        make_folder(map_path.parent)
        connection = _connect(path)
        yield Journal(connection, path)
    except sqlite3.Error as error:
        raise LandcoverError(f"{map_path}: {_reason(error)}") from None
    finally:
        if connection is not None:
            connection.close()


def _connect(path: Path) -> sqlite3.Connection:
    try:
        return _prepared(path)
    except sqlite3.OperationalError:
        raise
    except sqlite3.DatabaseError:
        # not a journal any more: nothing to go on from
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
    for suffix in ("", "-wal", "-shm", "-journal"):
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
