"""Whether an output is what its stage would make now, and if not, why; and made anew if it is not."""

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, TypeVar

from landcover import __version__
from landcover.errors import OutputExists
from landcover.files import is_locked, leftovers, only_one
from landcover.fingerprint import Fingerprint, shown
from landcover.provenance import Essence, Recorder, Run, read_run, record_path, taken
from landcover.sourcecode import code_digest
from landcover.stage import Stage

Made = TypeVar("Made")
PROGRAM = "the program has changed"
"""The reason that makes nothing wrong that was right."""

Standing = Literal["current", "stale", "missing", "strange"]
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class State:
    """How an output stands: as its stage would make it now (`current`), made by the stage from something else
    (`stale`), not there (`missing`), or not known to be of this stage (`strange`); why; and the inputs as they are."""

    standing: Standing
    reasons: tuple[str, ...]
    inputs: tuple[Fingerprint, ...]

    @property
    def why(self) -> str:
        """In a line, the first reasons."""
        more = len(self.reasons) - 3
        return "; ".join(self.reasons[:3]) + (f"; and {more} more" if more > 0 else "")

    @property
    def valid(self) -> bool:
        """Whether nothing but the program is another than when the output was made."""
        return self.standing in ("current", "stale") and all(reason.startswith(PROGRAM) for reason in self.reasons)

    @property
    def told(self) -> str:
        """What to say of an output that is kept."""
        if self.standing == "current":
            return "it is up to date"
        if self.valid:
            return f"{self.why} since it was made: it stays valid, --overwrite makes it anew"
        return f"it is not up to date: {self.why}"


def check(stage: Stage, full: bool = False) -> State:
    """Look, and change nothing. `full`: read all of the files."""
    inputs = tuple(taken(path, stage.folder, full) for path in stage.inputs)
    found = _origin(stage)
    if not isinstance(found, Run):
        return State(found[0], (found[1],), inputs)
    run = found
    reasons = [*_code(run, stage), *_settings(run, stage), *_inputs(run, inputs, stage.folder, full)]
    reasons += [f"{shown(part.path, stage.folder)} was changed or removed after it was made"
                for part in run.outputs if not is_whole(part, stage.folder, full)]  # fmt: skip
    return State("stale" if reasons else "current", tuple(reasons), inputs)


def check_ours(stage: Stage) -> None:
    """Raise OutputExists for an output that is not known to be of this stage; inputs are not looked at."""
    found = _origin(stage)
    if not isinstance(found, Run) and found[0] == "strange":
        raise OutputExists(stage.out, found[1])


def bring_up_to_date(
    stage: Stage, make: Callable[[Essence], Made], overwrite: bool = False, full: bool = False
) -> Made | None:
    """Make an output anew unless it is what the stage would make; None then. `make` gets what the output may say of
    its making. With `overwrite` whatever is there is replaced. Raises OutputExists for an output of another origin."""
    state = check(stage, full)
    if state.standing == "strange" and not overwrite:
        raise OutputExists(stage.out, state.why)
    if state.standing == "current" and not overwrite:
        clear_up(stage)
        return None
    if state.standing == "stale":
        log.info("%s: is made anew: %s", stage.out, state.why)
    with only_one(stage.out, stage.made):
        started = time.monotonic()
        recorder = Recorder(stage, state.inputs)
        made = make(recorder.essence)
        recorder.write(time.monotonic() - started)
    return made


def clear_up(stage: Stage) -> None:
    """Remove what runs that were cut off left beside an output that is up to date. Raises LandcoverError if one is at
    work."""
    places = (stage.out, *stage.made, record_path(stage.out))
    if any(leftovers(place) for place in places):
        with only_one(stage.out, places):
            pass


def _origin(stage: Stage) -> Run | tuple[Standing, str]:
    """The record of the stage's output; without one, how the output stands and why."""
    run = read_run(stage.out)
    if not any(part.exists() for part in stage.made):
        return "missing", "not there yet"
    if run is None and is_locked(stage.out):
        return "stale", "it was being made by a run that was cut off"
    if run is None:
        return "strange", "no record tells how it was made"
    return run if run.stage == stage.name else ("strange", f"it was made by `landcover {run.stage}`")


def _code(run: Run, stage: Stage) -> list[str]:
    """By the source files behind the stage, else by the version."""
    now = code_digest(stage.code)
    same = run.version == __version__ if None in (run.code, now) else run.code == now
    between = run.version if run.version == __version__ else f"{run.version} -> {__version__}"
    return [] if same else [f"{PROGRAM} ({between})"]


def _settings(run: Run, stage: Stage) -> list[str]:
    before, now = stage.compared(run.settings, run.heeded), stage.compared(stage.settings, run.heeded)
    return [
        f"{key}: {_told(before, key)} -> {_told(now, key)}"
        for key in dict.fromkeys([*before, *now])
        if before.get(key) != now.get(key) or (key in before) != (key in now)
    ]


def _told(settings: Mapping[str, Any], key: str) -> str:
    if key not in settings:
        return "not set"
    text = str(settings[key])
    return text if len(text) <= 60 else f"{text[:57]}..."


def _inputs(run: Run, now: tuple[Fingerprint, ...], folder: Path, full: bool) -> list[str]:
    """What has changed of the inputs, by their names as one would give them here."""
    before = {part.path: part for part in run.inputs}
    there = {part.path: part for part in now}
    reasons = [f"{shown(path, folder)} is not used any more" for path in before if path not in there]
    for path, part in there.items():
        if path not in before:
            reasons.append(f"{shown(path, folder)} is new")
        elif not same_content(before[path], part, folder, full):
            reasons.append(f"{shown(path, folder)} {told_change(before[path], part)}")
    # not by the two above: of a file that is named twice they have one
    if not reasons and [part.path for part in run.inputs] != [part.path for part in now]:
        reasons.append("the inputs come in another order")
    return reasons


def is_whole(part: Fingerprint, folder: Path, full: bool) -> bool:
    """Whether an output is still what was made, whatever its time of change says."""
    if not full and part.untouched(folder):
        return True
    return part.again(folder, full).digest == part.digest


def same_content(before: Fingerprint, now: Fingerprint, folder: Path, full: bool = False) -> bool:
    """Whether an input is as it was, even if its fingerprint was taken in another way then."""
    if before.how == now.how or "made" in (before.how, now.how) or now.digest is None:
        return before.same(now)
    return before.same(before.again(folder, full))


def told_change(before: Fingerprint, now: Fingerprint) -> str:
    """What became of an input, as the end of a sentence."""
    if now.digest is None and before.digest is not None:
        return "is gone"
    if now.how == "made":
        return "has another content than before"
    if (before.how, before.bytes, before.digest) == ("sampled", now.bytes, now.digest):
        return f"has another time of change ({_time(before)} -> {_time(now)}): was it copied without its times?"
    if before.bytes == now.bytes is not None:
        saved = (_time(before), _time(now))
        when = "" if saved[0] == saved[1] else f": of {saved[0]} before, of {saved[1]} now"
        return f"has changed (its content is another, its size the same{when})"
    return f"has changed ({_stamp(before)} -> {_stamp(now)})"


def _stamp(part: Fingerprint) -> str:
    if part.bytes is None or part.mtime_ns is None:
        return "not there"
    return f"{part.bytes:,} bytes of {_time(part)}"


def _time(part: Fingerprint) -> str:
    return f"{datetime.fromtimestamp((part.mtime_ns or 0) / 1e9):%Y-%m-%d %H:%M:%S}"
