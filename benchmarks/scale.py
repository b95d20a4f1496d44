"""What a Dask cluster gains on one machine, what it costs, and what a state would take.

    python benchmarks/scale.py speed models/unet/model.keras chips/*.tif
    python benchmarks/scale.py simulate --images 3000 --seconds 0.5 --threads 8
    python benchmarks/scale.py plan

`speed` maps one image, laid out from chips on a grid, in cells: by one process of one thread without Dask, by one
worker of one thread, by two of them, in turns, and by two processes without Dask side by side, each all of the image:
the machine gives two workers no more than those gain over one. Workers have loaded the model before. Cells that are a
multiple of the tiles of the whole image tell what Dask costs; others have smaller tiles, which read more for their
halo. There are as many cells for each of the two workers, or one would wait for the other at the end.

`simulate` sends items that only wait through a scheduler and workers of their own, as so many images of so much work.
It compares the time with what the work needs, and says how the memory of the client went over time, and what an item
costs scheduler and client, which is what limits how many items a second they can move.

`plan` works out, from what was measured (`Figures`), what an area takes: docs/how-to/scale.md shows it.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import ceil
from pathlib import Path

import click

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
ONE_THREAD = {"TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1", "OMP_NUM_THREADS": "1",
              "GDAL_NUM_THREADS": "1"}  # fmt: skip


TILE = 1536
"""Pixels a side of the tiles of large cells."""


@dataclass(frozen=True)
class Figures:
    """What was measured, on the machine of docs/explanation/speed.md."""

    speed: float = 0.80
    """Mpx/s of a worker of one thread in float32: `speed`."""

    seen: float = 1.24
    """Pixels that the network sees for each that is mapped, for the halo: benchmarks/classify.py."""

    making: float = 0.1
    """Bytes of disk a pixel while a map is made, on real images; the files that stay are less."""

    confidence: float = 0.5
    """The same of its confidence."""

    together: float = 1.84
    """How much faster two workers, on two cores, are than one: `speed`."""

    scheduler: float = 0.0051
    """Seconds of the scheduler's processor an item: `simulate`."""

    client: float = 0.0036
    """Seconds of the client's processor an item: `simulate`."""


@dataclass(frozen=True)
class Area:
    name: str
    pixels: float
    quads: int


AREAS = (Area("Alabama, 134,000 km2", 1.34e11, 3_000), Area("lower 48 states", 8e12, 179_000))
"""At 1 m. Quarter quads of the lower 48 as many for their pixels as Alabama's."""

WORKERS = (1, 2, 16, 100, 1_000)
CELL, HALO, BLOCK, BANDS = 12_288, 96, 512, 4


def worked_out(areas: tuple[Area, ...], figures: Figures, workers: tuple[int, ...] = WORKERS) -> str:
    """What areas take, as a table in Markdown."""
    alone = figures.speed * 1e6
    together = alone * figures.together / 2
    # the tile of which so much is read twice; of its side, what it touches of blocks that lie anyhow
    tile = 2 * HALO / (figures.seen**0.5 - 1)
    touched = ((tile + 2 * HALO) / BLOCK + 1) ** 2 / tile**2
    rows: list[tuple[str, list[str]]] = [
        ("pixels", [f"{area.pixels / 1e9:,.0f} billion" for area in areas]),
        ("quarter quads", [f"{area.quads:,}" for area in areas]),
        (f"cells of {CELL:,} px", [f"{area.pixels / CELL**2:,.0f}" for area in areas]),
        ("images, uncompressed", [size(area.pixels * BANDS) for area in areas]),
        ("maps, at most, while they are made", [size(area.pixels * figures.making) for area in areas]),
        ("and their confidence", [size(area.pixels * figures.confidence) for area in areas]),
        (f"reads of blocks of {BLOCK} px", [f"{area.pixels * touched / 1e6:,.1f} million" for area in areas]),
    ]
    for number in workers:
        # the last cells keep few of them busy
        turns = [ceil(ceil(area.pixels / CELL**2) / number) for area in areas]
        pace = alone if number == 1 else together
        counted = f"{number:,} worker{'s' if number > 1 else ''}"
        rows.append((f"time, {counted} of one thread", [duration(n * CELL**2 / pace) for n in turns]))
    limit = 1 / max(figures.scheduler, figures.client)
    rows.append(("cells that scheduler and client can move, a second", [f"{limit:,.0f}"] * len(areas)))
    rows.append(("workers that they keep busy", [f"{limit * CELL**2 / together:,.0f}"] * len(areas)))
    lines = [f"| {name} | {' | '.join(cells)} |" for name, cells in rows]
    head = f"| at 1 m | {' | '.join(area.name for area in areas)} |"
    return "\n".join([head, "| --- " * (1 + len(areas)) + "|", *lines])


def size(amount: float) -> str:
    return f"{amount / 1e12:,.1f} TB" if amount >= 1e12 else f"{amount / 1e9:,.0f} GB"


def duration(seconds: float) -> str:
    hours = seconds / 3600
    return f"{hours:,.0f} hours" if hours >= 10 else f"{hours:.1f} hours" if hours >= 1 else f"{60 * hours:.0f} minutes"


@click.group(help=__doc__)
def main() -> None:
    pass


@main.command()
@click.option("--area", "areas", type=(str, float, int), multiple=True, metavar="NAME PIXELS IMAGES",
              help="Another area.  [default: Alabama and the lower 48]")  # fmt: skip
@click.option("--workers", multiple=True, default=WORKERS, show_default=True)
@click.option("--speed", default=Figures.speed, show_default=True, help="Mpx/s of a worker: of speed.")
@click.option("--together", default=Figures.together, show_default=True, help="Two workers over one: of speed.")
@click.option("--scheduler", default=Figures.scheduler, show_default=True, help="Seconds an item: of simulate.")
@click.option("--client", default=Figures.client, show_default=True, help="Seconds an item: of simulate.")
def plan(areas: tuple[tuple[str, float, int], ...], workers: tuple[int, ...], **measured: float) -> None:
    """What an area takes, from what was measured."""
    click.echo(worked_out(tuple(Area(*area) for area in areas) or AREAS, Figures(**measured), workers))


@main.command()
@click.argument("model", type=click.Path(path_type=Path, exists=True))
@click.argument("chips", nargs=-1, required=True)
@click.option("--width", default=9_216, show_default=True, help="Pixels of the image.")
@click.option("--height", default=6_144, show_default=True)
@click.option("--cell", default=3_072, show_default=True, help="Pixels a side of the cells.")
@click.option("--turns", default=3, show_default=True)
def speed(model: Path, chips: tuple[str, ...], width: int, height: int, cell: int, turns: int) -> None:
    """Two workers over one, and one over none."""
    from classify import lay_out

    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        image, small = folder / "image.tif", folder / "small.tif"
        lay_out(chips, width, image, height)
        # in tiles of the size that is to come, a cell for each worker
        lay_out(chips, 2 * TILE, small, TILE)
        seconds: dict[str, list[float]] = {"none": [], "two of none": [], "1 worker": [], "2 workers": []}
        with cluster(1) as one, cluster(2) as two:
            for those, out in ((one, "one"), (two, "two")):
                spread(model, small, folder / f"small_{out}.vrt", those.address, TILE)
            for turn in range(turns):
                seconds["none"].append(alone(model, image, folder / f"alone_{turn}.tif"))
                seconds["two of none"].append(side_by_side(model, image, folder / f"both_{turn}.tif"))
                seconds["1 worker"].append(spread(model, image, folder / f"one_{turn}.vrt", one.address, cell))
                seconds["2 workers"].append(spread(model, image, folder / f"two_{turn}.vrt", two.address, cell))
    pixels = width * height / 1e6
    best = {name: min(times) for name, times in seconds.items()}
    click.echo(f"{width} x {height} px, {pixels:.1f} Mpx, cells of {cell} px, one thread each, {turns} turns\n")
    click.echo("| | seconds, all turns | Mpx/s, best |\n| --- | --- | --- |")
    for name, times in seconds.items():
        click.echo(f"| {name} | {', '.join(f'{t:.1f}' for t in times)} | {pixels / best[name]:.2f} |")
    medians = {name: statistics.median(times) for name, times in seconds.items()}
    click.echo(f"\ntwo workers over one: {medians['1 worker'] / medians['2 workers']:.2f} times as fast")
    click.echo(f"two processes without Dask over one: {2 * medians['none'] / medians['two of none']:.2f} times as much")
    click.echo(f"one worker over no Dask: {100 * (medians['1 worker'] / medians['none'] - 1):+.1f} % of time")


@dataclass(frozen=True)
class Started:
    address: str
    scheduler: int
    """The number of its process."""


@contextmanager
def cluster(workers: int, threads: int = 1) -> Iterator[Started]:
    """A scheduler with workers, each a process of its own."""
    told = Path(tempfile.mkdtemp()) / "scheduler.json"
    begin = [sys.executable, "-m"]
    parts = [
        ["distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard"],
        ["distributed.cli.dask_worker", "--host", "127.0.0.1", "--nworkers", str(workers), "--nthreads", str(threads),
         "--memory-limit", "0", "--no-dashboard"],
    ]  # fmt: skip
    from landcover.cluster import OWN

    # as `--workers` configures its own
    names = {key: key.upper().replace(".", "__").replace("-", "_") for key in OWN}
    tuned = os.environ | {f"DASK_{names[key]}": str(value) for key, value in OWN.items()}
    quiet, where = subprocess.DEVNULL, ["--scheduler-file", str(told)]
    started = [
        subprocess.Popen([*begin, *part, *where], stdout=quiet, stderr=quiet, cwd=told.parent, env=tuned)
        for part in parts
    ]
    try:
        while not told.exists():
            time.sleep(0.1)
        address = json.loads(told.read_text())["address"]
        from distributed import Client

        with Client(address, set_as_default=False) as client:
            client.wait_for_workers(workers)
        yield Started(address, started[0].pid)
    finally:
        for process in reversed(started):
            process.terminate()
            process.wait()


def spread(model: Path, image: Path, out: Path, address: str, cell: int) -> float:
    from landcover.classify.spread import classify_spread
    from landcover.cluster import Machines
    from landcover.config import Config

    config = Config.model_validate({"classify": {"model": model, "precision": "float32", "cell": cell}})
    started = time.perf_counter()
    classify_spread(config, {str(image): out}, Machines(scheduler=address), named=True)
    return time.perf_counter() - started


def alone(model: Path, image: Path, out: Path) -> float:
    """In a process of its own with one thread, that has loaded the model before, too."""
    return _seconds(_begun(model, image, out))


def side_by_side(model: Path, image: Path, out: Path) -> float:
    """Two such processes at once, each of all of the image: how long the slower takes."""
    both = [_begun(model, image, out.with_stem(f"{out.stem}_{name}")) for name in "ab"]
    return max(_seconds(process) for process in both)


def _begun(model: Path, image: Path, out: Path) -> "subprocess.Popen[str]":
    command = [sys.executable, __file__, "child", str(model), str(image), str(out)]
    return subprocess.Popen(command, env=os.environ | ONE_THREAD, stdout=subprocess.PIPE, text=True)


def _seconds(process: "subprocess.Popen[str]") -> float:
    told, _ = process.communicate()
    if process.returncode:
        raise click.ClickException(f"mapping without Dask ended with {process.returncode}")
    return float(told.split()[-1])


@main.command(hidden=True)
@click.argument("model", type=click.Path(path_type=Path))
@click.argument("image")
@click.argument("out", type=click.Path(path_type=Path))
def child(model: Path, image: str, out: Path) -> None:
    from landcover.classify.mapper import open_mapper
    from landcover.classify.predict import classify_image
    from landcover.settings import ClassifySettings

    settings = ClassifySettings(model=model, precision="float32")
    mapper = open_mapper(settings)
    classify_image(Path(image).with_name("small.tif"), settings, out.with_name(f"small_{out.name}"), mapper=mapper)
    started = time.perf_counter()
    classify_image(image, settings, out, mapper=mapper)
    click.echo(time.perf_counter() - started)


@main.command()
@click.option("--images", default=3_000, show_default=True)
@click.option("--seconds", default=0.5, show_default=True, help="Work of an image, from half to one and a half of it.")
@click.option("--workers", default=2, show_default=True, help="Processes.")
@click.option("--threads", default=8, show_default=True, help="Of each process.")
def simulate(images: int, seconds: float, workers: int, threads: int) -> None:
    """Many images through a real scheduler."""
    import random

    from landcover.cluster import Machines, open_cluster

    dice = random.Random(0)
    pieces = [(number, seconds * dice.uniform(0.5, 1.5)) for number in range(images)]

    def wait(piece: tuple[int, float]) -> int:
        time.sleep(piece[1])
        return piece[0]

    memory: list[tuple[float, int]] = []
    with cluster(workers, threads) as there, open_cluster(Machines(scheduler=there.address)) as spread_out:
        list(spread_out.each(wait, [(0, 0.0)] * workers * threads))
        ours, others, started = time.process_time(), processor(there.scheduler), time.perf_counter()
        for number, outcome in enumerate(spread_out.each(wait, pieces), start=1):
            assert outcome.trouble is None
            if number % max(1, images // 10) == 0:
                memory.append((time.perf_counter() - started, resident()))
        took = time.perf_counter() - started
        client, scheduler = (time.process_time() - ours) / images, (processor(there.scheduler) - others) / images
    needed = sum(piece[1] for piece in pieces) / (workers * threads)
    click.echo(f"{images:,} items of {seconds} s on average, {workers} processes of {threads} threads")
    over = f": {100 * (took / needed - 1):+.1f} %" if needed else ""
    click.echo(f"took {took:.1f} s, the work needs {needed:.1f} s{over}; {images / took:,.0f} items a second")
    told = ", ".join(f"{amount / 1e6:.1f} after {after:.0f} s" for after, amount in memory)
    click.echo(f"memory of the client, MB: {told}: {(memory[-1][1] - memory[0][1]) / 1e6:+.1f} from the first tenth on")
    click.echo(f"processor an item: scheduler {1000 * scheduler:.2f} ms, client {1000 * client:.2f} ms")
    slower = max(scheduler, client)
    pace = Figures.speed * 1e6
    click.echo(
        f"limit, of the {'scheduler' if slower == scheduler else 'client'}: {1 / slower:,.0f} items a second, which is "
        f"{CELL**2 / pace / slower:,.0f} workers of {Figures.speed:.2f} Mpx/s on cells of {CELL:,} px"
    )


def resident() -> int:
    """Bytes of main memory that this process takes now (Linux)."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def processor(process: int) -> float:
    """Seconds of the processor that a process has taken (Linux)."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:13])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    main()
