"""`landcover prepare` at the article's size beside reading its inputs and writing its outputs, and its memory.

    python benchmarks/prepare.py FOLDER

Makes twelve images of 7,500 x 6,500 px and some hundred polygons in FOLDER, once (2 GB, and for a while 10 GB of what
is made of them). Then each stage runs by turns with a bare program, each in a process of its own; imports do not count.
The bare program computes nothing. It reads each input once, with rasterio, pyogrio and h5py, and writes what the stage
wrote, from memory, with the same formats, compression and number of files:

    mosaic   opens each image and takes its header; writes the VRTs and footprints.gpkg
    labels   opens the mosaic, reads the polygons; writes the blocks of labels.tif that hold labels, and its sidecars
    chips    reads each block of the images and of labels.tif that lies under a chip; writes the chips and their tables
    stack    reads each chip; writes the HDF5 files, of known length
    augment  reads each chip that is copied; writes the copies, of known number

It takes no fingerprints, makes sure of nothing, and moves nothing into place. Prints medians of the turns, the ratios
of clock and of processor times, and the peak memory of each stage; `prepare` in one process; the times for labels of
a part of the ground, on the three images that show it and on all twelve; and where the slowest stage spends its time.
"""

import argparse
import cProfile
import json
import os
import pstats
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import geopandas as gpd
from barely import BARE, Watch
from quads import ACROSS, HEIGHT, OVERLAP, make

from landcover.config import Config

STAGES = tuple(BARE)
MARGIN = 600
"""Metres between the labels of the part and what the fourth image shows."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--polygons", type=int, default=400)
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--part-turns", type=int, default=3, help="on three images and on twelve")
    parser.add_argument("--profile", action="store_true", help="only say where the time of each stage goes")
    given = parser.parse_args()
    folder = given.folder.resolve()
    images = make(folder, given.polygons)
    labels = folder / f"labels_{given.polygons}.gpkg"
    whole = settings(folder / "ours", images, labels)
    if given.profile:
        clear(folder / "ours")
        for stage in STAGES:
            print(stage, *child("profile", stage, whole)["steps"], sep="\n    ")
        return
    turns = [turn(whole, folder / "bare") for _ in range(given.turns)]
    tell(turns)
    together(whole)
    if given.part_turns:
        part = part_of(labels)
        runs = {
            "part of the labels, 3 images": (images[:ACROSS], part),
            "part of the labels, 12 images": (images, part),
            "all labels, 12 images": (images, labels),
        }
        tell_part({
            name: [alone(settings(folder / "ours", *chosen)) for _ in range(given.part_turns)]
            for name, chosen in runs.items()
        })  # fmt: skip
    slowest = max(STAGES, key=lambda stage: statistics.median(t[stage][0]["seconds"] for t in turns))
    clear(folder / "ours")
    for stage in STAGES[: STAGES.index(slowest)]:
        child("ours", stage, whole)
    steps = child("profile", slowest, whole)["steps"]
    print(f"\nslowest stage: {slowest}; its slowest steps:", *steps, sep="\n    ")
    for place in ("ours", "bare"):
        clear(folder / place)


def settings(out: Path, images: list[Path], labels: Path) -> dict[str, Any]:
    """Of a configuration; chips as `landcover init` has them, for polygons drawn by hand are sparse."""
    return {
        "paths": {"data": str(out)}, "mosaic": {"images": [str(path) for path in images]},
        "labels": {"source": str(labels)}, "chips": {"max_background": 0.99},
    }  # fmt: skip


def part_of(labels: Path) -> Path:
    """The labels that lie under the first row of images alone."""
    part = labels.with_name(f"{labels.stem}_part.gpkg")
    frame = gpd.read_file(labels)
    top = frame.total_bounds[3]
    inside = frame.geometry.bounds["miny"] > top - (HEIGHT - OVERLAP - 2 * MARGIN)
    frame[inside].to_file(part, driver="GPKG", layer="labels")
    return part


def turn(given: dict[str, Any], bare: Path) -> dict[str, tuple[dict[str, Any], dict[str, Any]]]:
    """Each stage by both, from nothing."""
    clear(Path(given["paths"]["data"]))
    clear(bare)
    return {stage: (child("ours", stage, given), child("bare", stage, given, bare)) for stage in STAGES}


def alone(given: dict[str, Any]) -> dict[str, dict[str, Any]]:
    clear(Path(given["paths"]["data"]))
    return {stage: child("ours", stage, given) for stage in STAGES}


def clear(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)


def child(who: str, stage: str, given: dict[str, Any], *more: Path) -> dict[str, Any]:
    """What a process of its own tells of one stage. What was written before does not wait for the disk in its time."""
    os.sync()
    command = [sys.executable, __file__, "--child", who, stage, json.dumps(given), *map(str, more)]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines()[-1])


def run(who: str, stage: str, given: str, *more: str) -> dict[str, Any]:
    started = time.perf_counter()
    config = Config.model_validate(json.loads(given))
    if stage == "all":
        from landcover.prepare import prepare

        prepare(config)
        return {"seconds": time.perf_counter() - started, "cpu": time.process_time(), "peak": peak()}
    from landcover.prepare import augment, chips, labels, mosaic, stack, steps  # noqa: F401  not to be timed

    watch = Watch()
    if who == "bare":
        BARE[stage](config, Path(more[0]), watch)
        return {"seconds": watch.seconds, "cpu": watch.cpu}
    if who == "profile":
        profile = cProfile.Profile()
        profile.runcall(getattr(steps, f"run_{stage}"), config)
        return {"steps": slowest_steps(profile)}
    with watch:
        getattr(steps, f"run_{stage}")(config)
    return {"seconds": watch.seconds, "cpu": watch.cpu, "peak": peak()}


def peak() -> int:
    """The most main memory of this process, in bytes."""
    from landcover.provenance import peak_memory

    return peak_memory()


def slowest_steps(profile: cProfile.Profile) -> list[str]:
    """The functions of landcover that take longest by themselves and in what they call of other packages."""
    timed = pstats.Stats(profile).stats  # type: ignore[attr-defined]
    ours = {place for place in timed if "/landcover/" in place[0] and "<" not in place[2]}
    spent = {place: timed[place][3] for place in ours}
    for place in ours:
        for caller, (_, _, _, seconds) in timed[place][4].items():
            if caller in spent:
                spent[caller] -= seconds
    listed = sorted(spent.items(), key=lambda item: -item[1])[:5]
    total = sum(timed[place][2] for place in timed)
    return [
        f"{Path(file).stem}.{name}: {100 * seconds / total:.0f} % of {total:.1f} s"
        for (file, _, name), seconds in listed
    ]


def tell(turns: list[dict[str, tuple[dict[str, Any], dict[str, Any]]]]) -> None:
    print("| stage | prepare, s | bare, s | ratio | processor: prepare, s | bare, s | ratio | peak memory |")
    print("| --- " * 8 + "|")
    for stages in (*((stage,) for stage in STAGES), STAGES):
        cells = []
        for what in ("seconds", "cpu"):
            ours, bare = ([sum(t[stage][who][what] for stage in stages) for t in turns] for who in (0, 1))
            ratios = [one / other for one, other in zip(ours, bare, strict=True)]
            cells += [f"{statistics.median(ours):.2f}", f"{statistics.median(bare):.2f}"]
            cells.append(f"{statistics.median(ratios):.2f} ({min(ratios):.2f}-{max(ratios):.2f})")
        memory = max(t[stage][0]["peak"] for t in turns for stage in stages)
        print(f"| {' | '.join([stages[0] if len(stages) == 1 else 'all', *cells, f'{memory / 1e9:.2f} GB'])} |")


def together(given: dict[str, Any]) -> None:
    clear(Path(given["paths"]["data"]))
    made = child("ours", "all", given)
    times = f"{made['seconds']:.1f} s ({made['cpu']:.1f} s of the processor)"
    print(f"\nprepare in one process, imports counted in: {times}, peak memory {made['peak'] / 1e9:.2f} GB")


def tell_part(runs: dict[str, list[dict[str, dict[str, Any]]]]) -> None:
    print(
        "\n| medians, s (of the processor) | " + " | ".join(STAGES) + " | all |\n" + "| --- " * (len(STAGES) + 2) + "|"
    )
    for name, turns in runs.items():
        cells = []
        for stages in (*((stage,) for stage in STAGES), STAGES):
            clock, cpu = (
                statistics.median(sum(t[stage][what] for stage in stages) for t in turns) for what in ("seconds", "cpu")
            )
            cells.append(f"{clock:.2f} ({cpu:.2f})")
        print(f"| {name} | {' | '.join(cells)} |")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        print(json.dumps(run(*sys.argv[2:])))
    else:
        main()
