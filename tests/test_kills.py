"""Killed at any moment, each command of the chain comes to its end when it is given again, and nothing tells of it.

LANDCOVER_KILLS=20 kills as often, LANDCOVER_KILLS_SEED=1 at other moments. A quarter as often it is Ctrl-C.
"""

import csv
import json
import os
import random
import re
import shutil
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import Any

import pytest
from forked import Blow, Ended, run_forked

from landcover.fingerprint import fingerprint
from landcover.model import load_network, read_card

KILLS = int(os.environ.get("LANDCOVER_KILLS", "6"))
SEED = int(os.environ.get("LANDCOVER_KILLS_SEED", "0"))

CONFIG = """
chips: {size: 32, stride: 32, max_background: 0.95}
split: {block: 64}
train: {epochs: 2, batch: 16, precision: float32, net: {depth: 2, filters: 2}, class_weights: {}}
classify: {model: ../given/model.keras, precision: float32, tile: 64, batch: 1, confidence: true}
"""
HOLDOUT = "data/raw/holdout/m_3308502_nw_16_1_20211003.tif"
CHAIN = {
    "sample": ("sample", "--size", 224),
    "prepare": ("prepare",),
    "train": ("train",),
    "classify": ("classify", HOLDOUT),
    "assess": ("assess", "data/maps/m_3308502_nw_16_1_20211003_landcover.tif", "data/raw/holdout/reference.gpkg"),
}
SHARE = {"sample": 3, "prepare": 6, "train": 4, "classify": 4, "assess": 3}
"""Of twenty kills."""

DIFFERS = {"command", "made", "seconds", "peak_memory", "mtime_ns", "assessed"}
"""What a record says of the run, and not of what was made."""


@dataclass(frozen=True)
class Whole:
    """An undisturbed run in `project`, moved to `folder`; how each command ended."""

    project: Path
    folder: Path
    ended: dict[str, Ended]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Whole:
    root = tmp_path_factory.mktemp("kills")
    project = _begin(root / "project")
    ended = {"": run_forked(project, ["--version"])}
    for name, command in CHAIN.items():
        ended[name] = run_forked(project, command)
        assert ended[name].code == 0, ended[name].stderr
        if name == "train":
            # trainings differ from run to run: the maps of both projects are made with this one
            shutil.copytree(project / "models/unet", root / "given")
    project.rename(root / "whole")
    return Whole(project, root / "whole", ended)


def _begin(project: Path) -> Path:
    shutil.rmtree(project, ignore_errors=True)
    (project / "configs").mkdir(parents=True)
    (project / "configs/default.yaml").write_text(CONFIG)
    return project


def _moments(whole: Whole, number: int, seed: int) -> Iterator[tuple[str, Blow, bool]]:
    """Command by command, when it is struck; and whether it is to be finished before, and to make all anew."""
    dice = random.Random(seed)
    listed = [(name, signal.SIGKILL) for name in dice.sample(list(SHARE), counts=SHARE.values(), k=number)]
    listed += [(name, signal.SIGINT) for name in dice.choices(list(SHARE), SHARE.values(), k=ceil(number / 4))]
    dice.shuffle(listed)
    for name, kind in sorted(listed, key=lambda of: list(CHAIN).index(of[0])):
        known, at_change = whole.ended[name], dice.random() < 0.7
        change, seconds = dice.randint(1, known.changes), dice.uniform(0.0, known.seconds)
        yield name, Blow(change, kind=kind) if at_change else Blow(None, seconds, kind), dice.random() < 0.5


def _finish(project: Path, name: str, after: str) -> list[str]:
    """Give a command again that was struck, as somebody would who reads what it says; what is not as it should be."""
    done = run_forked(project, CHAIN[name])
    if name == "train" and (told := re.search(r"unet\.training\b.* --resume( --overwrite)?", done.stderr)):
        more = [told[1].strip()] if told[1] else []
        done = run_forked(project, [*CHAIN[name], "--resume", *more])
    wrong = [f"{after}: exit code {done.code}: {done.stderr}"] if done.code else []
    hidden = [p.relative_to(project).as_posix() for p in project.rglob(".*")]
    wrong += [f"{after}: leaves {hidden}"] if hidden else []
    if done.code:
        run_forked(project, [*CHAIN[name], "--overwrite"])
    return wrong


def test_killed_at_any_moment_every_command_ends_as_if_it_had_not_been(whole: Whole) -> None:
    project, struck, wrong = _begin(whole.project), 0, []
    moments = list(_moments(whole, KILLS, SEED))
    for name in CHAIN:
        ended, after = None, name
        for blow, finish in [moment[1:] for moment in moments if moment[0] == name]:
            if ended and ended.code and finish:
                wrong += _finish(project, name, after)
            again = ["--overwrite"] if ended and (finish or not ended.code) else []
            if name == "train" and not again:
                again = ["--resume", *(["--overwrite"] if (project / "models/unet").exists() else [])]
            ended = run_forked(project, [*CHAIN[name], *again], blow)
            struck += ended.code == -signal.SIGKILL
            if blow.kind == signal.SIGINT and not _is_told(ended):
                wrong.append(f"{name} struck by {blow}: exit code {ended.code}: {ended.stderr}")
            after = f"{' '.join([name, *again])} struck by {blow}"
            print(f"{after}: {ended.code} after {ended.seconds:.1f} s {ended.stderr if ended.code > 0 else ''}")
        wrong += _finish(project, name, after)
        if name == "sample":
            wrong += _differing(whole.folder, project)
            # maps and records tell of the times of images, too
            shutil.rmtree(project / "data/raw")
            shutil.copytree(whole.folder / "data/raw", project / "data/raw")
    assert struck >= KILLS / 2
    wrong += _differing(whole.folder, project)
    wrong += [f"there: {path}" for path in _listed(project) - _listed(whole.folder)]
    wrong += [f"missing: {path}" for path in _listed(whole.folder) - _listed(project)]
    assert not wrong, "\n".join(wrong)
    _check_model(project / "models/unet")


def _is_told(ended: Ended) -> bool:
    """Whether an interruption was told in a line, or came too late."""
    told = [line for line in ended.stderr.splitlines() if line.startswith("Interrupted: ")]
    return ended.code == 0 or (ended.code == 130 and len(told) == 1 and "Traceback" not in ended.stderr)


def _listed(project: Path) -> set[str]:
    """Of a training's folder, names without what counts or tells time."""
    files = (p.relative_to(project).as_posix() for p in project.rglob("*"))
    return {re.sub(r"events\.out.*|epoch_\d+", "*", name) for name in files}


def _differing(whole: Path, project: Path) -> list[str]:
    before, now = _contents(whole), _contents(project)
    return [f"differs: {path}" for path in before if path in now and before[path] != now[path]]


def _contents(project: Path) -> dict[str, Any]:
    files = [p for p in project.rglob("*") if p.is_file() and "models" not in p.parts]
    return {p.relative_to(project).as_posix(): _content(p, project) for p in files}


def _content(path: Path, project: Path) -> Any:
    if path.suffix == ".json":
        return _without_times(json.loads(path.read_text()))
    if path.suffix == ".gpkg":
        return fingerprint(path, path.parent, full=True).digest
    if path.name == "report.html":
        assessed = json.loads((path.parent / "accuracy.json").read_text())["provenance"]["assessed"]
        return path.read_text().replace(assessed, "")
    return path.read_bytes()


def _without_times(told: Any) -> Any:
    if isinstance(told, dict):
        # accuracy.json tells when it was made
        differs = DIFFERS | ({"digest"} if told.get("path") == "accuracy.json" else set())
        return {key: _without_times(value) for key, value in told.items() if key not in differs}
    return [_without_times(value) for value in told] if isinstance(told, list) else told


def _check_model(folder: Path) -> None:
    with (folder / "history.csv").open() as file:
        assert [row["epoch"] for row in csv.DictReader(file)] == ["1", "2"]
    assert read_card(folder / "model.keras").scores["epoch"] in (1, 2)
    assert load_network(folder / "model.keras").count_params() > 0
    assert json.loads((folder / "metrics.json").read_text())["epochs"] == 2
