"""Images and labels that cannot be used, and stages called before what they need is there."""

import sqlite3
from functools import partial
from pathlib import Path

import geopandas as gpd
import h5py
import numpy as np
import pytest
import rasterio
from affine import Affine
from case import CONFIG, SIDE, Case, cases, config, images_and_labels, text_file, truncate
from click.testing import CliRunner
from conftest import textured, write_image, write_polygons
from shapely.geometry import LineString, Point

from landcover.cli import main

NAIP = Path("data/raw/naip")
EAST = NAIP / "east.tif"
LABELS = Path("data/raw/labels.gpkg")
RASTER = Path("data/raw/labels.tif")


def other_image(bands: int = 4, **more: object) -> None:
    pixels = textured(SIDE, 96)[:bands]
    write_image(EAST, pixels.astype(more.pop("dtype", "uint8")), column=64, **more)


def turned() -> None:
    with rasterio.open(EAST, "r+") as dataset:
        dataset.transform = dataset.transform @ Affine.rotation(30)


def no_images() -> None:
    for image in NAIP.iterdir():
        image.unlink()


def only_text() -> None:
    no_images()
    text_file(str(NAIP / "readme.txt"))


def complex_numbers() -> None:
    no_images()
    write_image(EAST, textured(SIDE, SIDE).astype(np.complex64))


def without_reference() -> None:
    with sqlite3.connect(LABELS) as database:
        database.execute("UPDATE gpkg_geometry_columns SET srs_id = -1")
        database.execute("UPDATE gpkg_contents SET srs_id = -1")


def shapes(made: list[object], names: list[object] | None = None, crs: str = "EPSG:26916") -> None:
    LABELS.unlink()
    frame = gpd.GeoDataFrame({"Classvalue": names or ["water"] * len(made)}, geometry=made, crs=crs)
    frame.to_file(LABELS, layer="labels")


def empty_layer() -> None:
    with sqlite3.connect(LABELS) as database:
        database.execute("DROP TRIGGER IF EXISTS rtree_labels_geom_delete")
        database.execute("DELETE FROM labels")


def second_layer() -> None:
    gpd.read_file(LABELS).to_file(LABELS, layer="more")


def label_raster(pixels: np.ndarray, **more: object) -> None:
    write_image(RASTER, pixels, **more)
    config(CONFIG + "labels: {source: data/raw/labels.tif}\n")


def prepared(*stages: str) -> None:
    for stage in stages:
        assert CliRunner().invoke(main, [stage]).exit_code == 0


def after(*stages: str, then: object = None) -> partial[None]:
    def spoil() -> None:
        prepared(*stages)
        if callable(then):
            then()

    return partial(spoil)


def store_cut_short() -> None:
    truncate("data/processed/train/water.h5")


def store_of_another_kind() -> None:
    with h5py.File("data/processed/train/water.h5", "w") as file:
        file["numbers"] = [1, 2, 3]


CASES = [
    Case("no folder of images", "mosaic", ("data/raw/naip", "no"), lambda: (no_images(), NAIP.rmdir())),
    Case("an empty folder", "mosaic", ("data/raw/naip",), no_images),
    Case("a folder of texts", "mosaic", ("data/raw/naip",), only_text),
    Case("an image that is not there", "mosaic data/raw/naip/north.tif", ("north.tif", "no such file")),
    Case("a pattern that fits nothing", "mosaic data/raw/naip/*.jp2", ("*.jp2",)),
    Case("a text called .tif", "mosaic", ("east.tif",), partial(text_file, str(EAST))),
    Case("an empty file", "mosaic", ("east.tif",), partial(truncate, str(EAST), 0)),
    Case("half an image", "mosaic", ("east.tif",), partial(truncate, str(EAST))),
    Case("three bands beside four", "mosaic", ("east.tif", "bands 3, but 4"), partial(other_image, 3)),
    Case("16 bit beside 8", "mosaic", ("east.tif", "uint16, but uint8"), partial(other_image, dtype="uint16")),
    Case("no CRS", "mosaic", ("east.tif", "no coordinate reference system"), partial(other_image, crs=None)),
    Case("a turned image", "mosaic", ("east.tif", "rotated"), turned),
    Case("complex numbers", "mosaic", ("east.tif", "complex64"), complex_numbers),
    Case("an order that is none", "mosaic --set mosaic.order=biggest", ("mosaic.order", "biggest"), code=2),
    Case("no mosaic yet", "labels", ("mosaic.vrt", "landcover mosaic")),
    Case("no labels", "labels", ("labels.gpkg",), after("mosaic", then=LABELS.unlink)),
    Case("labels of text", "labels", ("labels.gpkg",), after("mosaic", then=partial(text_file, str(LABELS)))),
    Case("half the labels", "labels", ("labels.gpkg",), after("mosaic", then=partial(truncate, str(LABELS)))),
    Case("labels without CRS", "labels", ("labels.gpkg", "CRS"), after("mosaic", then=without_reference)),
    Case("an empty layer", "labels", ("labels.gpkg",), after("mosaic", then=empty_layer)),
    Case("two layers", "labels", ("labels.gpkg", "more"), after("mosaic", then=second_layer)),
    Case("points", "labels", ("labels.gpkg", "Point"), after("mosaic", then=partial(shapes, [Point(500010, 3599990)]))),
    Case("lines", "labels", ("labels.gpkg", "LineString"), after(
        "mosaic", then=partial(shapes, [LineString([(500010, 3599990), (500020, 3599980)])]))),
    Case("a class that is none", "labels", ("labels.gpkg", "lake"), after(
        "mosaic", then=lambda: write_polygons(LABELS, [(0, 0, 9, 9, "lake")]))),
    Case("a value that is none", "labels", ("labels.gpkg", "5"), after(
        "mosaic", then=lambda: write_polygons(LABELS, [(0, 0, 9, 9, 5)]))),
    Case("a value of 300", "labels", ("labels.gpkg", "300"), after(
        "mosaic", then=lambda: write_polygons(LABELS, [(0, 0, 9, 9, 300)]))),
    Case("half a class", "labels", ("labels.gpkg", "1.5"), after(
        "mosaic", then=lambda: write_polygons(LABELS, [(0, 0, 9, 9, 1.5)]))),
    Case("no class at all", "labels", ("labels.gpkg",), after(
        "mosaic", then=lambda: write_polygons(LABELS, [(0, 0, 9, 9, None)]))),
    Case("a field that is none", "labels --set labels.field=kind", ("labels.gpkg", "kind"), after("mosaic")),
    Case("no field of classes", "labels", ("labels.gpkg", "labels.field"), after(
        "mosaic", then=lambda: write_polygons(LABELS, [(0, 0, 9, 9, "x")], "remark"))),
    Case("labels far away", "labels", ("labels.gpkg",), after(
        "mosaic", then=lambda: write_polygons(LABELS, [(9000, 0, 9009, 9, "water")]))),
    Case("degrees called metres", "labels", ("labels.gpkg",), after(
        "mosaic", then=partial(shapes, [Point(-87, 32).buffer(0.001)]))),
    Case("a raster of 16 bit", "labels", ("labels.tif", "300"), after(
        "mosaic", then=lambda: label_raster(np.full((1, SIDE, SIDE), 300, np.uint16)))),
    Case("a raster of four bands", "labels", ("labels.tif", "band"), after(
        "mosaic", then=lambda: label_raster(textured(SIDE, SIDE)))),
    Case("a raster of fractions", "labels", ("labels.tif",), after(
        "mosaic", then=lambda: label_raster(np.full((1, SIDE, SIDE), 1.5, np.float32)))),
    Case("a raster without CRS", "labels", ("labels.tif", "coordinate reference system"), after(
        "mosaic", then=lambda: label_raster(np.ones((1, SIDE, SIDE), np.uint8), crs=None))),
    Case("a raster elsewhere", "labels", ("labels.tif",), after(
        "mosaic", then=lambda: label_raster(np.ones((1, SIDE, SIDE), np.uint8), column=9000))),
    Case("no labels yet", "chips", ("labels.tif", "landcover labels"), after("mosaic")),
    Case("chips larger than the mosaic", "chips --set chips.size=256", ("mosaic.vrt", "160 x 160"), after(
        "mosaic", "labels")),
    Case("no chip with labels enough", "chips --set chips.max_background=0", ("max_background",), after(
        "mosaic", then=lambda: (write_polygons(LABELS, [(0, 0, 9, 9, "water")]), prepared("labels")))),
    Case("half the labels.tif", "chips", ("labels.tif",), after(
        "mosaic", "labels", then=partial(truncate, "data/interim/labels.tif"))),
    Case("an image gone since", "chips", ("east.tif",), after("mosaic", "labels", then=EAST.unlink)),
    Case("no chips yet", "stack", ("landcover chips",), after("mosaic", "labels")),
    Case("half a chip", "stack", ("000000000.tif",), after(
        "mosaic", "labels", "chips", then=partial(truncate, "data/interim/chips/images/000000000.tif"))),
    Case("no stores yet", "augment", ("landcover stack",), after("mosaic", "labels", "chips")),
    Case("half a store", "augment --overwrite", ("water.h5",), after("prepare", then=store_cut_short)),
    Case("another HDF5", "augment --overwrite", ("water.h5",), after("prepare", then=store_of_another_kind)),
    Case("a mosaic of unknown make", "mosaic", ("mosaic", "--overwrite"), after(
        "mosaic", then=Path("data/interim/mosaic/run.json").unlink)),
    Case("an ArcGIS folder of nothing", "chips --from-esri data/raw", ("data/raw",)),
]  # fmt: skip


@cases(CASES)
def test_is_told_in_one_line(case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    images_and_labels()
    case.check()
