"""Folders as ArcGIS exports them, with the quirks of real ones, become the chips of the pipeline."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import rasterio
import shapely
from affine import Affine
from conftest import CRS, ORIGIN, textured, write_image, write_polygons
from numpy.typing import NDArray
from rasterio.crs import CRS as Crs

from landcover.chipstore import ChipStore
from landcover.cli import summary as tell
from landcover.errors import ImageError, LabelError, LandcoverError, OutputExists
from landcover.grid import name_of
from landcover.prepare.chips import Chips, chips
from landcover.prepare.esri_export import read_export
from landcover.prepare.from_esri import chips_from_esri
from landcover.prepare.labels import labels
from landcover.prepare.mosaic import mosaic
from landcover.prepare.split import TRAIN, VALIDATION
from landcover.prepare.stack import stack
from landcover.remap import Remap
from landcover.scheme import ClassScheme
from landcover.settings import ChipSettings, LabelSettings, MosaicSettings, SplitSettings
from landcover.splitreport import read_report

SIZE = 32
ALL = ChipSettings(max_background=1.0)
NAMES = {1: "Water", 2: "Forest", 3: "bare land"}
FILES = ("esri_model_definition.emd", "map.txt", "esri_accumulated_stats.json")

Spot = tuple[float, float]


def write_export(
    folder: Path,
    spots: list[Spot],
    image: NDArray[np.generic],
    codes: NDArray[np.generic],
    names: Mapping[int, str] = NAMES,
    new: bool = True,
    suffix: str = ".tif",
    size: float = 1.0,
    crs: str | None = CRS,
    nodata: int | None = None,
    space: str = "MAP_SPACE",
    turned: int = 0,
) -> Path:
    """Chips of an image (bands, rows, columns) and its codes at spots (column, row, also between pixels), in the form
    of ArcGIS Pro before 2.7 or since; the last `turned` of them as turned copies."""
    driver = {".tif": "GTiff", ".mrf": "MRF", ".png": "PNG", ".jpg": "JPEG"}[suffix]
    for kind in ("images", "labels"):
        (folder / kind).mkdir(parents=True)
    lines = []
    for number, (column, row) in enumerate(spots):
        x, y = round(column), round(row)
        transform = Affine(size, 0, ORIGIN[0] + column * size, 0, -size, ORIGIN[1] - row * size)
        if number >= len(spots) - turned:
            transform = transform @ Affine.rotation(45)
        for kind, pixels in (("images", image), ("labels", codes[None])):
            part = pixels[:, y : y + SIZE, x : x + SIZE]
            profile = {"driver": driver, "count": len(part), "height": SIZE, "width": SIZE, "dtype": part.dtype}
            extra = {"nodata": nodata} if kind == "labels" else {}
            where = {"crs": crs, "transform": transform} if space == "MAP_SPACE" else {}
            with rasterio.open(folder / kind / f"{number:09d}{suffix}", "w", **profile, **extra, **where) as dataset:
                dataset.write(part)
        lines.append(f"images\\{number:09d}{suffix}  labels\\{number:09d}{suffix} \r\n")
    # several processes write it: the first line stands out of order, and again further down
    (folder / "map.txt").write_text("".join([lines[-1], *lines]), newline="")
    bands = len(image)
    keys = ("Value", "Name") if new else ("ClassValue", "ClassName")
    definition = {"Framework": "e.g. CNTK", "ModelFile": "", "ExtractBands": list(range(bands))}
    definition["Classes"] = [dict(zip(keys, c, strict=True)) | {"Color": [-1, -1, -1]} for c in names.items()]
    if new:
        reference = {"wkid": 26916, "latestWkid": 26916}
        definition |= {
            "MetaDataMode": "Classified_Tiles",
            "ImageSpaceUsed": space,
            "MinCellSize": {"x": size, "y": size, "spatialReference": reference},
            "InputRastersProps": {"RasterCount": 1, "SensorName": "", "BandNames": ["R", "G", "B", "IR"][:bands]},
        }
    (folder / "esri_model_definition.emd").write_text("\ufeff" + json.dumps(definition), encoding="utf-8")
    stats = {"Version": 1, "NumBands": bands, "NumTiles": len(spots), "MetaDataMode": "Classified_Tiles"}
    (folder / "esri_accumulated_stats.json").write_text(json.dumps(stats))
    return folder


@pytest.fixture
def ground() -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """An image of 160 x 320 px and its codes: stripes of three classes, and some without."""
    codes = np.tile(np.repeat(np.array([1, 2, 3, 0], np.uint8), 10), 8)
    return textured(160, 320), np.tile(codes, (160, 1))


SPOTS: list[Spot] = [(x, y) for y in range(0, 129, 32) for x in range(0, 289, 16)]
FEW = SPOTS[:6]


def taken(
    *folders: Path, scheme: ClassScheme, table: Mapping = {}, settings: ChipSettings = ALL, overwrite=False, **splitting
) -> Chips:
    remap = Remap.parse(table, scheme)
    out = folders[0].parent / "chips"
    return chips_from_esri(folders, settings, SplitSettings(**({"block": 64} | splitting)), remap, out, overwrite)


def table_of(made: Chips) -> gpd.GeoDataFrame:
    return gpd.read_file(made.path / "chips.gpkg")


def read(path: Path) -> NDArray[np.generic]:
    with rasterio.open(path) as dataset:
        return dataset.read()


def test_black_ground_stays_data_where_something_else_means_none(tmp_path, ground, scheme) -> None:
    image, codes = ground
    image = image.copy()
    image[:, :8, :8], image[:, 8:16, :8] = 0, 255
    export = write_export(tmp_path / "a", FEW, image, codes)
    for path in (export / "images").iterdir():
        with rasterio.open(path, "r+") as dataset:
            dataset.nodata = 255
    made = taken(export, scheme=scheme, method="random")
    (first,) = (r["chip"] for r in table_of(made).to_dict("records") if (r["column"], r["row"]) == (0, 0))
    shown, label = read(made.path / "images" / first), read(made.path / "labels" / first)[0]
    assert shown[:, :8, :8].reshape(4, -1)[:, 0].tolist() == [1, 0, 0, 0]
    assert label[:8, :8].all()
    assert not shown[:, 8:16, :8].any()
    assert not label[8:16, :8].any()


@pytest.mark.parametrize("new", [False, True], ids=["before 2.7", "since 2.7"])
def test_an_export_becomes_chips_that_stack_takes(tmp_path, ground, scheme, new) -> None:
    image, codes = ground
    made = taken(write_export(tmp_path / "a", SPOTS, image, codes, new=new), scheme=scheme)
    table = table_of(made)
    assert made.seen == len(SPOTS)
    assert len(table) + made.report.dropped == len(SPOTS)
    values = np.array([0, 1, 2, 7])[codes]
    for record in table.to_dict("records"):
        source = Path(record["source"])
        column, row = SPOTS[int(source.stem)]
        place = (slice(row, row + SIZE), slice(column, column + SIZE))
        assert (record["column"], record["row"]) == (column, row)
        np.testing.assert_array_equal(read(made.path / "images" / record["chip"]), image[:, place[0], place[1]])
        np.testing.assert_array_equal(read(made.path / "labels" / record["chip"])[0], values[place])
        assert [record[f"pixels_{v}"] for v in (1, 2, 7)] == [int((values[place] == v).sum()) for v in (1, 2, 7)]
    with rasterio.open(made.path / "images" / table["chip"][0]) as dataset:
        assert dataset.crs == CRS
    # the split is one by place: no pixel on both sides, and the ground of each counted once
    seen = {side: np.zeros(codes.shape, bool) for side in (TRAIN, VALIDATION)}
    for record in table.to_dict("records"):
        seen[record["split"]][record["row"] : record["row"] + SIZE, record["column"] : record["column"] + SIZE] = True
    assert not (seen[TRAIN] & seen[VALIDATION]).any()
    for side in (TRAIN, VALIDATION):
        ha = [int((values[seen[side]] == v).sum()) / 10_000 for v in (1, 2, 7)]
        assert list(getattr(made.report, side).hectares.values()) == pytest.approx(ha, abs=1e-4)
        assert min(ha) > 0
    stacks = stack(made.path, scheme, tmp_path / "processed")
    assert stacks.chips == {side: int((table["split"] == side).sum()) for side in (TRAIN, VALIDATION)}
    store = ChipStore(next((tmp_path / "processed/train").glob("*.h5")))
    assert (store.info.split, store.info.pixel_size) == ("blocks", (1.0, 1.0))
    store.close()
    definition = json.loads((made.path / "esri_model_definition.emd").read_text())
    names = ["R", "G", "B", "IR"] if new else ["Red", "Green", "Blue", "NearInfrared"]
    assert definition["InputRastersProps"]["BandNames"] == names


def test_chips_of_our_own_come_back_as_they_were(tmp_path, noise, scheme) -> None:
    write_image(tmp_path / "naip/a.tif", noise(100, 200))
    write_polygons(tmp_path / "l.gpkg", [(0, 0, 90, 100, 1), (100, 0, 140, 100, 7), (150, 0, 200, 60, 2)])
    made = mosaic(MosaicSettings(images=(str(tmp_path / "naip"),)), tmp_path / "mosaic")
    label = labels(made.path, LabelSettings(source=(str(tmp_path / "l.gpkg"),)), scheme, tmp_path / "labels.tif")
    settings = ChipSettings(size=32, stride=16, max_background=0.9)
    random = SplitSettings(method="random")
    first = chips(made.path, label.path, settings, random, scheme, tmp_path / "own")
    again = chips_from_esri([tmp_path / "own"], ALL, random, Remap.parse({}, scheme), tmp_path / "again")
    for path in sorted((tmp_path / "own").glob("*s/*.tif")):
        np.testing.assert_array_equal(read(path), read(tmp_path / "again" / path.relative_to(tmp_path / "own")))
    assert again.report.train == first.report.train
    assert again.report.nearest == first.report.nearest
    for name in ("map.txt", "stats.txt", *FILES):
        assert (tmp_path / "own" / name).read_text() == (tmp_path / "again" / name).read_text()


@pytest.mark.parametrize(
    ("names", "table", "expected"),
    [
        # by the name that the folder gives, whatever the value
        ({1: "bare land", 2: "WATER", 3: "Forest"}, {}, [7, 1, 2]),
        # a name that is only the number counts as the number
        ({1: "1", 2: "", 3: "x"}, {3: 7}, [1, 2, 7]),
        # labels.reclassify by name and by value, the value first
        ({1: "Lake", 2: "Trees", 3: "Soil"}, {"lake": 1, "2-3": 2, "Soil": 7}, [1, 2, 2]),
        ({1: "Water", 2: "Forest", 3: "Road"}, {1: 7, "road": 0}, [7, 2, 0]),
        # no classes are listed: values count by themselves
        ({}, {3: 7}, [1, 2, 7]),
    ],
)
def test_codes_become_classes_by_value_or_by_name(tmp_path, ground, scheme, names, table, expected) -> None:
    image, codes = ground
    made = taken(write_export(tmp_path / "a", FEW, image, codes, names), scheme=scheme, table=table, method="random")
    record = table_of(made).iloc[0]
    column, row = SPOTS[int(Path(record["source"]).stem)]
    part = np.array([0, *expected])[codes[row : row + SIZE, column : column + SIZE]]
    np.testing.assert_array_equal(read(made.path / "labels" / record["chip"])[0], part)


def test_codes_that_nobody_knows_are_all_listed_with_their_pixels(tmp_path, ground, scheme) -> None:
    image, codes = ground
    codes = np.where(codes == 0, 9, codes)
    # 2 has a value of the scheme, but a name that is not its
    one = write_export(tmp_path / "a", SPOTS[:1], image, codes, {1: "Water", 2: "Planted", 3: "bare land"})
    other = write_export(tmp_path / "b", SPOTS[5:7], image, codes, {1: "Water", 2: "Forrest", 3: "Road"})
    with pytest.raises(LabelError) as caught:
        taken(one, other, scheme=scheme)
    part = [codes[y : y + SIZE, x : x + SIZE] for x, y in (SPOTS[0], SPOTS[5], SPOTS[6])]
    planted, road = int((part[0] == 2).sum()), int((part[1] == 3).sum() + (part[2] == 3).sum())
    forrest = int((part[1] == 2).sum() + (part[2] == 2).sum())
    unlisted = sum(int((p == 9).sum()) for p in part)
    assert str(caught.value) == (
        "the chips: codes that are neither in scheme nor in labels.reclassify: "
        f"2 Forrest ({forrest:,} pixels; did you mean forest?), 2 Planted ({planted:,} pixels), "
        f"3 Road ({road:,} pixels), 9 which its classes do not list ({unlisted:,} pixels)"
    )
    assert not (tmp_path / "chips").exists()
    assert taken(one, other, scheme=scheme, table={9: 0, "planted": 2, "forrest": 2, "road": 7}).seen == 3


@pytest.mark.parametrize(
    ("names", "nodata", "table", "zero"),
    [
        (NAMES, None, {}, 0),
        (NAMES | {0: "Background"}, None, {}, 0),
        (NAMES | {0: "Forest"}, None, {}, 2),
        (NAMES, None, {0: 7}, 7),
        (NAMES, 0, {}, 0),
        (NAMES, 0, {"nodata": 7}, 7),
        (NAMES | {0: "Forest"}, 0, {}, 2),
    ],
)
def test_0_says_nothing_unless_it_is_told_to(tmp_path, ground, scheme, names, nodata, table, zero) -> None:
    image, codes = ground
    folder = write_export(tmp_path / "a", FEW, image, codes, names, nodata=nodata)
    made = taken(folder, scheme=scheme, table=table, method="random")
    found = np.concatenate([read(p).ravel() for p in sorted((made.path / "labels").iterdir())])
    assert set(np.unique(found)) == {1, 2, 7, zero}


def test_pixels_without_data_have_no_label_and_filters_say_what_they_took(tmp_path, ground, scheme) -> None:
    image, codes = ground
    image[:, :, 30:90] = 0  # no data
    codes[:, 120:200] = 0
    folder = write_export(tmp_path / "a", [(x, 0) for x in range(0, 289, 16)], image, codes)
    settings = ChipSettings(max_background=0.9, max_nodata=0.5)
    made = taken(folder, scheme=scheme, settings=settings, method="random")
    labelled = [((codes > 0) & image.any(axis=0))[:SIZE, x : x + SIZE] for x in range(0, 289, 16)]
    gaps = [(~image.any(axis=0))[:SIZE, x : x + SIZE].mean() for x in range(0, 289, 16)]
    none = sum(not part.any() for part in labelled)
    sparse = sum(0 < part.mean() < 0.1 for part in labelled)
    empty = sum(gap > 0.5 and part.mean() >= 0.1 for part, gap in zip(labelled, gaps, strict=True))
    assert made.filtered == {"no label": none, "max_background": sparse, "max_nodata": empty}
    assert min(none, empty) > 0
    table = table_of(made)
    assert len(table) == 19 - none - sparse - empty
    expected = np.where(image.any(axis=0), np.array([0, 1, 2, 7])[codes], 0)
    for name, source in zip(table["chip"], table["source"], strict=True):
        column = 16 * int(Path(source).stem)
        np.testing.assert_array_equal(read(made.path / "labels" / name)[0], expected[:SIZE, column : column + SIZE])
    assert f"max_nodata {empty}" in tell.chips(made)
    codes[:] = 0
    blank = write_export(tmp_path / "b", SPOTS[:5], image, codes)
    with pytest.raises(LabelError, match="of 5 chips 5 hold no label"):
        taken(blank, scheme=scheme, overwrite=True)


def test_several_folders_are_one_split(tmp_path, ground, scheme) -> None:
    image, codes = ground
    # they overlap in place: what one shows in training the other must not show in validation
    one = write_export(tmp_path / "a", SPOTS[::2], image, codes)
    other = write_export(tmp_path / "b", SPOTS[1::2], image, codes)
    made = taken(one, other, one, scheme=scheme)
    assert made.seen == len(SPOTS)
    table = table_of(made)
    assert {Path(s).parts[-3] for s in table["source"]} == {"a", "b"}
    sides = [shapely.union_all(table.geometry[table["split"] == side]) for side in (TRAIN, VALIDATION)]
    assert sides[0].intersection(sides[1]).area == 0
    assert all(s.area > 0 for s in sides)


def test_chips_between_the_pixels_of_others_are_kept_apart(tmp_path, ground, scheme) -> None:
    image, codes = ground
    # rounded they touch, in truth each overlaps its neighbour by 0.4 pixels
    spots = [(64 * n + shift, y) for n in range(4) for shift in (0, 31.6) for y in (0, 40, 80, 120)]
    made = taken(write_export(tmp_path / "a", spots, image, codes), scheme=scheme, block=32, validation=0.4)
    table = table_of(made)
    sides = [table.geometry[table["split"] == side] for side in (TRAIN, VALIDATION)]
    assert min(map(len, sides)) > 3
    assert shapely.union_all(sides[0]).intersection(shapely.union_all(sides[1])).area == pytest.approx(0, abs=1e-6)
    assert any("several grids" in note for note in made.unmet)
    assert read_report(made.path).slack == 1
    # places on the common grid are rounded, those that the files tell are not
    source = table["source"].map(lambda s: int(Path(s).stem))
    assert table.geometry.bounds["minx"].tolist() == [ORIGIN[0] + spots[n][0] for n in source]
    assert table["column"].tolist() == [round(spots[n][0]) for n in source]


def test_each_site_has_blocks_of_its_own(tmp_path, ground, scheme) -> None:
    image, codes = ground
    # sites of 48 x 48 px, which no lattice of blocks of 64 px from one corner leaves whole
    spots = [(x + i, y + j) for x in (0, 90, 180, 270) for y in (0, 100) for i in (0, 16) for j in (0, 16)]
    made = taken(write_export(tmp_path / "a", spots, image, codes), scheme=scheme, validation=0.3)
    assert made.report.dropped == 0
    table = table_of(made)
    site = table["source"].map(lambda source: int(Path(source).stem) // 4)
    assert all(len(sides) == 1 for sides in table["split"].groupby(site).unique())
    assert set(table["split"]) == {TRAIN, VALIDATION}


def test_turned_copies_are_left_out(tmp_path, ground, scheme) -> None:
    image, codes = ground
    made = taken(write_export(tmp_path / "a", SPOTS, image, codes, turned=40), scheme=scheme)
    assert made.filtered["turned"] == 40
    assert max(int(Path(s).stem) for s in table_of(made)["source"]) < len(SPOTS) - 40
    with pytest.raises(LabelError, match="is turned, and so are all chips: export without a rotation_angle"):
        taken(write_export(tmp_path / "b", SPOTS[:3], image, codes, turned=3), scheme=scheme, overwrite=True)


@pytest.mark.parametrize("space", ["PIXEL_SPACE", "MAP_SPACE"])
@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_chips_without_a_place_are_split_at_random_or_not_at_all(tmp_path, ground, scheme, space) -> None:
    image, codes = ground
    folder = write_export(tmp_path / "a", SPOTS, image, codes, crs=None, space=space, new=space == "PIXEL_SPACE")
    with pytest.raises(
        LabelError, match=r"does not tell where it lies \(it (is in PIXEL_SPACE|has no CRS)\), and so no split by place"
    ):
        taken(folder, scheme=scheme)
    made = taken(folder, scheme=scheme, method="random", validation=0.3)
    report = read_report(made.path)
    assert (report.placed, report.nearest, report.leaks, report.train.hectares) == (False, None, True, {})
    assert report.train.overlap is None
    assert "split by random: where the chips lie is not known; LEAKING SPLIT" in tell.split(report)
    assert any("do not tell where they lie" in note for note in made.unmet)
    stacks = stack(made.path, scheme, tmp_path / "processed")
    assert sum(stacks.chips.values()) == len(SPOTS)
    definition = json.loads((made.path / "esri_model_definition.emd").read_text())
    assert definition["ImageSpaceUsed"] == "PIXEL_SPACE"
    assert "MinCellSize" not in definition


@pytest.mark.parametrize("suffix", [".tif", ".png"])
@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_the_place_may_stand_in_world_files_and_the_crs_in_the_metadata(tmp_path, ground, scheme, suffix) -> None:
    image, codes = ground
    folder = write_export(tmp_path / "a", FEW, image[:3], codes, suffix=suffix, space="PIXEL_SPACE")
    _rewrite(folder, FILES[0], lambda definition: definition.update(ImageSpaceUsed="MAP_SPACE"))
    for number, (column, row) in enumerate(FEW):
        lines = (1, 0, 0, -1, ORIGIN[0] + column + 0.5, ORIGIN[1] - row - 0.5)
        world = folder / "images" / f"{number:09d}.{suffix[1]}{suffix[3]}w"
        world.write_text("\n".join(map(str, lines)))
    made = taken(folder, scheme=scheme, validation=0.3)
    with rasterio.open(made.path / "images/000000000.tif") as dataset:
        assert dataset.crs == CRS
    for record in table_of(made).to_dict("records"):
        assert (record["column"], record["row"]) == SPOTS[int(Path(record["source"]).stem)]
        part = image[:3, record["row"] : record["row"] + SIZE, record["column"] : record["column"] + SIZE]
        np.testing.assert_array_equal(read(made.path / "images" / record["chip"]), part)


@pytest.mark.parametrize(
    ("reference", "name"),
    [
        ({"wkid": 26916, "latestWkid": 26916}, "EPSG:26916"),
        ({"wkid": 102100, "latestWkid": 3857}, "EPSG:3857"),
        ({"wkid": 102039}, "USA_Contiguous_Albers_Equal_Area_Conic_USGS_version"),
        ({"wkt": Crs.from_epsg(26916).to_wkt(version="WKT1_ESRI")}, "EPSG:26916"),
        ({"wkid": 1}, None),
        ({}, None),
    ],
)
def test_the_crs_of_the_metadata_may_be_epsgs_or_esris(tmp_path, ground, reference, name) -> None:
    folder = write_export(tmp_path / "a", FEW, *ground)
    _rewrite(folder, FILES[0], lambda d: d.update(MinCellSize={"x": 1, "y": 1, "spatialReference": reference}))
    crs = read_export(folder).crs
    assert (crs and name_of(crs)) == name


def test_chips_may_be_mrf_but_labels_no_jpeg(tmp_path, ground, scheme) -> None:
    image, codes = ground
    made = taken(write_export(tmp_path / "a", FEW, image, codes, suffix=".mrf"), scheme=scheme, method="random")
    record = table_of(made).iloc[-1]
    column, row = SPOTS[int(Path(record["source"]).stem)]
    part = image[:, row : row + SIZE, column : column + SIZE]
    np.testing.assert_array_equal(read(made.path / "images" / record["chip"]), part)
    folder = write_export(tmp_path / "b", SPOTS[:3], image[:3], codes, suffix=".jpg")
    with pytest.raises(LabelError, match=r"labels/000000000\.jpg: is JPEG, which does not keep class values"):
        taken(folder, scheme=scheme, overwrite=True)


def _rewrite(folder: Path, name: str, change: Callable[[dict], None]) -> None:
    read = json.loads((folder / name).read_text(encoding="utf-8-sig"))
    change(read)
    (folder / name).write_text(json.dumps(read))


def _label_of_two_bands(folder: Path) -> None:
    write_image(folder / "labels/000000002.tif", np.ones((2, SIZE, SIZE), np.uint8))


def _jpeg_label(folder: Path) -> None:
    write_image(folder / "labels/000000002.tif", np.ones((1, SIZE, SIZE), np.uint8), compress="jpeg")


def _cut_short(folder: Path) -> None:
    path = folder / "images/000000002.tif"
    path.write_bytes(path.read_bytes()[:2000])


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        *(
            (lambda f, name=name: (f / name).unlink(), f"is no folder of chips that ArcGIS exported: it has no {name}")
            for name in FILES
        ),
        (lambda f: [(f / n).unlink() for n in FILES[1:]], r"it has no map\.txt and no esri_accumulated_stats\.json"),
        (
            lambda f: _rewrite(f, FILES[2], lambda s: s.update(MetaDataMode="PASCAL_VOC_rectangles")),
            "its chips are PASCAL_VOC_rectangles; land cover is mapped by Classified_Tiles",
        ),
        (lambda f: _rewrite(f, FILES[0], lambda s: s["Classes"].append({"Value": "x"})), "a class without a whole"),
        (
            lambda f: _rewrite(f, FILES[0], lambda s: s["Classes"].append({"Value": 1, "Name": "Road"})),
            "value 1 is both 'Water' and 'Road'",
        ),
        (lambda f: (f / FILES[0]).write_text("{"), r"esri_model_definition\.emd: is no JSON"),
        (lambda f: (f / FILES[0]).write_text("[]"), r"esri_model_definition\.emd: holds no keys"),
        (lambda f: (f / "map.txt").write_text("\n"), r"map\.txt: names no chip: nothing was exported"),
        (lambda f: (f / "map.txt").write_text("images\\a.tif\n"), r"map\.txt, line 1: names 1 files"),
        (
            lambda f: (f / "map.txt").write_text("images\\a.tif labels\\a.tif\nimages\\a.tif labels\\b.tif\n"),
            r"map\.txt, line 2: images/a\.tif has another label here, labels/b\.tif",
        ),
        (
            lambda f: [(f / f"labels/00000000{n}.tif").unlink() for n in (1, 2, 3, 4)],
            r"of 6 chips 4 have no label file: labels/000000001\.tif, .*003\.tif, \.\.\.: export again",
        ),
        (lambda f: (f / "images/000000001.tif").unlink(), r"of 6 chips 1 have no image file: images/000000001\.tif:"),
        (_cut_short, r"images/000000002\.tif: is cut short"),
        (lambda f: (f / "images/000000002.tif").write_bytes(b""), r"images/000000002\.tif: is empty"),
        (lambda f: (f / "labels/000000002.tif").write_text("no"), r"labels/000000002\.tif: cannot be opened"),
        (
            lambda f: write_image(f / "images/000000002.tif", np.ones((3, SIZE, SIZE), np.uint8), 32),
            r"000000002\.tif: is 32 x 32 px, 3 bands of uint8, but .*000000000\.tif is 32 x 32 px, 4 bands of uint8",
        ),
        (
            lambda f: [write_image(f / f"{k}/000000002.tif", np.ones((b, 48, 48), np.uint8))
                       for k, b in (("images", 4), ("labels", 1))],
            r"000000002\.tif: is 48 x 48 px",
        ),
        (
            lambda f: [write_image(f / f"{k}/000000002.tif", np.ones((b, 32, 48), np.uint8))
                       for k, b in (("images", 4), ("labels", 1))],
            r"000000002\.tif: is 48 x 32 px; chips must be square",
        ),
        (
            lambda f: write_image(f / "images/000000002.tif", np.ones((4, SIZE, SIZE), np.float32)),
            r"pixels are float32; images must be uint8 or uint16",
        ),
        (
            lambda f: write_image(f / "labels/000000002.tif", np.ones((1, SIZE, 16), np.uint8)),
            r"labels/000000002\.tif: is 16 x 32 px, its image 32 x 32",
        ),
        (
            lambda f: write_image(f / "labels/000000002.tif", np.ones((1, SIZE, SIZE), np.uint8), 500),
            r"labels/000000002\.tif: lies elsewhere than its image",
        ),
        (_label_of_two_bands, r"labels/000000002\.tif: has 2 bands of uint8; a label is one band"),
        (
            lambda f: write_image(f / "labels/000000002.tif", np.ones((1, SIZE, SIZE), np.float32)),
            r"labels/000000002\.tif: has 1 bands of float32; a label is one band of whole numbers",
        ),
        (_jpeg_label, r"labels/000000002\.tif: is JPEG, which does not keep class values"),
        (
            lambda f: [write_image(f / f"{k}/000000002.tif", np.ones((b, SIZE, SIZE), np.uint8), crs="EPSG:26917")
                       for k, b in (("images", 4), ("labels", 1))],
            r"000000002\.tif: is in EPSG:26917, but .*000000000\.tif in EPSG:26916",
        ),
        (
            lambda f: [write_image(f / f"{k}/000000002.tif", np.ones((b, SIZE, SIZE), np.uint8), size=0.6)
                       for k, b in (("images", 4), ("labels", 1))],
            r"000000002\.tif: has pixels of 0\.6 x 0\.6, but .* of 1 x 1: export with one cell size",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_taken_is_said_in_one_line(tmp_path, ground, scheme, spoil, message) -> None:
    folder = write_export(tmp_path / "a", FEW, *ground)
    spoil(folder)
    with pytest.raises(LandcoverError, match=message) as caught:
        taken(folder, scheme=scheme, method="random")
    assert "\n" not in str(caught.value)
    assert type(caught.value) in (LabelError, ImageError)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a"]


def test_images_that_the_list_leaves_out_are_counted(tmp_path, ground, scheme) -> None:
    folder = write_export(tmp_path / "a", FEW, *ground)
    lines = (folder / "map.txt").read_text().splitlines()[1:]
    (folder / "map.txt").write_text("\n".join(lines[:-3]))
    made = taken(folder, scheme=scheme, method="random")
    assert made.seen == len(FEW) - 3
    assert "3 images that map.txt does not name were left out" in made.unmet


def test_what_is_there_is_kept_and_the_export_is_never_replaced(tmp_path, ground, scheme, monkeypatch) -> None:
    folder = write_export(tmp_path / "a", FEW, *ground)
    made = taken(folder, scheme=scheme, method="random")
    before = (made.path / "split.json").read_bytes()
    with pytest.raises(OutputExists):
        taken(folder, scheme=scheme)

    def interrupt(*arguments: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("landcover.prepare.from_esri.read_chip", interrupt)
        with pytest.raises(KeyboardInterrupt):
            taken(folder, scheme=scheme, overwrite=True)
    assert (made.path / "split.json").read_bytes() == before
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a", "chips"]
    inside = folder.rename(made.path / "exported")
    with pytest.raises(LabelError, match="lies where the chips will be written, which replaces it: move it first"):
        chips_from_esri([inside], ALL, SplitSettings(), Remap.parse({}, scheme), made.path, overwrite=True)
    assert inside.exists()
