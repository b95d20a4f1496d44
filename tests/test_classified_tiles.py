"""The folder of chips as a program sees it that knows Esri's "Classified Tiles" and nothing of landcover."""

import json
import os
import pickle
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import rasterio
from conftest import ORIGIN, write_image, write_polygons
from numpy.typing import NDArray

from landcover.prepare.bandcounts import BandCounts
from landcover.prepare.chips import Chips, chips
from landcover.prepare.labels import labels
from landcover.prepare.mosaic import mosaic
from landcover.settings import ChipSettings, LabelSettings, MosaicSettings, SplitSettings


@dataclass
class Tiles:
    """What the rules for such a folder give: pairs of files, the classes, and the index of each label value."""

    pairs: list[tuple[Path, Path]]
    classes: list[str]
    index: dict[int, int]
    definition: dict
    stats: dict

    def read(self, number: int) -> tuple[NDArray[np.generic], NDArray[np.int64]]:
        image, label = self.pairs[number]
        with rasterio.open(image) as dataset:
            pixels = dataset.read()
        with rasterio.open(label) as dataset:
            assert dataset.count == 1
            codes = dataset.read(1)
        return pixels, np.vectorize(lambda code: self.index.get(code, 0))(codes)


def read_classified_tiles(folder: Path) -> Tiles:
    needed = ("esri_model_definition.emd", "map.txt", "esri_accumulated_stats.json")
    assert all((folder / name).exists() for name in needed)
    stats = json.loads((folder / "esri_accumulated_stats.json").read_text())
    definition = json.loads((folder / "esri_model_definition.emd").read_text())
    assert stats["MetaDataMode"] == definition["MetaDataMode"] == "Classified_Tiles"
    pairs = []
    for line in (folder / "map.txt").read_text().splitlines():
        assert line.endswith(" ")
        image, label = (folder / token.replace("\\", os.sep) for token in line.split())
        pairs.append((image, label))
    told = {c["Value"]: c["Name"] for c in definition["Classes"]}
    told.pop(0, None)
    contiguous = list(told) == list(range(1, len(told) + 1))
    index = {value: value if contiguous else place for place, value in enumerate(told, start=1)}
    return Tiles(pairs, ["NoData", *told.values()], index, definition, stats)


def _made(folder: Path, noise: Callable, scheme, bands: int = 4, **settings) -> Chips:
    rows, columns = 150, 200
    image = noise(rows, columns, bands)
    image[:, :9, :30] = 0  # no data, and labelled all the same
    write_image(folder / "naip/a.tif", image)
    write_polygons(folder / "l.gpkg", [(0, 0, 90, 150, 1), (100, 20, 140, 150, 7), (150, 0, 200, 60, 1)])
    made = mosaic(MosaicSettings(images=(str(folder / "naip"),)), folder / "mosaic")
    label = labels(made.path, LabelSettings(source=(str(folder / "l.gpkg"),)), scheme, folder / "labels.tif")
    settings = ChipSettings(size=32, stride=16, max_background=0.9, **settings)
    return chips(made.path, label.path, settings, SplitSettings(block=64), scheme, folder / "chips")


def _place(path: Path) -> tuple[slice, slice]:
    """Rows and columns of the image that a chip says that it is of."""
    with rasterio.open(path) as dataset:
        assert dataset.crs.to_epsg() == 26916
        column, row = round(dataset.transform.c - ORIGIN[0]), round(ORIGIN[1] - dataset.transform.f)
        return slice(row, row + dataset.height), slice(column, column + dataset.width)


def test_a_reader_of_esris_rules_finds_the_pixels_and_the_counts(tmp_path, noise, scheme) -> None:
    _made(tmp_path, noise, scheme)
    tiles = read_classified_tiles(tmp_path / "chips")
    with rasterio.open(tmp_path / "naip/a.tif") as dataset:
        whole = dataset.read()
    with rasterio.open(tmp_path / "labels.tif") as dataset:
        codes = np.where(whole.any(axis=0), dataset.read(1), 0)
    assert tiles.classes == ["NoData", "water", "forest", "bare land"]
    seen = np.zeros(4, np.int64)
    images = []
    for number, (image, label) in enumerate(tiles.pairs):
        pixels, classes = tiles.read(number)
        place = _place(image)
        assert _place(label) == place
        np.testing.assert_array_equal(pixels, whole[:, place[0], place[1]])
        expected = np.select([codes[place] == 1, codes[place] == 2, codes[place] == 7], [1, 2, 3], 0)
        np.testing.assert_array_equal(classes, expected)
        seen += np.bincount(classes.ravel(), minlength=4)
        images.append(pixels)
    stats = tiles.stats
    assert stats["NumTiles"] == stats["ClassPixelStats"]["NumImagesTotal"] == len(tiles.pairs) > 20
    assert (stats["NumBands"], stats["TileSizeX"], stats["TileSizeY"]) == (4, 32, 32)
    assert [c["ClassName"] for c in stats["Classes"]] == tiles.classes[1:]
    assert stats["ClassPixelStats"]["NumPixelsPerClass"] == seen[1:].tolist()
    assert seen[2] == 0 < seen[1] < seen[0] + seen[1]
    assert {p.name for p in (tmp_path / "chips/images").iterdir()} == {p[0].name for p in tiles.pairs}


@pytest.mark.parametrize(
    ("bands", "names"),
    [
        (4, ["Red", "Green", "Blue", "NearInfrared"]),
        (3, ["Red", "Green", "Blue"]),
        (5, ["Band_1", "Band_2", "Band_3", "Band_4", "Band_5"]),
    ],
)
def test_statistics_of_the_bands_are_those_of_all_pixels(tmp_path, noise, scheme, bands, names) -> None:
    _made(tmp_path, noise, scheme, bands)
    tiles = read_classified_tiles(tmp_path / "chips")
    assert tiles.definition["InputRastersProps"]["BandNames"] == names
    assert tiles.definition["InputRastersProps"]["SensorName"] == ("NAIP" if bands == 4 else "")
    assert tiles.definition["IsMultidimensional"] is False
    assert tiles.definition["MinCellSize"]["spatialReference"]["wkid"] == 26916
    pixels = np.concatenate([tiles.read(n)[0].reshape(bands, -1) for n in range(len(tiles.pairs))], axis=1)
    for band, told, state, name in zip(
        pixels.astype(np.float64), tiles.definition["AllTilesStats"], tiles.stats["BandStatsState"], names, strict=True
    ):
        assert told["BandName"] == name
        assert (told["Min"], told["Max"]) == (state["Min"], state["Max"]) == (0, band.max())
        assert told["Mean"] == state["M1"] == pytest.approx(band.mean(), rel=1e-12)
        assert told["StdDev"] == pytest.approx(band.std(), rel=1e-12)
        assert state["Num"] == band.size
        assert np.sqrt(state["M2"] / state["Num"]) == pytest.approx(told["StdDev"], rel=1e-12)


def test_counts_of_values_are_exact_beyond_what_64_bits_hold() -> None:
    counts = BandCounts(2, "uint16")
    image = np.random.default_rng(0).integers(60_000, 65_536, (50, 40, 2)).astype(np.uint16)
    counts.add(image)
    counts._counts *= 10**7  # as if of so many chips
    for band, told in zip(np.moveaxis(image, -1, 0).astype(np.float64), counts.statistics(), strict=True):
        assert (told.low, told.high, told.number) == (band.min(), band.max(), 2000 * 10**7)
        assert told.mean == pytest.approx(band.mean(), rel=1e-14)
        assert told.deviation == pytest.approx(band.std(), rel=1e-12)
    nothing = BandCounts(1, "uint8").statistics()[0]
    assert (nothing.number, nothing.deviation) == (0, 0.0)


def test_counts_of_a_chip_of_16_bits_travel_as_the_values_that_occur() -> None:
    chip, whole = BandCounts(2, "uint16"), BandCounts(2, "uint16")
    image = np.random.default_rng(0).integers(60_000, 60_010, (50, 40, 2)).astype(np.uint16)
    chip.add(image)
    sent = pickle.dumps(chip.occurring())
    assert len(sent) < 3000
    for _ in range(2):
        whole.take(pickle.loads(sent))
    np.testing.assert_array_equal(whole._counts, 2 * chip._counts)
    assert whole.statistics()[1].number == 4000


@pytest.mark.parametrize("links", [True, False])
def test_each_side_of_the_split_is_a_folder_of_its_own_if_asked_for(
    tmp_path, noise, scheme, monkeypatch, links
) -> None:
    def refuse(*paths: object) -> None:
        raise OSError("no links on this disk")

    if not links:
        monkeypatch.setattr("os.link", refuse)
    made = _made(tmp_path, noise, scheme, esri=True)
    table = gpd.read_file(tmp_path / "chips/chips.gpkg")
    ground = {}
    states = []
    for side in ("train", "validation"):
        folder = tmp_path / "chips" / side
        tiles = read_classified_tiles(folder)
        listed = sorted(table.loc[table["split"] == side, "chip"])
        assert sorted(p.name for p in (folder / "images").iterdir()) == listed
        assert sorted(p.name for p in (folder / "labels").iterdir()) == listed
        pixels = list(getattr(made.report, side).pixels.values())
        assert tiles.stats["ClassPixelStats"]["NumPixelsPerClass"] == pixels
        ground[side] = np.zeros((150, 200), bool)
        for image, _ in tiles.pairs:
            assert image.read_bytes() == (tmp_path / "chips/images" / image.name).read_bytes()
            assert image.stat().st_nlink == (2 if links else 1)
            ground[side][_place(image)] = True
        band = np.concatenate([tiles.read(n)[0][0].ravel() for n in range(len(tiles.pairs))]).astype(np.float64)
        states.append(tiles.stats["BandStatsState"][0])
        assert (states[-1]["Num"], states[-1]["M1"]) == (band.size, pytest.approx(band.mean(), rel=1e-12))
    assert not (ground["train"] & ground["validation"]).any()
    one, other = states
    whole = read_classified_tiles(tmp_path / "chips").stats["BandStatsState"][0]
    number = one["Num"] + other["Num"]
    apart = (one["M1"] - other["M1"]) ** 2 * one["Num"] * other["Num"] / number
    assert (whole["Num"], whole["M2"]) == (number, pytest.approx(one["M2"] + other["M2"] + apart, rel=1e-9))


def test_without_being_asked_there_is_one_folder(tmp_path, noise, scheme) -> None:
    _made(tmp_path, noise, scheme)
    folders = [p.name for p in (tmp_path / "chips").iterdir() if p.is_dir()]
    assert sorted(folders) == ["images", "labels"]
