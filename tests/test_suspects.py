from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import shapely
from click.testing import CliRunner
from conftest import write_image, write_polygons
from rasterio.windows import Window

from landcover.assess.suspects import Suspects, find_suspects, labelled_squares
from landcover.classraster import map_rasters
from landcover.cli import main
from landcover.cli.summary_suspects import suspects
from landcover.errors import LabelError, OutputExists
from landcover.grid import Grid
from landcover.prepare.labels import labels
from landcover.prepare.mosaic import mosaic
from landcover.raster import grid_of, open_raster
from landcover.settings import LabelSettings, MosaicSettings

DRAWN = [(0, 0, 20, 20, 1), (40, 0, 60, 20, 2), (0, 40, 30, 70, 7), (40, 40, 44, 44, 1), (90, 90, 100, 100, 2)]


def _scene(folder: Path, noise, scheme) -> tuple[Path, LabelSettings, Grid]:
    write_image(folder / "naip/a.tif", noise(100, 100))
    write_polygons(folder / "l.gpkg", DRAWN)
    made = mosaic(MosaicSettings(images=(str(folder / "naip"),)), folder / "mosaic")
    settings = LabelSettings(source=(str(folder / "l.gpkg"),))
    labels(made.path, settings, scheme, folder / "labels.tif")
    return folder / "labels.tif", settings, made.grid


def _map(folder: Path, grid: Grid, scheme) -> tuple[Path, Path]:
    """The first polygon is contradicted by a half that is sure, the second by all of it that is not, the third by a
    little, the fourth by all that is sure, and of the fifth nothing is mapped."""
    classes, sure = np.zeros((100, 100), np.uint8), np.full((100, 100), 90, np.uint8)
    for left, top, right, bottom, value in DRAWN:
        classes[top:bottom, left:right] = value
    classes[0:20, 0:12] = 2
    classes[0:20, 40:60], sure[0:20, 40:60] = 7, 40
    classes[40:42, 0:30] = 1
    classes[40:44, 40:44] = 7
    classes[90:, 90:] = 0
    paths = folder / "map.tif", folder / "map_confidence.tif"
    with map_rasters(paths[0], grid, scheme, {}, {}, paths[1]) as targets:
        for target, pixels in zip(targets, (classes, sure), strict=True):
            target.write(pixels, grid.whole)
    return paths


@pytest.mark.parametrize("raster", [False, True])
def test_polygons_that_a_sure_map_contradicts_come_first(tmp_path, noise, scheme, raster: bool) -> None:
    path, settings, grid = _scene(tmp_path, noise, scheme)
    if raster:
        settings = LabelSettings(source=(str(path),))
    made = find_suspects(*_map(tmp_path, grid, scheme), path, settings, scheme, tmp_path / "suspects.gpkg")
    assert made.polygons == 5
    table = gpd.read_file(made.path)
    assert table["rank"].tolist() == [1, 2, 3]
    assert table["label_name"].tolist() == ["water", "water", "forest"]
    assert table["suspected_name"].tolist() == ["forest", "bare land", "bare land"]
    # ids of a GeoPackage begin with 1
    assert table["feature"].tolist() == ([None] * 3 if raster else [1, 4, 2])
    assert set(table["file"]) == ({None} if raster else {str(tmp_path / "l.gpkg")})
    x, y = grid.pixel_metres
    np.testing.assert_allclose(table["area_m2"], np.array([400, 16, 400]) * x * y, atol=0.06)
    np.testing.assert_allclose(table["doubt"], [0.6 * 0.9, 0.9, 0.4], atol=1e-3)
    np.testing.assert_allclose(table["doubt_m2"], np.array([216, 14.4, 160]) * x * y, atol=0.06)
    np.testing.assert_allclose(table.geometry.area, np.array([400, 16, 400]) * np.prod(grid.pixel_size), rtol=1e-6)
    with pytest.raises(OutputExists):
        find_suspects(tmp_path / "map.tif", tmp_path / "map.tif", path, settings, scheme, made.path)


def test_the_table_of_suspects_has_whole_names_and_says_what_it_ranks_by(tmp_path) -> None:
    rows = {
        "rank": [1, 2], "label_name": ["planted or dark cropland", "water"], "suspected_name": ["water", "bare land"],
        "area_m2": [1234.0, 50.0], "doubt": [0.6, 0.261], "file": ["a/one.gpkg"] * 2, "feature": [12, 7],
    }  # fmt: skip
    table = gpd.GeoDataFrame(rows, geometry=[shapely.box(0, 0, 2, 2), shapely.box(4, 0, 6, 2)])
    lines = suspects(Suspects(Path("s.gpkg"), 9, table)).splitlines()
    assert lines[:3] == [
        "   label                     the model says  area, m2  doubt  feature  at",
        "1  planted or dark cropland  water              1,234    60%       12  1.0, 1.0",
        "2  water                     bare land             50    26%        7  5.0, 1.0",
    ]
    assert lines[3].startswith("doubt: the share of a polygon that the model maps as another class")
    assert lines[4].startswith("ranked: first what is in doubt by half or more")
    assert lines[5] == "s.gpkg: 2 of 9 polygons are in doubt, ranked"
    table["file"] = ["a/one.gpkg", "two.gpkg"]
    assert "  one.gpkg 12  1.0, 1.0" in suspects(Suspects(Path("s.gpkg"), 9, table))
    assert suspects(Suspects(Path("s.gpkg"), 9, table[:0])) == "s.gpkg: 0 of 9 polygons are in doubt, ranked"


@pytest.mark.parametrize("elsewhere", [False, True])
def test_a_map_of_something_else_is_refused(tmp_path, noise, scheme, elsewhere) -> None:
    path, settings, grid = _scene(tmp_path, noise, scheme)
    moved = grid.part(Window(64, 0, grid.width, grid.height))
    other = moved if elsewhere else Grid(grid.crs, grid.transform, 100, 90)
    paths = tmp_path / "map.tif", tmp_path / "sure.tif"
    with map_rasters(paths[0], other, scheme, {}, {}, paths[1]) as targets:
        for target in targets:
            target.write(np.ones(other.shape, np.uint8), other.whole)
    with pytest.raises(LabelError, match="is on another grid than"):
        find_suspects(*paths, path, settings, scheme, tmp_path / "suspects.gpkg")


def test_squares_cover_the_labels_and_no_more(tmp_path, noise, scheme) -> None:
    write_image(tmp_path / "naip/a.tif", noise(600, 900))
    write_polygons(tmp_path / "l.gpkg", [(10, 10, 20, 20, 1), (500, 300, 520, 310, 2)])
    made = mosaic(MosaicSettings(images=(str(tmp_path / "naip"),)), tmp_path / "mosaic")
    labels(made.path, LabelSettings(source=(str(tmp_path / "l.gpkg"),)), scheme, tmp_path / "labels.tif")
    squares = gpd.read_file(labelled_squares(tmp_path / "labels.tif", tmp_path / "squares.gpkg"))
    with open_raster(tmp_path / "labels.tif") as dataset:
        grid = grid_of(dataset)
    corners = [(grid.cover(tuple(b)).col_off, grid.cover(tuple(b)).row_off) for b in squares.bounds.to_numpy()]
    assert corners == [(0, 0), (256, 256), (512, 256)]


def test_labels_are_checked_from_the_command_line(tmp_path, noise, scheme, tiny_model) -> None:
    write_image(tmp_path / "data/raw/naip/a.tif", noise(100, 100))
    write_polygons(tmp_path / "data/raw/labels.gpkg", DRAWN)
    # in other colours than the model's
    listed = ", ".join(f"{{value: {c.value}, name: {c.name}, color: '#00000{n}'}}" for n, c in enumerate(scheme))
    config = tmp_path / "c.yaml"
    config.write_text(f"scheme: [{listed}]\npaths: {{data: {tmp_path}/data}}\nclassify: {{model: {tiny_model}}}\n")
    run = CliRunner()
    assert run.invoke(main, ["mosaic", "-c", str(config)]).exit_code == 0
    refused = run.invoke(main, ["labels", "--check", "-c", str(config)])
    assert "labels.tif: no such file: run `landcover labels` first" in refused.output
    assert run.invoke(main, ["labels", "-c", str(config)]).exit_code == 0
    done = run.invoke(main, ["labels", "--check", "-c", str(config), "--overwrite"])
    assert done.exit_code == 0, done.output
    assert "of 5 polygons are in doubt, ranked" in done.output
    assert (tmp_path / "data/interim/label_check/suspects.gpkg").exists()
    told = run.invoke(main, ["explain", str(tmp_path / "data/interim/label_check/suspects.gpkg")]).output
    assert "made by `landcover labels --check`" in told
    assert "labels.tif" in told
