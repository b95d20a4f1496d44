"""Tiny seeded rasters and labels with known numbers."""

import os
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import geopandas as gpd
import numpy as np
import pytest
import rasterio
from affine import Affine
from click.testing import CliRunner, Result
from numpy.typing import NDArray
from shapely.geometry import box

from landcover.cli import main
from landcover.scheme import ClassScheme
from landcover.settings import NetSettings

CRS = "EPSG:26916"
ORIGIN = (500_000.0, 3_600_000.0)


@pytest.fixture(scope="session")
def scheme() -> ClassScheme:
    return ClassScheme.model_validate(
        [
            {"value": 1, "name": "water", "color": "#1f78b4"},
            {"value": 2, "name": "forest", "color": "#1b7837"},
            {"value": 7, "name": "bare land", "color": "#fdbf6f"},
        ]
    )


@pytest.fixture(scope="session")
def real_data() -> Path:
    folder = os.environ.get("LANDCOVER_REAL_DATA")
    if not folder or not Path(folder).is_dir():
        pytest.skip("LANDCOVER_REAL_DATA names no folder")
    return Path(folder).resolve()


def run(*arguments: object) -> Result:
    """`landcover ARGUMENTS`; a bug keeps its traceback."""
    result = CliRunner().invoke(main, [str(a) for a in arguments])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def write_image(
    path: Path,
    pixels: NDArray[np.generic],
    column: float = 0,
    row: float = 0,
    size: float = 1.0,
    crs: str | None = CRS,
    **more: object,
) -> Path:
    """A GeoTIFF of (bands, rows, columns), its corner at a pixel of the lattice that starts at ORIGIN."""
    path.parent.mkdir(parents=True, exist_ok=True)
    transform = Affine(size, 0, ORIGIN[0] + column * size, 0, -size, ORIGIN[1] - row * size)
    profile = {"driver": "GTiff", "count": pixels.shape[0], "height": pixels.shape[1], "width": pixels.shape[2]}
    with rasterio.open(path, "w", dtype=pixels.dtype, crs=crs, transform=transform, **(profile | more)) as dataset:
        dataset.write(pixels)
    return path


def write_polygons(path: Path, boxes: list[tuple[int, int, int, int, object]], field: str = "Classvalue") -> Path:
    """Rectangles (left, top, right, bottom in pixels of the lattice, class) as a GeoPackage."""
    x, y = ORIGIN
    shapes = [box(x + left, y - bottom, x + right, y - top) for left, top, right, bottom, _ in boxes]
    gpd.GeoDataFrame({field: [b[4] for b in boxes]}, geometry=shapes, crs=CRS).to_file(path, layer="labels")
    return path


@pytest.fixture
def noise() -> Callable[..., NDArray[np.uint8]]:
    def make(rows: int, columns: int, bands: int = 4, seed: int = 0) -> NDArray[np.uint8]:
        return np.random.default_rng(seed).integers(1, 255, (bands, rows, columns), np.uint8)

    return make


@pytest.fixture
def undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pictures of a training, which take longer than its steps on tiny chips, are files that show nothing."""

    def draw(*given: object) -> None:
        path = next(part for part in given if isinstance(part, Path))
        path.write_text("drawn")

    monkeypatch.setattr("landcover.train.fit.draw_chips", draw)
    monkeypatch.setattr("landcover.train.record.draw_curves", draw)


def textured(rows: int, columns: int) -> NDArray[np.uint8]:
    """Noise (4, rows, columns) with something to see at every scale; nowhere 0."""
    random = np.random.default_rng(1)
    image = sum(
        np.kron(random.normal(0, 30, (4, rows // n + 1, columns // n + 1)), np.ones((n, n)))[:, :rows, :columns]
        for n in (1, 8, 40)
    )
    return np.clip(image + 128, 1, 255).astype(np.uint8)


@pytest.fixture(scope="session")
def random_model(tmp_path_factory: pytest.TempPathFactory, scheme: ClassScheme) -> Path:
    """A network that looks as far as that of the defaults, with few filters."""
    return write_model(tmp_path_factory.mktemp("model") / "model.keras", scheme, NetSettings(filters=4))


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory, scheme: ClassScheme) -> Path:
    """For what does not depend on the network."""
    return write_model(tmp_path_factory.mktemp("tiny") / "model.keras", scheme, NetSettings(depth=2, filters=2))


def write_model(path: Path, scheme: ClassScheme, settings: NetSettings) -> Path:
    """A model with random weights: its map is all the more fragile."""
    from landcover.field import receptive_field
    from landcover.model import ModelCard, save_model
    from landcover.train.unet import build_unet

    network = build_unet(4, len(scheme), [128.0] * 4, [70.0] * 4, seed=5, settings=settings)
    random = np.random.default_rng(0)
    last = network.get_layer("logits")
    last.set_weights([random.normal(0, 1, w.shape) for w in last.get_weights()])
    halo, multiple = receptive_field(network)
    card = ModelCard(
        scheme=scheme, bands=4, dtype="uint8", mean=(128.0,) * 4, deviation=(70.0,) * 4, pixel_size=(1.0, 1.0),
        chip_size=256, halo=halo, multiple=multiple, split="blocks", pixels={}, scores={},
    )  # fmt: skip
    save_model(network, card, path)
    return path
