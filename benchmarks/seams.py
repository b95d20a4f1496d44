"""Whether borders of tiles show in the maps of a network that sees all of a tile.

The figure that `landcover classify` prints of one scene is uncertain, for the ground at the borders is what it happens
to be. Here a scene is mapped many times, each time cut out elsewhere in it, so that each place is at a border of tiles
as often as any other; all maps are of one size, and count together.

    python benchmarks/seams.py models/pspnet/model.keras scene.tif

The scene has to be larger than a map by the side of a tile.
"""

import tempfile
from pathlib import Path

import click
import rasterio
from rasterio.windows import Window, bounds

from landcover.classify.predict import classify_image
from landcover.classify.seams import Seams
from landcover.errors import ConfigError
from landcover.model import read_card
from landcover.settings import ClassifySettings


@click.command(help=__doc__)
@click.argument("model", type=click.Path(path_type=Path, exists=True))
@click.argument("scene", type=click.Path(path_type=Path, exists=True))
@click.option("--number", default=20, show_default=True, help="How many maps.")
@click.option("--halo", type=int, help="Pixels around a tile that are blended.  [default: the model's]")
@click.option("--precision", default="bfloat16", show_default=True)
def main(model: Path, scene: Path, number: int, halo: int | None, precision: str) -> None:
    card = read_card(model)
    if not card.blended:
        raise ConfigError(f"{model}: its maps are exact: name a network that sees all of a tile")
    given = {"model": model, "precision": precision} | ({} if halo is None else {"halo": halo})
    settings, around = ClassifySettings.model_validate(given), card.margin if halo is None else halo
    tile = card.chip_size - 2 * around
    seams, single = Seams(card.multiple, around), []
    with tempfile.TemporaryDirectory() as folder, rasterio.open(scene) as dataset:
        side = min(dataset.shape) - tile
        for n in range(number):
            down, right = (step % number * tile // number for step in (n, n + number // 2))
            window = Window(right, down, side, side)
            image, out = Path(folder) / "image.tif", Path(folder) / "map.tif"
            place = rasterio.transform.from_bounds(*bounds(window, dataset.transform), side, side)
            known = dataset.profile | {"width": side, "height": side, "transform": place}
            with rasterio.open(image, "w", **known) as cut:
                cut.write(dataset.read(window=window))
            made = classify_image(image, settings, out, overwrite=True)
            with rasterio.open(out) as mapped:
                classes = mapped.read(1)
            for part in made.tiling.tiles(side, side):
                rows, columns = part.centre.toslices()
                seams.add(classes[rows, columns], part.centre)
            if made.borders:
                single.append(made.borders.ratio)
                click.echo(f"{n + 1:3} of {number}: {made.borders.ratio:.3f}", err=True)
    if not seams.borders or not single:
        raise ConfigError(f"{scene}: next to no class changes in it: name a scene with more than one")
    click.echo(
        f"{number} maps of {side} x {side} px, {precision}, {2 * around} px of two tiles blended: classes change "
        f"{seams.borders.ratio:.3f} times as often across borders of tiles; single maps from {min(single):.2f} to "
        f"{max(single):.2f}"
    )


if __name__ == "__main__":
    main()
