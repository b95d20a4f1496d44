"""Trainings, models, maps, references and exports that cannot be."""

import shutil
import zipfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import geopandas as gpd
import h5py
import numpy as np
import pytest
from case import CONFIG, SIDE, Case, cases, config, images_and_labels, text_file, truncate
from click.testing import CliRunner
from conftest import textured, write_image, write_polygons
from rasterio.windows import Window

from landcover.classraster import class_raster
from landcover.cli import main
from landcover.grid import Grid
from landcover.raster import grid_of, open_raster
from landcover.scheme import ClassScheme

NAIP = "data/raw/naip/west.tif"
MODEL = "models/unet/model.keras"
MAP = "map.tif"
POINTS = "points.gpkg"
TRUTH = "data/raw/labels.gpkg"
OTHER = ClassScheme.model_validate(
    [{"value": 1, "name": "lake", "color": "#1f78b4"}, {"value": 2, "name": "forest", "color": "#1b7837"}]
)


def run(*arguments: str) -> None:
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0, result.stderr


def together(*steps: Callable[[], object]) -> Callable[[], None]:
    def spoil() -> None:
        for step in steps:
            step()

    return spoil


prepare = partial(run, "prepare")


def map_of(path: str, scheme: ClassScheme, values: tuple[int, ...], shift: int = 0) -> None:
    """Stripes on the ground of the western image."""
    with open_raster(NAIP) as image:
        grid = grid_of(image)
    grid = Grid(grid.crs, grid.transform.translation(shift, 0) @ grid.transform, grid.height, grid.width)
    stripes = np.resize(np.repeat(np.array(values, np.uint8), 24), (grid.height, grid.width))
    with class_raster(Path(path), grid, scheme) as target:
        target.write(stripes, Window(0, 0, grid.width, grid.height))


def drawn() -> None:
    run("points", MAP, "-o", POINTS, "--size", "60", "--set", "points.rare=10")


def judged(field: str, values: object) -> Callable[[], None]:
    def spoil() -> None:
        drawn()
        frame = gpd.read_file(POINTS, layer="points")
        frame[field] = values
        frame.to_file("judged.gpkg", layer="points")

    return spoil


def rewritten(path: str, change: Callable[[h5py.File], object]) -> Callable[[], None]:
    def spoil() -> None:
        with h5py.File(path, "r+") as file:
            change(file)

    return spoil


def loses(path: str, *members: str) -> Callable[[], None]:
    """Members of a zip archive."""

    def spoil() -> None:
        with zipfile.ZipFile(path) as whole, zipfile.ZipFile("less", "w") as less:
            for name in whole.namelist():
                if name not in members:
                    less.writestr(name, whole.read(name))
        Path("less").rename(path)

    return spoil


def gone(path: str) -> None:
    there = Path(path)
    if there.is_dir():
        shutil.rmtree(there)
    else:
        there.unlink()


def other_image(path: str, bands: int = 4, dtype: str = "uint8", **more: object) -> Callable[[], object]:
    pixels = textured(SIDE, SIDE)[:bands].astype(dtype)
    return lambda: write_image(Path(path), pixels if dtype == "uint8" else pixels * 100, **more)


TRAINING = [
    Case("no stores", "train", ("processed", "landcover prepare")),
    Case("half a store", "train", ("water.h5",), together(prepare, partial(truncate, "data/processed/train/water.h5"))),
    Case("no report", "train", ("split.json",), together(prepare, partial(gone, "data/processed/split.json"))),
    Case("half a report", "train", ("split.json",), together(prepare, partial(truncate, "data/processed/split.json"))),
    Case("no validation", "train", ("validation",), together(prepare, partial(gone, "data/processed/validation"))),
    Case("another scheme", "train", ("scheme", "landcover prepare"), together(
        prepare, lambda: config(CONFIG.replace("water", "lake")))),
    Case("chips of two splits", "train", ("water.h5", "split key", "landcover prepare"), together(
        prepare, rewritten("data/processed/train/water.h5", lambda f: f.attrs.modify("split_key", "another")))),
    Case("chips of two sizes", "train", ("water.h5", "pixel size"), together(
        prepare, rewritten("data/processed/train/water.h5", lambda f: f.attrs.modify("pixel_size", (2.0, 2.0))))),
    Case("a model that is there", "train", ("models/unet", "--overwrite"), prepare),
    Case("a net too deep for the chips", "train --overwrite --set train.net.depth=7", ("depth", "32"), prepare),
    Case("folds of more than there are", "train --folds 999", ("999",), prepare),
    Case("--plan with --folds", "train --plan --folds 2", ("--plan", "landcover train --help"), code=2),
]  # fmt: skip
MODELS = [
    Case("no model", f"classify {NAIP}", ("model.keras", "landcover train"), partial(gone, "models")),
    Case("half a model", f"classify {NAIP}", ("model.keras",), partial(truncate, MODEL)),
    Case("a text called .keras", f"classify {NAIP}", ("model.keras",), partial(text_file, MODEL)),
    Case("a model without weights", f"classify {NAIP}", ("model.keras",), loses(MODEL, "model.weights.h5")),
    Case("a model of another make", f"classify {NAIP}", ("model.keras",), loses(MODEL, "landcover.json")),
    Case("an .onnx of text", f"classify {NAIP} -m m.onnx", ("m.onnx",), partial(text_file, "m.onnx")),
    Case("a .dlpk of text", f"classify {NAIP} -m m.dlpk", ("m.dlpk",), partial(text_file, "m.dlpk")),
    Case("a model of another kind", f"classify {NAIP} -m m.pth", ("m.pth",), partial(text_file, "m.pth")),
    Case("no image", "classify north.tif", ("north.tif", "no such file")),
    Case("half an image", f"classify {NAIP}", ("west.tif",), partial(truncate, NAIP)),
    Case("three bands", "classify rgb.tif", ("rgb.tif", "3", "4"), other_image("rgb.tif", 3)),
    Case("16 bit", "classify deep.tif", ("deep.tif", "uint16", "uint8"), other_image("deep.tif", dtype="uint16")),
    Case("an image without CRS", "classify x.tif", ("x.tif", "coordinate reference"), other_image("x.tif", crs=None)),
    Case("a map on its image", f"classify {NAIP} -o {NAIP} --overwrite", ("west.tif",)),
    Case("too little memory", f"classify {NAIP} --memory 1MB", ("memory",), code=2),
    Case("no area of interest", f"classify {NAIP} --aoi aoi.gpkg", ("aoi.gpkg",)),
    Case("an area elsewhere", f"classify {NAIP} --aoi aoi.gpkg", ("aoi.gpkg",), lambda: write_polygons(
        Path("aoi.gpkg"), [(9000, 0, 9009, 9, 1)])),
    Case("a map that is there", f"classify {NAIP} -o {MAP}", (MAP, "--overwrite")),
    Case("a tile of none", f"classify {NAIP} --tile 0", ("tile",), code=2),
    Case("several images to a file", "classify data/raw/naip -o all.tif", ("all.tif", "folder"), code=2),
    Case("an unknown format", "export --to pmml", ("pmml", "onnx"), code=2),
    Case("an export of no model", "export none.keras --to onnx", ("none.keras",)),
    Case("an export of half a model", "export --to h5", ("model.keras",), partial(truncate, MODEL)),
    Case("an export that is there", "export --to h5 -o there.h5", ("there.h5", "--overwrite"), partial(
        text_file, "there.h5")),
]  # fmt: skip
MAPS = [
    Case("no map", "assess --set paths.data=elsewhere", ("which map",), code=2),
    Case("a map that is not there", "assess north.tif", ("north.tif", "no such file")),
    Case("half a map", f"assess {MAP} {TRUTH}", (MAP,), partial(truncate, MAP)),
    Case("an image for a map", f"assess {NAIP} {TRUTH}", ("west.tif",)),
    Case("a map of another scheme", f"assess {MAP} {TRUTH}", (MAP, "lake"), lambda: (
        gone(MAP), map_of(MAP, OTHER, (1, 2)))),
    Case("no reference", f"assess {MAP}", ("reference.gpkg",)),
    Case("a reference of text", f"assess {MAP} truth.gpkg", ("truth.gpkg",), partial(text_file, "truth.gpkg")),
    Case("the map for its own reference", f"assess {MAP} {MAP}", (MAP,)),
    Case("a reference elsewhere", f"assess {MAP} far.gpkg", ("far.gpkg",), lambda: write_polygons(
        Path("far.gpkg"), [(9000, 0, 9009, 9, "water")])),
    Case("a reference of other classes", f"assess {MAP} other.gpkg", ("other.gpkg", "lake"), lambda: write_polygons(
        Path("other.gpkg"), [(0, 0, 9, 9, "lake")])),
    Case("points nobody judged", f"assess {MAP} {POINTS}", (POINTS,), drawn),
    Case("points of no class", f"assess {MAP} judged.gpkg", ("judged.gpkg", "55"), judged("GrndTruth", 55)),
    Case("points of no name", f"assess {MAP} judged.gpkg", ("judged.gpkg", "lake"), judged("ClassName", "lake")),
    Case("points that are polygons", f"assess {MAP} {POINTS} --field kind", (POINTS, "kind"), drawn),
    Case("a block of 100", f"assess {MAP} {TRUTH} --set assess.block=100", ("assess.block", "100"), code=2),
    Case("points of a map of nothing", "points empty.tif", ("empty.tif",), lambda: map_of("empty.tif", OTHER, (0,))),
    Case("points of an image", f"points {NAIP}", ("west.tif",)),
    Case("points of a negative size", f"points {MAP} --size -5", ("size", "-5"), code=2),
    Case("points that are there", f"points {MAP} -o {POINTS}", (POINTS, "--overwrite"), drawn),
    Case("a report before the assessment", f"report {MAP}", ("landcover assess",)),
    Case("maps of two schemes", f"compare {MAP} b.tif {TRUTH}", ("b.tif", "lake"), lambda: map_of(
        "b.tif", OTHER, (1, 2))),
    Case("a map with itself", f"compare {MAP} {MAP} {TRUTH}", (MAP,)),
    Case("maps of two places", f"compare {MAP} b.tif {TRUTH}", ("b.tif",), lambda: map_of(
        "b.tif", OTHER_PLACE, (1, 2, 7), 5000)),
    Case("a check without a model", "labels --check", ("model.keras",), lambda: (prepare(), gone("models"))),
]  # fmt: skip
OTHER_PLACE = ClassScheme.model_validate(
    [
        {"value": 1, "name": "water", "color": "#1f78b4"},
        {"value": 2, "name": "forest", "color": "#1b7837"},
        {"value": 7, "name": "bare land", "color": "#fdbf6f"},
    ]
)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tiny_model: Path, scheme: ClassScheme) -> Path:
    """Images, labels, a model and a map."""
    monkeypatch.chdir(tmp_path)
    images_and_labels()
    Path(MODEL).parent.mkdir(parents=True)
    shutil.copy(tiny_model, MODEL)
    map_of(MAP, scheme, scheme.values)
    return tmp_path


@pytest.mark.usefixtures("project")
@cases(TRAINING)
def test_of_training_are_told_in_one_line(case: Case) -> None:
    case.check()


@pytest.mark.usefixtures("project")
@cases(MODELS)
def test_of_models_are_told_in_one_line(case: Case) -> None:
    case.check()


@pytest.mark.usefixtures("project")
@cases(MAPS)
def test_of_maps_are_told_in_one_line(case: Case) -> None:
    case.check()
