"""How near `landcover classify` comes to the bare model.

One run, on the same weights and the same image: the model's forward pass on arrays in memory, in the batch shape that
is fastest, and classification end to end, from the image file to the Cloud Optimized GeoTIFF, the loading and compiling
of the model and the pixels of the halo counted in. The image is laid out from chips on a grid.

    python benchmarks/classify.py models/unet/model.keras chips/*.tif

`--precision onnx` does the same with the model that `landcover export --to onnx` makes of it, by ONNX Runtime.
"""

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import numpy as np
import rasterio
from affine import Affine
from rasterio.windows import Window

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
SHAPES = ((16, 256), (4, 512), (1, 1024))
"""Batches of chips, pixels a side."""


@click.command(help=__doc__)
@click.argument("model", type=click.Path(path_type=Path, exists=True))
@click.argument("chips", nargs=-1, required=True)
@click.option("--side", default=10_240, show_default=True, help="Pixels a side of the image.")
@click.option("--memory", default="2.6GB", show_default=True)
@click.option("--precision", "precisions", multiple=True, default=["float32", "bfloat16"], show_default=True)
@click.option("--folder", type=click.Path(path_type=Path), help="For the image and the maps.  [default: temporary]")
def main(
    model: Path, chips: tuple[str, ...], side: int, memory: str, precisions: tuple[str, ...], folder: Path
) -> None:
    with tempfile.TemporaryDirectory() as temporary:
        folder = folder or Path(temporary)
        folder.mkdir(exist_ok=True, parents=True)
        image = folder / f"image_{side}.tif"
        if not image.exists():
            lay_out(chips, side, image)
        rows = []
        for precision in precisions:
            before = bare(model, chips, precision)
            ours = child(model, image, folder / f"map_{precision}.tif", precision, memory)
            after = bare(model, chips, precision)
            rows.append((precision, max((before, after), key=lambda b: b["speed"]), ours))
        tell(side, rows)
        if len(rows) == 2:
            agree(*(folder / f"map_{precision}.tif" for precision in precisions))


def lay_out(chips: tuple[str, ...], side: int, path: Path, rows: int | None = None) -> None:
    """A tiled, compressed image of chips in random order, `side` pixels wide and high, or of so many rows."""
    rows = rows or side
    arrays = []
    for chip in chips:
        with rasterio.open(chip) as dataset:
            arrays.append(dataset.read())
            crs, size = dataset.crs, dataset.transform.a
    height = arrays[0].shape[1]
    random = np.random.default_rng(0)
    profile = {"driver": "GTiff", "dtype": "uint8", "count": arrays[0].shape[0], "height": rows, "width": side}
    transform = Affine(size, 0, 277_000, 0, -size, 4_298_000)
    with rasterio.open(
        path, "w", crs=crs, transform=transform, tiled=True, blockxsize=512, blockysize=512, compress="deflate",
        photometric="RGB", alpha="unspecified", BIGTIFF="IF_SAFER", **profile,
    ) as dataset:  # fmt: skip
        for row in range(0, rows, height):
            picked = random.integers(0, len(arrays), -(-side // height))
            strip = np.concatenate([arrays[n] for n in picked], axis=2)[:, : rows - row, :side]
            dataset.write(strip, window=Window(0, row, side, strip.shape[1]))


def bare(model: Path, chips: tuple[str, ...], precision: Any) -> dict[str, Any]:
    """Mpx/s of `predict_on_batch`, or of ONNX Runtime, in the batch shape that is fastest."""
    forward = forward_pass(model, precision)
    arrays = []
    for chip in chips[:16]:
        with rasterio.open(chip) as dataset:
            arrays.append(np.moveaxis(dataset.read(), 0, -1).astype(np.float32))
    pool = np.stack(arrays)
    best: dict[str, Any] = {"speed": 0.0}
    for batch, side in SHAPES:
        tiles = side // pool.shape[1]
        picked = np.resize(pool, (batch, tiles, tiles, *pool.shape[1:]))
        given = picked.transpose(0, 1, 3, 2, 4, 5).reshape(batch, side, side, -1)
        forward(given)
        times = []
        for _ in range(8):
            started = time.perf_counter()
            forward(given)
            times.append(time.perf_counter() - started)
        # the mean, as classification has slow and fast moments too
        speed = given.shape[0] * side * side / 1e6 / float(np.mean(times))
        if speed > best["speed"]:
            best = {"speed": speed, "shape": f"{batch} x {side} px"}
    return best


def forward_pass(model: Path, precision: Any) -> Callable[[Any], Any]:
    if precision != "onnx":
        from landcover.model import load_network, read_card
        from landcover.pooling import of_any_size

        network = load_network(model, precision)
        # Keras 3.15 enlarges bilinearly only what has a size before it runs
        return (of_any_size(network) if read_card(model).blended else network).predict_on_batch
    from onnxruntime import InferenceSession

    session = InferenceSession(exported(model), providers=["CPUExecutionProvider"])
    return lambda images: session.run(None, {"image": np.ascontiguousarray(np.moveaxis(images, -1, 1))})


def exported(model: Path) -> Path:
    """The model as ONNX, beside it."""
    from landcover.export import export

    out = model.with_suffix(".onnx")
    return out if out.exists() else export(model, "onnx", out)


def child(model: Path, image: Path, out: Path, precision: str, memory: str) -> dict[str, Any]:
    """Classification in a process of its own, so that its memory is its own."""
    model, precision = (exported(model), "float32") if precision == "onnx" else (model, precision)
    given = [str(model), str(image), str(out), precision, memory]
    done = subprocess.run([sys.executable, __file__, "--child", *given], check=True, capture_output=True, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def classify(model: str, image: str, out: str, precision: str, memory: str) -> None:
    if model.endswith(".keras"):
        import keras  # noqa: F401  what takes seconds before the first line of any program that uses it

    from landcover.classify.predict import classify_image
    from landcover.settings import ClassifySettings

    settings = ClassifySettings.model_validate({"model": model, "precision": precision, "memory": memory})
    started = time.perf_counter()
    made = classify_image(image, settings, Path(out), overwrite=True)
    seconds = time.perf_counter() - started
    scale = 1024 if sys.platform != "darwin" else 1
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * scale
    timing, tiling = vars(made.timing), made.tiling
    overhead = (1 + 2 * tiling.halo / tiling.rows) * (1 + 2 * tiling.halo / tiling.columns)
    record = {"seconds": seconds, "peak": peak, "timing": timing, "overhead": overhead, "tile": tiling.rows}
    click.echo(json.dumps(record))


def tell(side: int, rows: list[tuple[str, dict[str, Any], dict[str, Any]]]) -> None:
    click.echo(f"{side} x {side} px, {side * side / 1e6:.1f} Mpx\n")
    click.echo(
        "| precision | bare model, Mpx/s | end to end, Mpx/s | ratio | tile, px | read for the halo | model | waits |"
        " GeoTIFF | reading beside it | writing beside it | peak memory |"
    )
    click.echo("| --- " * 12 + "|")
    for precision, best, ours in rows:
        speed, seconds, timing = side * side / 1e6 / ours["seconds"], ours["seconds"], ours["timing"]
        share = {key: f"{100 * value / seconds:.0f} %" for key, value in timing.items()}
        click.echo(
            f"| {precision} | {best['speed']:.2f} ({best['shape']}) | {speed:.2f} | **{speed / best['speed']:.2f}** | "
            f"{ours['tile']} | {100 * (ours['overhead'] - 1):.0f} % | {share['model']} | {share['wait']} | "
            f"{share['finish']} | {share['read']} | {share['write']} | {ours['peak'] / 1e9:.2f} GB |"
        )


def agree(one: Path, other: Path) -> None:
    same = total = 0
    with rasterio.open(one) as a, rasterio.open(other) as b:
        for _, window in a.block_windows(1):
            first, second = a.read(1, window=window), b.read(1, window=window)
            same, total = same + int((first == second).sum()), total + first.size
    click.echo(f"\nThe two maps agree on {100 * same / total:.2f} % of the pixels.")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        classify(*sys.argv[2:])
    else:
        main()
