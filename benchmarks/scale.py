"""What a Dask cluster gains on one machine, and what it costs.

    python benchmarks/scale.py speed models/unet/model.keras chips/*.tif
    python benchmarks/scale.py simulate --images 3000 --seconds 0.5 --threads 8

`speed` maps one image, laid out from chips on a grid, in cells: by one process of one thread without Dask, by one
worker of one thread, by two of them, in turns. Workers have loaded the model before. Cells that are a multiple of the
tiles of the whole image tell what Dask costs; others have smaller tiles, which read more for their halo.

`simulate` sends items that only wait through a scheduler and workers of their own, as so many images of so much work.
It compares the time with what the work needs, and says how the memory of the client grew.
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
from pathlib import Path

import click

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
ONE_THREAD = {"TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1", "OMP_NUM_THREADS": "1",
              "GDAL_NUM_THREADS": "1"}  # fmt: skip


@click.group(help=__doc__)
def main() -> None:
    pass


@main.command()
@click.argument("model", type=click.Path(path_type=Path, exists=True))
@click.argument("chips", nargs=-1, required=True)
@click.option("--side", default=7_680, show_default=True, help="Pixels a side of the image.")
@click.option("--cell", default=3_072, show_default=True, help="Pixels a side of the cells.")
@click.option("--turns", default=3, show_default=True)
def speed(model: Path, chips: tuple[str, ...], side: int, cell: int, turns: int) -> None:
    """Two workers over one, and one over none."""
    from classify import lay_out

    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        image, small = folder / "image.tif", folder / "small.tif"
        lay_out(chips, side, image)
        lay_out(chips, 1024, small)
        seconds: dict[str, list[float]] = {"none": [], "1 worker": [], "2 workers": []}
        with cluster(1) as one, cluster(2) as two:
            for address, out in ((one, "one"), (two, "two")):
                spread(model, small, folder / f"small_{out}.vrt", address, 512)
            for turn in range(turns):
                seconds["none"].append(alone(model, image, folder / f"alone_{turn}.tif"))
                seconds["1 worker"].append(spread(model, image, folder / f"one_{turn}.vrt", one, cell))
                seconds["2 workers"].append(spread(model, image, folder / f"two_{turn}.vrt", two, cell))
    best = {name: min(times) for name, times in seconds.items()}
    click.echo(f"{side} x {side} px, {side * side / 1e6:.1f} Mpx, cells of {cell} px, one thread each, {turns} turns\n")
    click.echo("| | seconds, all turns | Mpx/s, best |\n| --- | --- | --- |")
    for name, times in seconds.items():
        click.echo(f"| {name} | {', '.join(f'{t:.1f}' for t in times)} | {side * side / 1e6 / best[name]:.2f} |")
    medians = {name: statistics.median(times) for name, times in seconds.items()}
    click.echo(f"\ntwo workers over one: {medians['1 worker'] / medians['2 workers']:.2f} times as fast")
    click.echo(f"one worker over no Dask: {100 * (medians['1 worker'] / medians['none'] - 1):+.1f} % of time")


@contextmanager
def cluster(workers: int, threads: int = 1) -> Iterator[str]:
    """The address of a scheduler with workers, each a process of its own."""
    told = Path(tempfile.mkdtemp()) / "scheduler.json"
    begin = [sys.executable, "-m"]
    parts = [
        ["distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard"],
        ["distributed.cli.dask_worker", "--host", "127.0.0.1", "--nworkers", str(workers), "--nthreads", str(threads),
         "--memory-limit", "0", "--no-dashboard"],
    ]  # fmt: skip
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": told.parent}
    started = [subprocess.Popen([*begin, *part, "--scheduler-file", str(told)], **quiet) for part in parts]
    try:
        while not told.exists():
            time.sleep(0.1)
        address = json.loads(told.read_text())["address"]
        from distributed import Client

        with Client(address, set_as_default=False) as client:
            client.wait_for_workers(workers)
        yield address
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
    done = subprocess.run(
        [sys.executable, __file__, "child", str(model), str(image), str(out)], env=os.environ | ONE_THREAD, check=True,
        capture_output=True, text=True,
    )  # fmt: skip
    return float(done.stdout.split()[-1])


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

    memory = []
    with cluster(workers, threads) as address, open_cluster(Machines(scheduler=address)) as spread_out:
        list(spread_out.each(wait, [(0, 0.0)] * workers * threads))
        started = time.perf_counter()
        for number, outcome in enumerate(spread_out.each(wait, pieces)):
            assert outcome.trouble is None
            if number % max(1, images // 10) == 0:
                memory.append(resident())
        took = time.perf_counter() - started
    needed = sum(piece[1] for piece in pieces) / (workers * threads)
    click.echo(f"{images:,} items of {seconds} s on average, {workers} processes of {threads} threads")
    click.echo(f"took {took:.1f} s, the work needs {needed:.1f} s: {100 * (took / needed - 1):+.1f} %")
    click.echo(f"memory of the client, MB: {', '.join(f'{m / 1e6:.0f}' for m in memory)}")


def resident() -> int:
    """Bytes of main memory that this process takes now (Linux)."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


if __name__ == "__main__":
    main()
