"""How near `landcover classify` comes to a bare model of pixels.

One run, with the same model and the same image: the features and the library's own `predict_proba`, with the library's
own threads, on arrays in memory, in the size that is fastest; and classification end to end, from the image file to the
Cloud Optimized GeoTIFF, the loading of the model and the pixels of the halo counted in. The image is laid out from
chips on a grid.

    python benchmarks/pixels.py models/random-forest/model.skops chips/*.tif

Wall time is what counts; on a machine that others work on, the ratio of the processor's time (CPU) tells more.
"""

import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import click
import numpy as np
from classify import lay_out

SIDES = (256, 512, 1024)
"""Pixels a side of the arrays in memory."""


@click.command(help=__doc__)
@click.argument("model", type=click.Path(path_type=Path, exists=True))
@click.argument("chips", nargs=-1, required=True)
@click.option("--side", default=4096, show_default=True, help="Pixels a side of the image.")
@click.option("--sides", multiple=True, type=int, default=SIDES, show_default=True, help="Of the arrays in memory.")
@click.option("--memory", default="2.6GB", show_default=True)
def main(model: Path, chips: tuple[str, ...], side: int, sides: tuple[int, ...], memory: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        image = Path(folder) / "image.tif"
        lay_out(chips, side, image)
        before = [bare(model, image, one) for one in sides]
        ours = child(model, image, Path(folder) / "map.tif", memory)
        after = [bare(model, image, one) for one in sides]
    megapixels = side * side / 1e6
    best = max((*before, *after), key=lambda b: b["speed"])
    thrifty = max((*before, *after), key=lambda b: b["cpu_speed"])
    speed, cpu_speed = megapixels / ours["seconds"], megapixels / ours["cpu"]
    click.echo(f"{side} x {side} px, {megapixels:.1f} Mpx, {model}\n")
    click.echo("| | features and predict_proba | end to end | ratio | peak memory |")
    click.echo("| --- " * 5 + "|")
    click.echo(
        f"| Mpx/s | {best['speed']:.3f} ({best['side']} px) | {speed:.3f} | **{speed / best['speed']:.2f}** | "
        f"{ours['peak'] / 1e9:.2f} GB |"
    )
    click.echo(
        f"| Mpx a second of CPU | {thrifty['cpu_speed']:.3f} ({thrifty['side']} px) | {cpu_speed:.3f} | "
        f"{cpu_speed / thrifty['cpu_speed']:.2f} | |"
    )


def bare(model: Path, image: Path, side: int) -> dict[str, Any]:
    """Mpx/s on a piece of the image of so many pixels a side, with a halo around it, the better of two turns."""
    from rasterio.windows import Window

    from landcover.features import features
    from landcover.image import find_image
    from landcover.model import read_card
    from landcover.pixelmodel import load_estimator

    card = read_card(model)
    halo = card.halo or 0
    estimator = load_estimator(model, card)
    if hasattr(estimator, "n_jobs"):
        estimator.n_jobs = -1
    with find_image(image).open() as reader:
        pixels, valid = reader.read(Window(0, 0, side + 2 * halo, side + 2 * halo))
    turns = []
    for _ in range(2):
        started, cpu = time.perf_counter(), time.process_time()
        made = features(pixels, valid, card.radii, halo)
        np.asarray(estimator.predict_proba(made.reshape(-1, made.shape[-1]))).argmax(axis=1)
        turns.append((time.perf_counter() - started, time.process_time() - cpu))
    megapixels = side * side / 1e6
    return {
        "side": side,
        "speed": megapixels / min(seconds for seconds, _ in turns),
        "cpu_speed": megapixels / min(cpu for _, cpu in turns),
    }


def child(model: Path, image: Path, out: Path, memory: str) -> dict[str, Any]:
    """Classification in a process of its own, so that its memory is its own."""
    given = [str(model), str(image), str(out), memory]
    done = subprocess.run([sys.executable, __file__, "--child", *given], check=True, capture_output=True, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def classify(model: str, image: str, out: str, memory: str) -> None:
    # what takes seconds before the first line of any program that uses it
    import sklearn.ensemble

    from landcover.classify.predict import classify_image
    from landcover.settings import ClassifySettings

    settings = ClassifySettings.model_validate({"model": model, "memory": memory})
    started, cpu = time.perf_counter(), time.process_time()
    classify_image(image, settings, Path(out), overwrite=True)
    seconds, spent = time.perf_counter() - started, time.process_time() - cpu
    scale = 1024 if sys.platform != "darwin" else 1
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * scale
    click.echo(json.dumps({"seconds": seconds, "cpu": spent, "peak": peak, "with": sklearn.__version__}))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        classify(*sys.argv[2:])
    else:
        main()
