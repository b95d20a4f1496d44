"""The synthetic sample: its files look like NAIP's, its labels tell the truth, and pixels alone do not give it away."""

import re
from itertools import pairwise
from pathlib import Path

import geopandas
import numpy as np
import pytest
import rasterio
from conftest import run
from rasterio.enums import ColorInterp
from rasterio.features import rasterize
from shapely.geometry import box
from sklearn.ensemble import RandomForestClassifier

from landcover.sample import Sample, sample

SCHEME = [
    (1, "buildings", "#e31a1c"),
    (2, "roads or parking lots", "#6b6b6b"),
    (3, "water", "#1f78b4"),
    (4, "harvested, open or bare land", "#fdbf6f"),
    (5, "forest", "#1b7837"),
    (6, "planted or dark cropland", "#b2df8a"),
]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Sample:
    return sample(SCHEME, tmp_path_factory.mktemp("sample"), seed=0, size=400)


def read(path: Path) -> np.ndarray:
    with rasterio.open(path) as source:
        return source.read()


def labels(vector: Path, truth: Path) -> np.ndarray:
    """Class of every labelled pixel on the truth's grid, 0 elsewhere."""
    frame = geopandas.read_file(vector)
    with rasterio.open(truth) as grid:
        shapes = zip(frame.geometry, frame.Classvalue, strict=True)
        return rasterize(shapes, grid.shape, transform=grid.transform, dtype="uint8")


def test_same_seed_same_pixels(tmp_path: Path) -> None:
    first, again, other = (sample(SCHEME, tmp_path / str(i), seed, size=192) for i, seed in enumerate((3, 3, 4)))
    for a, b in zip(
        [*first.tiles, first.holdout, first.truth], [*again.tiles, again.holdout, again.truth], strict=True
    ):
        assert np.array_equal(read(a), read(b))
    assert geopandas.read_file(first.labels).equals(geopandas.read_file(again.labels))
    assert not np.array_equal(read(first.tiles[0]), read(other.tiles[0]))


def test_tiles_are_like_naip(made: Sample) -> None:
    assert len({path.stem[-8:] for path in made.tiles}) >= 2
    assert len({path.stem[-8:] for path in made.tiles}) < len(made.tiles) >= 4
    for path in (*made.tiles, made.holdout):
        assert re.fullmatch(r"m_\d{7}_(ne|nw|se|sw)_16_1_\d{8}\.tif", path.name)
        with rasterio.open(path) as tile:
            assert (tile.crs.to_epsg(), tile.res, tile.shape) == (26916, (1, 1), (400, 400))
            assert tile.dtypes == ("uint8",) * 4
            assert tile.nodata is None
            assert tile.block_shapes[0] == (256, 256)
            assert tile.colorinterp[:3] == (ColorInterp.red, ColorInterp.green, ColorInterp.blue)
            assert tile.colorinterp[3] != ColorInterp.alpha


def test_tiles_overlap_and_holdout_lies_apart(made: Sample) -> None:
    areas = []
    for path in made.tiles:
        with rasterio.open(path) as tile:
            areas.append(box(*tile.bounds))
    assert all(a.intersection(b).area > 0 for a, b in pairwise(areas))
    with rasterio.open(made.holdout) as tile:
        assert not any(area.intersects(box(*tile.bounds)) for area in areas)


def test_one_tile_has_a_collar(made: Sample) -> None:
    empty = [(read(path) == 0).all(axis=0).mean() for path in made.tiles]
    assert sum(share > 0 for share in empty) == 1
    assert 0.01 < max(empty) < 0.1
    assert 0 < (read(made.truth) == 0).mean() < 0.02


def test_labels_are_few_and_true(made: Sample) -> None:
    for vector, truth, least, most in (
        (made.labels, made.truth, 0.04, 0.1),
        (made.reference, made.holdout_truth, 0.08, 0.2),
    ):
        frame = geopandas.read_file(vector)
        assert list(frame.columns) == ["Classname", "Classvalue", "RED", "GREEN", "BLUE", "geometry"]
        assert frame.crs.to_epsg() == 26916
        assert frame.is_valid.all()
        assert set(zip(frame.Classvalue, frame.Classname, strict=True)) == {(v, name) for v, name, _ in SCHEME}
        assert frame.area.sum() == pytest.approx(frame.union_all().area)
        drawn, cover = labels(vector, truth), read(truth)[0]
        assert least < (drawn > 0).mean() < most
        for value, _, _ in SCHEME:
            assert (cover[drawn == value] == value).mean() > 0.97


def test_scheme_values_and_colours_are_used(tmp_path: Path) -> None:
    made = sample([(value * 10, name, colour) for value, name, colour in SCHEME], tmp_path, size=192)
    assert set(np.unique(read(made.holdout_truth))) <= {0, 10, 20, 30, 40, 50, 60}
    with rasterio.open(made.truth) as truth:
        assert truth.nodata == 0
        assert truth.colormap(1)[30] == (0x1F, 0x78, 0xB4, 255)


def test_bands_obey_physics(made: Sample) -> None:
    red, _, _, infrared = read(made.holdout).astype(float)
    cover = read(made.holdout_truth)[0]
    ndvi = (infrared - red) / (infrared + red)
    means = {value: infrared[cover == value].mean() for value in range(1, 7)}
    assert ndvi[cover == 5].mean() > ndvi[cover == 2].mean() + 0.2
    assert min(means, key=means.__getitem__) == 3


def test_band_values_alone_do_not_make_the_map(made: Sample) -> None:
    with rasterio.open(made.truth) as truth:
        corner, image = truth.transform, np.zeros((4, *truth.shape), np.uint8)
    for path in made.tiles:
        with rasterio.open(path) as tile:
            row, column = int(corner.f - tile.transform.f), int(tile.transform.c - corner.c)
            seen = tile.read()
        part = image[:, row : row + 400, column : column + 400]
        np.copyto(part, seen, where=seen.any(axis=0))
    drawn = labels(made.labels, made.truth)
    forest = RandomForestClassifier(30, min_samples_leaf=2, random_state=0)
    forest.fit(image[:, drawn > 0].T[::3], drawn[drawn > 0][::3])
    right = forest.predict(read(made.holdout).reshape(4, -1).T) == read(made.holdout_truth).ravel()
    assert 0.5 < right.mean() < 0.8


def test_a_sample_is_made_once_and_kept_once_it_was_changed(tmp_path: Path) -> None:
    command = ["sample", "--size", "192", "--set", f"paths.data={tmp_path}"]
    raw = tmp_path / "raw"
    assert run(*command).exit_code == 0
    for left in (".partial-raw", ".former-raw"):
        (tmp_path / left).mkdir()
    made = (raw / "labels.gpkg").stat().st_mtime_ns
    again = run(*command)
    assert (again.exit_code, again.stdout) == (0, f"{raw}: is up to date\n")
    assert (raw / "labels.gpkg").stat().st_mtime_ns == made
    assert [p.name for p in tmp_path.iterdir()] == ["raw"]
    told = run("explain", raw / "holdout/truth.tif").stdout
    assert "landcover sample" in told
    other = run(*command, "--seed", "1")
    assert other.exit_code == 1
    assert "add --overwrite to replace it (it is not up to date: sample.seed: 0 -> 1)" in other.stderr
    geopandas.read_file(raw / "labels.gpkg").iloc[1:].to_file(raw / "labels.gpkg", layer="labels")
    kept = run(*command)
    assert kept.exit_code == 1
    assert "labels.gpkg was changed or removed after it was made" in kept.stderr
    assert run(*command, "--overwrite").exit_code == 0
    assert run(*command).stdout == f"{raw}: is up to date\n"
