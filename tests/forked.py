"""Commands as processes of their own that can be stopped at any moment. What they import is imported once, before they
are forked, so that moments fall into their work."""

import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

IMPORTED = [
    f"landcover.{name}"
    for name in (
        "sample.files", "sample.scene", "prepare.mosaic", "prepare.labels", "prepare.chips", "prepare.stack",
        "prepare.augment", "train.fit", "classify.predict", "classify.kerasmapper", "export.stac", "assess", "cli.stac",
        "cli.summary",
    )
]  # fmt: skip

CHANGES = ("os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.link", "os.symlink")
"""Audit events of the changes that are counted, beside the opening of a file to write it."""

forks = multiprocessing.get_context("forkserver")
forks.set_forkserver_preload(IMPORTED)


@dataclass(frozen=True)
class Blow:
    """A signal just before the n-th change of a file or folder, or so many seconds after the start."""

    change: int | None = None
    seconds: float | None = None
    kind: signal.Signals = signal.SIGKILL

    def __str__(self) -> str:
        return f"{self.kind.name} at {f'change {self.change}' if self.change else f'{self.seconds:.2f} s'}"


@dataclass(frozen=True)
class Ended:
    """How a command ended: its exit code, or less than 0 the signal; what it said; how many changes it made to files,
    -1 if it was killed; how long it took."""

    code: int
    stdout: str
    stderr: str
    changes: int
    seconds: float


def run_forked(folder: Path, arguments: Sequence[object], blow: Blow | None = None) -> Ended:
    """`landcover ARGUMENTS` in a folder; what it says goes to files beside that."""
    told = folder.with_name("told")
    told.mkdir(exist_ok=True)
    (told / "changes").unlink(missing_ok=True)
    process = forks.Process(target=_work, args=(folder, [str(a) for a in arguments], blow, told))
    started = time.monotonic()
    process.start()
    if blow and blow.seconds is not None:
        process.join(blow.seconds)
        if process.is_alive():
            os.kill(process.pid, blow.kind)
    process.join()
    code, seconds = process.exitcode, time.monotonic() - started
    process.close()
    changes = int((told / "changes").read_text()) if (told / "changes").exists() else -1
    return Ended(code, (told / "stdout").read_text(), (told / "stderr").read_text(), changes, seconds)


def _work(folder: Path, arguments: list[str], blow: Blow | None, told: Path) -> None:
    from landcover.__main__ import main

    os.chdir(folder)
    for number, name in enumerate(("stdout", "stderr"), start=1):
        os.dup2(os.open(told / name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
    sys.argv = ["landcover", *arguments]
    signal.signal(signal.SIGINT, signal.default_int_handler)
    changes = 0

    def count(event: str, given: tuple[Any, ...]) -> None:
        nonlocal changes
        if _changes(event, given, folder):
            changes += 1
            if blow and changes == blow.change:
                os.kill(os.getpid(), blow.kind)

    sys.addaudithook(count)
    try:
        main()
    finally:
        (told / "changes").write_text(str(changes))


def _changes(event: str, given: tuple[Any, ...], folder: Path) -> bool:
    """Whether an audit event is of a change in the folder."""
    if event not in CHANGES and not (event == "open" and given[2] & (os.O_WRONLY | os.O_RDWR)):
        return False
    if not isinstance(given[0], str | os.PathLike):
        return False
    place = os.fspath(given[0])
    return not os.path.isabs(place) or place.startswith(str(folder))
