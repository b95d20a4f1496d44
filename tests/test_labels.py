from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import rasterio
from conftest import CRS, ORIGIN, write_image, write_polygons
from rasterio.windows import Window
from shapely.geometry import LineString, Polygon, box

from landcover.assess.pieces import LARGEST
from landcover.assess.rawpairs import count_raw
from landcover.assess.survey import survey
from landcover.errors import ImageError, LabelError
from landcover.labelpixels import Pixels
from landcover.labelpolygons import Polygons
from landcover.labelset import open_labels
from landcover.prepare.labels import Labels, labels
from landcover.prepare.mosaic import mosaic
from landcover.progress import silent
from landcover.raster import grid_of
from landcover.remap import Remap
from landcover.scheme import ClassScheme
from landcover.settings import LabelSettings, MosaicSettings


@pytest.fixture
def image(tmp_path: Path, noise) -> Path:
    write_image(tmp_path / "naip/a.tif", noise(100, 120))
    return mosaic(MosaicSettings(images=(str(tmp_path / "naip"),)), tmp_path / "mosaic").path


def _made(image: Path, scheme: ClassScheme, *sources: Path, **settings) -> tuple[Labels, np.ndarray]:
    out = image.parents[1] / "labels.tif"
    made = labels(image, LabelSettings(source=tuple(map(str, sources)), **settings), scheme, out, overwrite=True)
    with rasterio.open(out) as dataset:
        return made, dataset.read(1)


def test_polygons_fill_the_pixels_whose_centre_they_hold_and_the_later_one_is_on_top(image, tmp_path, scheme) -> None:
    drawn = write_polygons(tmp_path / "l.gpkg", [(10, 20, 40, 60, 1), (30, 50, 50, 70, 7)])
    made, classes = _made(image, scheme, drawn)
    expected = np.zeros((100, 120), np.uint8)
    expected[20:60, 10:40] = 1
    expected[50:70, 30:50] = 7
    np.testing.assert_array_equal(classes, expected)
    assert made.pixels == {1: int((expected == 1).sum()), 2: 0, 7: int((expected == 7).sum())}
    assert made.fields == ("Classvalue",)


def test_sources_are_read_only_where_they_lie(image, tmp_path, scheme, monkeypatch) -> None:
    with rasterio.open(image) as dataset:
        grid = grid_of(dataset)
    far = write_polygons(tmp_path / "far.gpkg", [(100, 80, 110, 90, 2)])
    near = write_image(tmp_path / "near.tif", np.ones((1, 10, 10), np.uint8), column=20, row=30)
    top = write_polygons(tmp_path / "top.gpkg", [(25, 30, 40, 35, 7)])
    found = open_labels([str(far), str(near), str(top)], grid, Remap.parse({}, scheme))
    expected = np.zeros((20, 30), np.uint8)
    expected[5:15, 5:15] = 1
    expected[5:10, 10:25] = 7
    read = []
    for kind in (Polygons, Pixels):
        plain = kind.read
        monkeypatch.setattr(kind, "read", lambda own, *given, plain=plain: read.append(own.path) or plain(own, *given))
    np.testing.assert_array_equal(found.read(Window(15, 25, 30, 20)), expected)
    assert read == [str(near), str(top)]
    assert not found.read(Window(60, 60, 20, 10)).any()
    assert len(read) == 2


def test_polygons_come_from_another_crs(image, tmp_path, scheme) -> None:
    drawn = write_polygons(tmp_path / "l.gpkg", [(10, 20, 40, 60, 1)])
    away = tmp_path / "away.geojson"
    gpd.read_file(drawn).to_crs("EPSG:4326").to_file(away)
    _, here = _made(image, scheme, drawn)
    _, there = _made(image, scheme, away)
    assert (here != there).sum() <= 5  # rounding on the outline


@pytest.mark.parametrize(
    ("field", "values", "settings"),
    [
        ("Classname", ["Water", "bare land"], {}),
        ("class_id", ["1", " 7 "], {}),
        ("Quatreclasses", ["1", "7"], {}),
        ("kind", ["lac", "sable"], {"reclassify": {"LAC": 1, "sable": "bare land"}}),
        ("code", [2253, 22531], {"reclassify": {"2250-2260": 1, 22531: 7}}),
        ("odd", [1.0, 7.0], {"field": "odd"}),
    ],
)
def test_the_class_field_is_found_whatever_the_code_is_written_as(
    image, tmp_path, scheme, field, values, settings
) -> None:
    drawn = write_polygons(tmp_path / "l.gpkg", [(0, 0, 10, 10, values[0]), (20, 20, 30, 30, values[1])], field)
    made, _ = _made(image, scheme, drawn, **settings)
    assert made.pixels == {1: 100, 2: 0, 7: 100}
    assert made.fields == (field,)


def test_rasters_are_reclassified_zero_and_nodata_only_when_asked(image, tmp_path, scheme) -> None:
    codes = np.zeros((1, 20, 20), np.uint8)
    codes[0, :5], codes[0, 5:10] = 1, 255
    given = write_image(tmp_path / "l.tif", codes, 10, 10, nodata=255)
    made, _ = _made(image, scheme, given)
    assert made.pixels == {1: 100, 2: 0, 7: 0}
    made, classes = _made(image, scheme, given, reclassify={0: 2, "nodata": 7})
    assert made.pixels == {1: 100, 2: 200, 7: 100}
    assert classes[10:30, 10:30].all()
    assert not classes[:10].any()


@pytest.mark.parametrize("inside", [True, False])
def test_a_class_raster_with_a_mask_is_refused(image, tmp_path, scheme, inside) -> None:
    path = write_image(tmp_path / "c.tif", np.ones((1, 100, 100), np.uint8))
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=inside), rasterio.open(path, "r+") as dataset:
        dataset.write_mask(np.eye(100) > 0)
    assert (tmp_path / "c.tif.msk").exists() != inside
    with pytest.raises(LabelError, match=r"c\.tif: a mask, in the file or beside it, says .* gdalwarp -dstnodata 255"):
        _made(image, scheme, path)
    with pytest.raises(ImageError, match=r"c\.tif: a mask, in the file or beside it, says"):
        survey(path)
    whole = write_image(tmp_path / "map.tif", np.ones((1, 100, 100), np.uint8))
    for reference, counted in ((path, False), (whole, True)):
        assert (count_raw(whole, str(reference), LARGEST, silent) is not None) == counted


def test_a_raster_off_the_grid_is_resampled_to_the_nearest(image, tmp_path, scheme) -> None:
    codes = np.full((1, 10, 10), 2, np.uint8)
    codes[0, :, 5:] = 255
    coarse = write_image(tmp_path / "l.tif", codes, 1, 1, size=3.0, nodata=255)
    made, classes = _made(image, scheme, coarse)
    assert made.pixels == {1: 0, 2: 30 * 15, 7: 0}
    assert (classes[3:33, 3:18] == 2).all()
    assert _made(image, scheme, coarse, reclassify={"nodata": 7})[0].pixels == {1: 0, 2: 450, 7: 450}


def test_a_cell_border_leaves_no_mark(tmp_path, noise, scheme, monkeypatch) -> None:
    write_image(tmp_path / "naip/a.tif", noise(100, 120))
    image = mosaic(MosaicSettings(images=(str(tmp_path / "naip"),)), tmp_path / "mosaic").path
    shape = Polygon([(ORIGIN[0] + x, ORIGIN[1] - y) for x, y in ((3, 4), (110, 30), (90, 95), (20, 70))])
    gpd.GeoDataFrame({"value": [1]}, geometry=[shape], crs=CRS).to_file(tmp_path / "l.gpkg")
    _, whole = _made(image, scheme, tmp_path / "l.gpkg")
    monkeypatch.setattr("landcover.labelset.CELL", 16)
    _, cut = _made(image, scheme, tmp_path / "l.gpkg")
    np.testing.assert_array_equal(whole, cut)


def _file(path: Path, shapes: list, crs: str | None = CRS, **fields) -> Path:
    gpd.GeoDataFrame(fields or {"value": [1] * len(shapes)}, geometry=shapes, crs=crs).to_file(path)
    return path


SQUARE = box(ORIGIN[0], ORIGIN[1] - 10, ORIGIN[0] + 10, ORIGIN[1])
BOW_TIE = Polygon([(ORIGIN[0] + x, ORIGIN[1] - y) for x, y in ((0, 0), (10, 10), (10, 0), (0, 10))])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda p: p, "no such file"),
        (lambda p: (p.write_text("nothing"), p)[1], "cannot be opened as vector data"),
        (lambda p: _file(p, [SQUARE, None]), "feature 2 has no geometry"),
        (lambda p: _file(p, [SQUARE, BOW_TIE]), r"feature 2 is invalid \(Self-intersection"),
        (lambda p: _file(p, [LineString([(0, 0), (1, 1)])]), "feature 1 is a LineString"),
        (lambda p: _file(p, []), "has no features"),
        (lambda p: _file(p, [SQUARE], value=[9]), r"neither in scheme nor in labels\.reclassify: 9 \(1 features\)"),
        (
            lambda p: _file(p, [SQUARE] * 3, Classname=["water", "swamp", None]),
            r"\(no value\) \(1 features\), swamp \(1",
        ),
        (
            lambda p: _file(p, [SQUARE] * 3, Classname=["water", "Forrest", "swamp"]),
            r"Forrest \(1 features; did you mean forest\?\), swamp \(1 features\)$",
        ),
        (lambda p: _file(p, [SQUARE], a=[1], b=[2]), "set labels.field"),
        (lambda p: _file(p, [box(0, 0, 10, 10)]), "no label lies on the image"),
    ],
)
def test_labels_that_cannot_be_used_are_refused(image, tmp_path, scheme, make, message) -> None:
    with pytest.raises(LabelError, match=message):
        _made(image, scheme, make(tmp_path / "bad.gpkg"))
    assert not (tmp_path / "labels.tif").exists()


def test_two_fields_that_disagree_are_not_guessed_between(image, tmp_path, scheme) -> None:
    drawn = _file(tmp_path / "l.gpkg", [SQUARE], Classvalue=[1], Classname=["forest"])
    with pytest.raises(LabelError, match=r"feature 1 is class 1 by Classvalue \(1\) and 2 by Classname \(forest\)"):
        _made(image, scheme, drawn)
    assert _made(image, scheme, drawn, field="Classname")[0].pixels == {1: 0, 2: 100, 7: 0}
    # names that are not all classes are heard where they are; numbers, which may count something else, are not
    other = _file(tmp_path / "o.gpkg", [SQUARE, SQUARE], code=[1, 2], **{"class": ["Urban", "Water"]})
    with pytest.raises(
        LabelError, match=r"feature 2 is class 2 by code \(2\) and 1 by class \(Water\): set labels.field"
    ):
        _made(image, scheme, other)
    counts = _file(tmp_path / "c.gpkg", [SQUARE, SQUARE], code=[30, 2], **{"class": ["Water", "Water"]})
    assert _made(image, scheme, counts)[0].pixels == {1: 100, 2: 0, 7: 0}
    numbered = _file(tmp_path / "n.gpkg", [SQUARE], objectid=[1], landuse=["Lake"])
    with pytest.raises(LabelError, match="which field holds the class"):
        _made(image, scheme, numbered)


@pytest.mark.parametrize("nodata", [None, 0])
@pytest.mark.parametrize("table", [{0: 7}, {"0-0": 7}])
@pytest.mark.parametrize("size", [1.0, 0.5])
def test_0_in_a_raster_is_a_class_where_the_remap_says_so(image, tmp_path, scheme, nodata, table, size) -> None:
    codes = np.ones((1, 20, 20), np.uint8)
    codes[:, :, 10:] = 0
    drawn = write_image(tmp_path / "codes.tif", codes, size=size, nodata=nodata)
    made, _ = _made(image, scheme, drawn, reclassify=table)
    # a range does not reach what the file itself calls nodata
    expected = 0 if nodata == 0 and "0-0" in table else 200 * size**2
    assert made.pixels == {1: 200 * size**2, 2: 0, 7: expected}


def test_a_raster_without_0_on_another_grid_says_nothing_around_itself(image, tmp_path, scheme) -> None:
    drawn = write_image(tmp_path / "codes.tif", np.full((1, 30, 30), 2, np.uint8), column=1, size=0.7)
    made, classes = _made(image, scheme, drawn, reclassify={0: 1})
    assert made.pixels[1] == 0
    assert made.pixels[2] == (classes == 2).sum() > 400


def test_coordinates_that_cannot_be_in_their_crs_are_named(image, tmp_path, scheme) -> None:
    away = _file(tmp_path / "l.gpkg", [SQUARE], crs="EPSG:4326")
    with pytest.raises(LabelError, match=r"l\.gpkg: .* WGS 84 to EPSG:26916: is its CRS the right one"):
        _made(image, scheme, away)
    raster = write_image(tmp_path / "codes.tif", np.ones((1, 9, 9), np.uint8), crs="EPSG:4326")
    with pytest.raises(LabelError, match=r"codes\.tif: cannot be brought from EPSG:4326 to EPSG:26916"):
        _made(image, scheme, raster)


def test_ohio_polygons_burn_back_to_the_masks(tmp_path: Path, real_data: Path) -> None:
    folder = real_data / "ohio-naip-landcover"
    names = ("building", "road", "bare land", "forest", "water")
    ohio = ClassScheme.model_validate([{"value": n, "name": c, "color": "#000000"} for n, c in enumerate(names, 1)])
    made = mosaic(MosaicSettings(images=(str(folder / "test/site02/img"),)), tmp_path / "mosaic")
    _, classes = _made(made.path, ohio, folder / "test_labels.gpkg")
    with rasterio.open(folder / "test/site02_labels.tif") as dataset:
        truth = dataset.read(1)
    np.testing.assert_array_equal(classes, np.where((truth >= 1) & (truth <= 5), truth, 0))
