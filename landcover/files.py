"""Outputs that are whole or not there: written under a temporary name beside the target, renamed when done."""

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from landcover.errors import LandcoverError, OutputExists


def check_free(path: Path, overwrite: bool) -> None:
    """Raise OutputExists if something is at the path and may not be replaced."""
    # missing/../there is there as soon as the folder in between is made
    if path.resolve().exists() and not overwrite:
        raise OutputExists(path)


def check_made(path: Path, stage: str) -> None:
    """Raise LandcoverError if what an earlier stage makes is not there."""
    if not path.exists():
        raise LandcoverError(f"{path}: no such file: run `landcover {stage}` first")


def check_space(path: Path, needed: int) -> None:
    """Raise LandcoverError if the disk on which a path will be has less than `needed` bytes free."""
    there = next(folder for folder in path.absolute().parents if folder.exists())
    free = shutil.disk_usage(there).free
    if free < needed:
        raise LandcoverError(
            f"{path}: needs up to {needed / 1e6:,.0f} MB, but {there} has {free / 1e6:,.0f} MB free: make room, or "
            "choose another disk"
        )


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """A temporary path in the same folder, which becomes the file if the block ends well and vanishes if not.

    The temporary name is the same each time, so what a killed run leaves behind is replaced by the next one.
    """
    temporary = path.with_name(f".partial-{path.name}")
    make_folder(path.parent)
    _remove(temporary)
    try:
        yield temporary
        _to_disk(temporary)
        os.replace(temporary, path)
    except OSError as error:
        raise LandcoverError(f"{path}: cannot be written ({error.strerror or error})") from error
    finally:
        _remove(temporary)


def _to_disk(path: Path) -> None:
    """Make sure that a power cut after the renaming does not leave an empty file."""
    with path.open("rb+") as file:
        os.fsync(file.fileno())


@contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """As `whole_file`, for a folder. What was there before is moved aside, and removed when the new one is in place."""
    temporary = path.with_name(f".partial-{path.name}")
    make_folder(path.parent)
    _put_back(_former(path), path)
    _remove(temporary)
    make_folder(temporary)
    try:
        yield temporary
        replace_folder(temporary, path)
    except OSError as error:
        raise LandcoverError(f"{path}: cannot be written ({error.strerror or error})") from error
    finally:
        _remove(temporary)


def replace_folder(new: Path, path: Path) -> None:
    """Give a folder its name. What had the name before is moved aside, and removed when the new one is in place."""
    former = _former(path)
    _put_back(former, path)
    try:
        if path.exists():
            os.replace(path, former)
        os.replace(new, path)
        _remove(former)
    finally:
        _put_back(former, path)


def recover(path: Path) -> None:
    """Finish or undo a replacement of a folder that was cut off half-way."""
    _put_back(_former(path), path)


@contextmanager
def only_one(path: Path, outputs: Sequence[Path] = ()) -> Iterator[None]:
    """Raise LandcoverError if another process is at work on a path. The lock is a file beside it, and ends with its
    process.

    What a killed run left of the `outputs` is removed first. The file stays if the block fails after one of them was
    replaced: it tells the next run that this one did not come to its end.
    """
    try:
        import fcntl
    except ImportError:
        # on Windows, files that are open cannot be replaced anyway
        yield
        return
    new = [folder for folder in path.parents if not folder.exists()]
    make_folder(path.parent)
    lock = _lock(path)
    try:
        with lock.open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise LandcoverError(f"{path}: another process is at work on it: wait for it, or stop it") from None
            for output in outputs:
                sweep(output)
            before = [_identity(output) for output in outputs]
            try:
                yield
            except BaseException:
                if before == [_identity(output) for output in outputs]:
                    lock.unlink(missing_ok=True)
                raise
            lock.unlink(missing_ok=True)
    finally:
        for folder in new:
            with suppress(OSError):
                folder.rmdir()


def is_locked(path: Path) -> bool:
    """Whether a run is at work on a path, or was cut off."""
    return _lock(path).exists()


def leftovers(path: Path) -> list[Path]:
    """What a run that was killed, or is at work, has beside its output: locks, temporary files, what is replaced."""
    if not path.parent.is_dir():
        return []
    names = {f".{kind}-{path.name}" for kind in ("partial", "former", "lock")} | {f".partial-{path.stem}.qml"}
    starts = f".partial-{path.name}."
    return sorted(p for p in path.parent.iterdir() if p.name in names or p.name.startswith(starts))


def sweep(path: Path) -> None:
    """Of an output that no run is at work on: put back what was being replaced, and remove what is half made."""
    recover(path)
    for left in leftovers(path):
        if left != _lock(path):
            _remove(left)


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        stat = path.stat()
    except OSError:
        return None
    return stat.st_ino, stat.st_mtime_ns


def _lock(path: Path) -> Path:
    return path.with_name(f".lock-{path.name}")


def _former(path: Path) -> Path:
    return path.with_name(f".former-{path.name}")


def _put_back(former: Path, path: Path) -> None:
    """Undo a replacement that was cut off half-way, or clear up after one that was not."""
    if former.exists() and not path.exists():
        os.replace(former, path)
    _remove(former)


def make_folder(path: Path) -> None:
    """Make a folder if it is not there. Raises LandcoverError."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise LandcoverError(f"{path}: cannot make this folder ({error.strerror or error})") from error


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
