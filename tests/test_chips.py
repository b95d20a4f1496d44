import json
import sys
from pathlib import Path
from types import SimpleNamespace

import geopandas as gpd
import numpy as np
import pytest
import rasterio
from conftest import write_image, write_polygons
from scipy.ndimage import map_coordinates

from landcover.chipstore import ChipStore
from landcover.errors import LabelError, LandcoverError
from landcover.prepare.augment import augment, turned, zoomed, zoomed_image
from landcover.prepare.chips import Chips, chips
from landcover.prepare.labels import labels
from landcover.prepare.mosaic import mosaic
from landcover.prepare.split import TRAIN, VALIDATION, split
from landcover.prepare.stack import homes, stack
from landcover.scheme import ClassScheme
from landcover.settings import AugmentSettings, ChipSettings, LabelSettings, MosaicSettings, SplitSettings


def _chips(folder: Path, scheme, settings: ChipSettings, **splitting) -> Chips:
    made = mosaic(MosaicSettings(images=(str(folder / "naip"),)), folder / "mosaic", True)
    label = labels(made.path, LabelSettings(source=(str(folder / "l.gpkg"),)), scheme, folder / "labels.tif", True)
    return chips(made.path, label.path, settings, SplitSettings(**splitting), scheme, folder / "chips", True)


def _table(folder: Path) -> gpd.GeoDataFrame:
    return gpd.read_file(folder / "chips/chips.gpkg")


SMALL = ChipSettings(size=32, stride=16, max_background=1.0)


def test_windows_cover_the_image_up_to_its_edges(tmp_path, noise, scheme) -> None:
    write_image(tmp_path / "naip/a.tif", noise(75, 100))
    write_polygons(tmp_path / "l.gpkg", [(0, 0, 100, 75, 1)])
    _chips(tmp_path, scheme, SMALL, method="random")
    table = _table(tmp_path)
    assert sorted(set(table["column"])) == [0, 16, 32, 48, 64, 68]
    assert sorted(set(table["row"])) == [0, 16, 32, 43]
    assert len(table) == 24


def test_chips_hold_the_pixels_of_image_and_labels(tmp_path, noise, scheme) -> None:
    image = noise(64, 64)
    write_image(tmp_path / "naip/a.tif", image)
    write_polygons(tmp_path / "l.gpkg", [(0, 0, 20, 64, 1), (30, 0, 64, 64, 7)])
    _chips(tmp_path, scheme, SMALL, method="random")
    for record in _table(tmp_path).to_dict("records"):
        row, column = record["row"], record["column"]
        with rasterio.open(tmp_path / "chips/images" / record["chip"]) as dataset:
            np.testing.assert_array_equal(dataset.read(), image[:, row : row + 32, column : column + 32])
        with rasterio.open(tmp_path / "chips/labels" / record["chip"]) as dataset:
            label = dataset.read(1)
        assert [record[f"pixels_{v}"] for v in scheme.values] == [int((label == v).sum()) for v in scheme.values]
        assert label.any()


def test_filters_say_how_many_windows_each_took(tmp_path, noise, scheme) -> None:
    image = noise(64, 96)
    image[:, :, 64:] = 0  # no data
    write_image(tmp_path / "naip/a.tif", image)
    write_polygons(tmp_path / "l.gpkg", [(0, 0, 8, 8, 1)])
    with pytest.raises(LabelError, match=r"of 15 windows 14 hold no label, 1 more than chips.max_background = 0.5"):
        _chips(tmp_path, scheme, ChipSettings(size=32, stride=16), method="random")
    assert not (tmp_path / "chips").exists()


def test_black_ground_stays_data_where_something_else_means_none(tmp_path, noise, scheme) -> None:
    image = np.maximum(noise(32, 64), 1)
    image[:, 20:24, 8:12], image[:, :, 48:] = 0, 255
    write_image(tmp_path / "naip/a.tif", image, nodata=255)
    write_polygons(tmp_path / "l.gpkg", [(0, 0, 64, 32, 1)])
    _chips(tmp_path, scheme, ChipSettings(size=32, stride=32), method="random")
    with rasterio.open(tmp_path / "chips/images/000000000.tif") as dataset:
        shown = dataset.read()
    assert np.unique(shown[:, 20:24, 8:12], axis=1).reshape(4, -1)[:, 0].tolist() == [1, 0, 0, 0]
    assert shown.any(axis=0).all()
    with rasterio.open(tmp_path / "chips/labels/000000000.tif") as dataset:
        assert (dataset.read(1) == 1).all()


def test_chips_of_another_image_have_another_key(tmp_path, noise, scheme) -> None:
    write_polygons(tmp_path / "l.gpkg", [(0, 0, 64, 32, 1)])
    keys = []
    for image in (noise(32, 64), noise(32, 64, seed=1)):
        write_image(tmp_path / "naip/a.tif", image)
        keys.append(_chips(tmp_path, scheme, SMALL, method="random").report.key)
    assert keys[0] != keys[1]


def test_labels_of_the_ground_beside_are_refused(tmp_path, noise, scheme) -> None:
    write_image(tmp_path / "naip/a.tif", noise(64, 64))
    write_polygons(tmp_path / "l.gpkg", [(0, 0, 128, 64, 1)])
    _chips(tmp_path, scheme, SMALL, method="random")
    write_image(tmp_path / "naip/a.tif", noise(64, 64), column=64)
    made = mosaic(MosaicSettings(images=(str(tmp_path / "naip"),)), tmp_path / "mosaic", True)
    with pytest.raises(LabelError, match="is on another grid than"):
        chips(made.path, tmp_path / "labels.tif", SMALL, SplitSettings(), scheme, tmp_path / "chips", True)


def test_labels_where_the_image_has_no_data_do_not_count(tmp_path, noise, scheme) -> None:
    image = noise(32, 64)
    image[:, :, 32:] = 0
    write_image(tmp_path / "naip/a.tif", image)
    write_polygons(tmp_path / "l.gpkg", [(16, 0, 64, 32, 1)])
    _chips(tmp_path, scheme, ChipSettings(size=32, stride=16, max_background=0.9, max_nodata=0.5), method="random")
    table = _table(tmp_path)
    assert dict(zip(table["column"], table["pixels_1"], strict=True)) == {0: 512, 16: 512}


def test_an_image_smaller_than_a_chip_gives_one_chip(tmp_path, noise, scheme) -> None:
    image = noise(30, 28)
    write_image(tmp_path / "naip/a.tif", image)
    write_polygons(tmp_path / "l.gpkg", [(0, 0, 28, 30, 1)])
    _chips(tmp_path, scheme, SMALL, method="random")
    with rasterio.open(tmp_path / "chips/images/000000000.tif") as dataset:
        np.testing.assert_array_equal(dataset.read()[:, :30, :28], image)
        assert not dataset.read()[:, 30:].any()


def test_each_region_of_touching_images_has_its_own_lattice(tmp_path, noise, scheme) -> None:
    write_image(tmp_path / "naip/a.tif", noise(32, 32), 0, 0)
    write_image(tmp_path / "naip/b.tif", noise(32, 32), 205, 101)
    write_polygons(tmp_path / "l.gpkg", [(0, 0, 32, 32, 1), (205, 101, 237, 133, 2)])
    _chips(tmp_path, scheme, SMALL, method="random")
    assert sorted(zip(_table(tmp_path)["column"], _table(tmp_path)["row"], strict=True)) == [(0, 0), (205, 101)]


def test_no_training_pixel_lies_in_a_validation_chip_and_every_class_is_on_both_sides(tmp_path, noise, scheme) -> None:
    write_image(tmp_path / "naip/a.tif", noise(400, 400))
    boxes = [
        (x, y, x + 25, y + 25, (1, 2, 7)[(x // 40 + y // 40) % 3]) for x in range(0, 400, 40) for y in range(0, 400, 40)
    ]
    write_polygons(tmp_path / "l.gpkg", boxes)
    made = _chips(tmp_path, scheme, ChipSettings(size=32, stride=8, max_background=0.9), block=64)
    seen = {TRAIN: np.zeros((400, 400), bool), VALIDATION: np.zeros((400, 400), bool)}
    for record in _table(tmp_path).to_dict("records"):
        row, column = record["row"], record["column"]
        seen[record["split"]][row : row + 32, column : column + 32] = True
    assert not (seen[TRAIN] & seen[VALIDATION]).any()
    assert made.unmet == ()
    for side in (TRAIN, VALIDATION):
        assert all(n > 0 for n in getattr(made.report, side).pixels.values())
    held = sum(made.report.validation.pixels.values())
    assert 0.04 < held / (held + sum(made.report.train.pixels.values())) < 0.2
    # squares of 25 pixels, 40 apart from the origin on
    labelled = (np.indices((400, 400)) % 40 < 25).all(axis=0)
    for side in (made.report.train, made.report.validation):
        place = TRAIN if side is made.report.train else VALIDATION
        assert side.overlap == pytest.approx(sum(side.pixels.values()) / (labelled & seen[place]).sum(), abs=1e-3)


def test_a_window_belongs_to_the_region_that_it_meets(tmp_path, noise, scheme) -> None:
    # an island in the notch of an L lies in the bounding box of both
    for name, column, row, rows, columns in (("a", 0, 0, 32, 160), ("b", 0, 32, 128, 32), ("c", 96, 96, 32, 32)):
        write_image(tmp_path / f"naip/{name}.tif", noise(rows, columns), column, row)
    write_polygons(tmp_path / "l.gpkg", [(0, 0, 160, 160, 1)])
    made = _chips(tmp_path, scheme, ChipSettings(size=32, stride=32), method="random")
    table = _table(tmp_path)
    assert len(table) == len(set(zip(table["column"], table["row"], strict=True))) == 10
    assert sum(sum(side.pixels.values()) for side in (made.report.train, made.report.validation)) == 10 * 32 * 32


def test_labels_of_another_scheme_are_refused(tmp_path, noise, scheme) -> None:
    write_image(tmp_path / "naip/a.tif", noise(64, 64))
    write_polygons(tmp_path / "l.gpkg", [(0, 0, 64, 60, 1), (0, 60, 64, 64, 2)])
    made = _chips(tmp_path, scheme, SMALL, method="random", validation=0.3)
    values = zip(scheme, (2, 1, 7), strict=True)
    swapped = ClassScheme.model_validate([c.model_dump() | {"value": v} for c, v in values])
    places = tmp_path / "mosaic/mosaic.vrt", tmp_path / "labels.tif"
    with pytest.raises(LabelError, match="another scheme: run `landcover labels --overwrite`"):
        chips(*places, SMALL, SplitSettings(), swapped, made.path, True)
    with pytest.raises(LabelError, match="another scheme: run `landcover chips --overwrite`"):
        stack(made.path, swapped, tmp_path / "processed")


def test_stores_know_their_split(tmp_path, noise, scheme) -> None:
    write_image(tmp_path / "naip/a.tif", noise(96, 96))
    write_polygons(tmp_path / "l.gpkg", [(0, 0, 96, 60, 1), (0, 60, 96, 96, 2)])
    infos = []
    for seed in (0, 0, 1):
        _chips(tmp_path, scheme, SMALL, method="random", validation=0.3, seed=seed)
        stack(tmp_path / "chips", scheme, tmp_path / "processed", overwrite=True)
        store = ChipStore(next((tmp_path / "processed/train").glob("*.h5")))
        infos.append(store.info)
        store.close()
    assert {info.split for info in infos} == {"random"}
    assert infos[0] == infos[1]
    assert infos[0].split_key != infos[2].split_key


def test_overlapping_regions_do_not_leak(scheme) -> None:
    # two regions whose bounding boxes overlap: blocks are counted from each region's own corner
    windows = np.array([[x, 0] for x in range(0, 640, 8)] * 2)
    regions = np.array([[0, 0, 0]] * 80 + [[1, 20, 10]] * 80)
    pixels = np.full((160, 3), 10)
    made = split(windows, 32, regions, pixels, scheme, SplitSettings(block=64))
    corners = windows + regions[:, 1:]
    for a in corners[made.sides == TRAIN]:
        for b in corners[made.sides == VALIDATION]:
            assert np.abs(a - b).max() >= 32
    assert (made.sides == VALIDATION).any()


def test_a_class_in_one_place_alone_is_said_to_be_missing(scheme) -> None:
    windows = np.array([[x, 0] for x in range(0, 640, 32)])
    regions = np.zeros((20, 3), np.int64)
    pixels = np.array([[100, 100, 50 if n == 4 else 0] for n in range(20)])
    made = split(windows, 32, regions, pixels, scheme, SplitSettings(block=32))
    assert len(made.unmet) == 1
    assert "bare land" in made.unmet[0]


def test_a_few_places_still_leave_one_to_validate(scheme) -> None:
    windows = np.zeros((3, 2), np.int64)
    regions = np.array([[0, 0, 0], [1, 900, 0], [2, 0, 900]])
    made = split(windows, 256, regions, np.full((3, 3), 1000), scheme, SplitSettings())
    assert sorted(made.sides) == [TRAIN, TRAIN, VALIDATION]
    alone = split(windows[:1], 256, regions[:1], np.full((1, 3), 1000), scheme, SplitSettings())
    assert any("no chip is left for" in text and "lower chips.size" in text for text in alone.unmet)


def test_the_folder_is_what_esri_calls_classified_tiles(tmp_path, noise, scheme) -> None:
    write_image(tmp_path / "naip/a.tif", noise(64, 64))
    write_polygons(tmp_path / "l.gpkg", [(0, 0, 20, 64, 1), (30, 0, 64, 64, 7)])
    _chips(tmp_path, scheme, SMALL, method="random")
    folder, table = tmp_path / "chips", _table(tmp_path)
    lines = (folder / "map.txt").read_text().splitlines()
    assert [line.split() for line in lines] == [[f"images\\{c}", f"labels\\{c}"] for c in table["chip"]]
    stats = json.loads((folder / "esri_accumulated_stats.json").read_text())
    assert stats["MetaDataMode"] == "Classified_Tiles"
    assert stats["ClassPixelStats"]["NumPixelsPerClass"] == [int(table[f"pixels_{v}"].sum()) for v in scheme.values]
    definition = json.loads((folder / "esri_model_definition.emd").read_text())
    assert definition["Classes"][2] == {"Value": 7, "Name": "bare land", "Color": [253, 191, 111]}
    assert definition["InputRastersProps"]["BandNames"] == ["Red", "Green", "Blue", "NearInfrared"]
    assert (folder / "stats.txt").read_text().startswith(f"images = {len(table)} *4*32*32\n")


def test_a_split_that_shares_a_pixel_is_not_written(tmp_path, noise, scheme, monkeypatch) -> None:
    # the package has a function of the module's name
    module = sys.modules["landcover.prepare.chips"]
    write_image(tmp_path / "naip/a.tif", noise(200, 200))
    write_polygons(tmp_path / "l.gpkg", [(0, 0, 200, 180, 1), (0, 180, 200, 200, 2)])

    def careless(windows, *rest):
        sides = np.where(np.arange(len(windows)) % 9 == 0, VALIDATION, TRAIN)
        return module.Split(sides, ())

    monkeypatch.setattr(module, "split", careless)
    with pytest.raises(LandcoverError, match=r"training and validation chips share [\d,]+ pixels"):
        _chips(tmp_path, scheme, SMALL)
    assert not (tmp_path / "chips").exists()


def test_a_chip_goes_to_its_rarest_class_of_at_least_one_per_cent() -> None:
    pixels = np.array([[1000, 5, 0], [1000, 50, 20], [1000, 0, 0], [0, 500, 500], [1000, 0, 5]])
    # rarity over all chips: third, second, first class
    assert homes(pixels, 0.01).tolist() == [0, 2, 0, 2, 0]


def test_stacks_hold_every_chip_once_and_augment_adds_to_rare_classes(tmp_path, noise, scheme) -> None:
    write_image(tmp_path / "naip/a.tif", noise(200, 200))
    write_polygons(tmp_path / "l.gpkg", [(0, 0, 200, 180, 1), (0, 180, 30, 200, 2), (150, 150, 170, 170, 7)])
    made = _chips(tmp_path, scheme, SMALL, method="random", validation=0.3)
    stacks = stack(tmp_path / "chips", scheme, tmp_path / "processed")
    table = _table(tmp_path)
    assert sum(stacks.chips.values()) == len(table) == made.report.train.chips + made.report.validation.chips
    sources = []
    for path in (tmp_path / "processed").glob("*/*.h5"):
        store = ChipStore(path)
        for row in range(len(store)):
            chip = store.chip(row)
            column, top, _, _ = chip.window
            with rasterio.open(tmp_path / "mosaic/mosaic.vrt") as dataset:
                pixels = dataset.read(window=((top, top + 32), (column, column + 32)))
            np.testing.assert_array_equal(chip.image, np.moveaxis(pixels, 0, -1))
            assert table.set_index("chip").loc[chip.source, "split"] == path.parent.name
            sources.append(chip.source)
        store.close()
    assert sorted(sources) == sorted(table["chip"])

    settings = AugmentSettings(copies=2)
    added = augment(tmp_path / "processed/train", settings, scheme, tmp_path / "augmented")
    assert set(added.copies) == {"forest", "bare land"}
    store, origin = ChipStore(tmp_path / "augmented/bare_land.h5"), ChipStore(tmp_path / "processed/train/bare_land.h5")
    assert len(store) == 2 * len(origin) == added.copies["bare land"]
    copied = np.stack([store.label(n) for n in range(len(store))])
    assert set(np.unique(copied)) <= {0, *scheme.values}
    augment(tmp_path / "processed/train", settings, scheme, tmp_path / "again")
    again = ChipStore(tmp_path / "again/bare_land.h5")
    np.testing.assert_array_equal(copied, [again.label(n) for n in range(len(again))])
    for opened in (store, origin, again):
        opened.close()


def test_stack_and_augment_look_for_room_first(tmp_path, noise, scheme, monkeypatch) -> None:
    write_image(tmp_path / "naip/a.tif", noise(64, 64))
    write_polygons(tmp_path / "l.gpkg", [(0, 0, 64, 60, 1), (0, 60, 64, 64, 2)])
    _chips(tmp_path, scheme, SMALL, method="random", validation=0.3)
    stack(tmp_path / "chips", scheme, tmp_path / "processed")
    monkeypatch.setattr("shutil.disk_usage", lambda path: SimpleNamespace(free=1000))
    with pytest.raises(LandcoverError, match="has 0 MB free"):
        stack(tmp_path / "chips", scheme, tmp_path / "again")
    with pytest.raises(LandcoverError, match="has 0 MB free"):
        augment(tmp_path / "processed/train", AugmentSettings(classes=("forest",)), scheme, tmp_path / "augmented")
    assert not (tmp_path / "again").exists()


def test_turns_are_exact_and_zoom_keeps_the_centre() -> None:
    square = np.arange(16, dtype=np.uint8).reshape(4, 4)
    np.testing.assert_array_equal(turned(square, 90), np.rot90(square))
    np.testing.assert_array_equal(turned(square, -90), np.rot90(square, 3))
    np.testing.assert_array_equal(turned(square, -180), turned(square, 180))
    large = np.zeros((64, 64), np.uint8)
    large[16:48, 16:48] = 7
    assert (zoomed(large, 0.5) == 7).all()
    ramp = np.repeat(np.arange(64, dtype=np.uint8)[None, :, None] * 2, 64, axis=0)
    middle = zoomed_image(ramp, 0.5)[32, :, 0].astype(int)
    assert middle[0] in (31, 32, 33)
    assert middle[-1] in (93, 94, 95)
    np.testing.assert_array_equal(zoomed(large, 0.0), large)


def test_ground_at_the_edge_of_no_data_keeps_its_brightness_when_it_is_zoomed() -> None:
    image, label = np.full((64, 64, 4), 120, np.uint8), np.full((64, 64), 3, np.uint8)
    image[:, :20] = label[:, :20] = 0
    image[40:44, 40:44, 1:] = 0
    image[40:44, 40:44, 0] = 1  # black ground
    for share in (0.1, 0.3, 0.45):
        made, named = zoomed_image(image, share), zoomed(label, share)
        np.testing.assert_array_equal(made.any(axis=-1), named == 3)
        left = made[:20]
        assert set(np.unique(left)) == {0, 120}
        assert made[..., 1].min() == 0


@pytest.mark.parametrize(("dtype", "shape"), [("uint8", (64, 64, 4)), ("uint16", (40, 56, 3)), ("uint8", (33, 20, 1))])
@pytest.mark.parametrize("share", [0.0, 0.05, 0.25, 0.31, 0.45, 0.9])
def test_zoomed_pixels_are_those_of_scipy(dtype, shape, share) -> None:
    pixels = np.random.default_rng(3).integers(0, np.iinfo(dtype).max, shape, endpoint=True).astype(dtype)
    places = [(np.arange(n) + 0.5 - n / 2) * (1 - share) + n / 2 - 0.5 for n in shape[:2]]
    where = np.meshgrid(*places, indexing="ij")
    pixels = np.maximum(pixels, 1)
    for order, made in ((0, np.dstack([zoomed(b, share) for b in np.moveaxis(pixels, -1, 0)])),
                        (1, zoomed_image(pixels, share))):  # fmt: skip
        bands = [
            map_coordinates(b.astype(np.float32), where, order=order, mode="nearest") for b in pixels.T.swapaxes(1, 2)
        ]
        assert made.dtype == pixels.dtype
        np.testing.assert_array_equal(made, np.rint(np.stack(bands, axis=-1)).astype(dtype))
