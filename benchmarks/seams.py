"""Whether borders of tiles show in the maps of a network whose tiles are blended.

The figure that `landcover classify` prints of one scene is uncertain, for the ground at the borders is what it happens
to be. Here a scene is mapped as many times as a tile has strides of the network, each time cut out a stride further,
so that each line of the ground is at a border of tiles once, and in each other place of a tile once: the same ground is
compared with itself.

    python benchmarks/seams.py models/pspnet/model.keras scene.tif

The scene has to be larger than three tiles.
"""

import tempfile
from pathlib import Path

import click
import numpy as np
import rasterio
from rasterio.windows import Window, bounds

from landcover.classify.predict import classify_image
from landcover.errors import ConfigError
from landcover.model import read_card
from landcover.settings import ClassifySettings

DRAWS = 2000
"""Of the bootstrap by which the interval is told."""


@click.command(help=__doc__)
@click.argument("model", type=click.Path(path_type=Path, exists=True))
@click.argument("scene", type=click.Path(path_type=Path, exists=True))
@click.option("--tile", default=160, show_default=True, help="Pixels a side of what a tile adds to the map.")
@click.option("--halo", type=int, help="Pixels around a tile that are blended.  [default: the model's]")
@click.option("--precision", default="bfloat16", show_default=True)
def main(model: Path, scene: Path, tile: int, halo: int | None, precision: str) -> None:
    card = read_card(model)
    if not card.blended:
        raise ConfigError(f"{model}: its maps are exact: name a network whose tiles are blended")
    around, stride = card.margin if halo is None else halo, card.multiple
    settings = ClassifySettings.model_validate({"model": model, "precision": precision, "tile": tile, "halo": around})
    number = tile // stride
    with tempfile.TemporaryDirectory() as folder, rasterio.open(scene) as dataset:
        side = min(dataset.shape) - tile
        # along the lines, down and right; by how far they are from a border; in parts of the ground of one tile
        parts = (side - tile) // tile
        if parts < 2:
            raise ConfigError(f"{scene}: must be larger than three tiles of {tile} px")
        changes = np.zeros((2, number, parts, parts))
        for n in range(number):
            offset = (n * stride, (n + number // 2) % number * stride)
            window = Window(offset[1], offset[0], side, side)
            image, out = Path(folder) / "image.tif", Path(folder) / "map.tif"
            place = rasterio.transform.from_bounds(*bounds(window, dataset.transform), side, side)
            known = dataset.profile | {"width": side, "height": side, "transform": place}
            with rasterio.open(image, "w", **known) as cut:
                cut.write(dataset.read(window=window))
            made = classify_image(image, settings, out, overwrite=True).tiling
            if (made.rows, made.columns) != (tile, tile):
                raise ConfigError(f"--tile {tile}: {side} px are cut into tiles of {made.rows} px: give another size")
            with rasterio.open(out) as mapped:
                classes = mapped.read(1)
            for axis in (0, 1):
                turned, (down, right) = (classes, offset) if axis == 0 else (classes.T, offset[::-1])
                # the ground that all maps show within their outermost tiles
                lines, across = np.arange(tile, tile + parts * tile, stride), slice(tile - right, None)
                one, other = turned[lines - down - 1, across], turned[lines - down, across]
                differ = (one != other)[:, : parts * tile].reshape(len(lines), parts, tile).sum(axis=2)
                of_ground = changes[axis] if axis == 0 else changes[axis].swapaxes(1, 2)
                np.add.at(of_ground, ((lines - down) // stride % number, lines // tile - 1), differ)
            click.echo(f"{n + 1:3} of {number}", err=True)
    distance = np.minimum(np.arange(number), number - np.arange(number)) * stride
    beside = (distance > 0) & (distance <= (around or tile))
    border, others = changes[:, 0], changes[:, beside].mean(axis=1)
    if not others.sum():
        raise ConfigError(f"{scene}: next to no class changes in it: name a scene with more than one")
    # parts of the ground are drawn, each with all that was counted of it
    drawn = np.random.default_rng(0).multinomial(parts**2, np.full(parts**2, parts**-2.0), DRAWS)
    ratios = (drawn @ border.sum(axis=0).ravel()) / (drawn @ others.sum(axis=0).ravel())
    low, high = np.quantile(ratios, (0.025, 0.975))
    click.echo(
        f"{number} maps of {side} x {side} px, {precision}, {2 * around} px of two tiles blended: classes change "
        f"{border.sum() / others.sum():.3f} times ({low:.3f} to {high:.3f}) as often across borders of tiles as beside "
        f"them on the same ground"
    )


if __name__ == "__main__":
    main()
