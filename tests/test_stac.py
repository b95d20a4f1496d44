"""STAC items of maps and models: what they say, and that they keep to the schemas, without a network."""

import hashlib
import json
import os
import re
import socket
from copy import deepcopy
from math import atan, degrees, sinh
from pathlib import Path
from typing import Any

import numpy as np
import pystac
import pytest
import rasterio
from affine import Affine
from click.testing import CliRunner, Result
from conftest import CRS, textured, write_image
from pyproj import Transformer
from pystac.validation.stac_validator import JsonSchemaSTACValidator
from rasterio.crs import CRS as RasterCRS
from rasterio.windows import Window
from shapely.geometry import LineString, Point, shape
from test_train import QUICK, _stores

from landcover.classify.index import Shown, cells_folder, write_index
from landcover.classraster import class_raster, confidence_path, map_rasters
from landcover.cli import main
from landcover.errors import ImageError, LandcoverError, ModelError
from landcover.export import stac_parts
from landcover.export.acquired import acquired
from landcover.export.footprint import footprint
from landcover.export.stac import is_own, item_path, map_item, model_item, write_map_item, write_model_item
from landcover.grid import Grid
from landcover.model import load_network, read_card, save_model
from landcover.pixelmodel import load_estimator
from landcover.prepare.mosaic import mosaic
from landcover.scheme import ClassScheme
from landcover.settings import MosaicSettings
from landcover.train import estimators
from landcover.train.pixels import fit_pixels

SCHEMAS = Path(__file__).parent / "schemas"
MODEL = "ab" * 32
GRID = Grid(RasterCRS.from_string(CRS), Affine(2, 0, 609_300, 0, -2, 3_756_300), 40, 60)
RADIUS = 6_378_137.0


@pytest.fixture(autouse=True)
def no_network(monkeypatch) -> None:
    def refuse(*arguments: object, **more: object) -> None:
        raise AssertionError(f"asked the network for {arguments}")

    for name in ("connect", "connect_ex"):
        monkeypatch.setattr(socket.socket, name, refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    # HTTP by GDAL does not pass through Python
    monkeypatch.setenv("GDAL_HTTP_PROXY", "127.0.0.1:9")


@pytest.fixture(scope="module")
def validator() -> JsonSchemaSTACValidator:
    """pystac's own, which carries the schemas of STAC itself, with those of the extensions at hand."""
    made = JsonSchemaSTACValidator()
    for file in SCHEMAS.glob("*.json"):
        name, version = file.stem.split("-")
        uri = f"https://stac-extensions.github.io/{name}/{version}/schema.json"
        made.schema_cache[uri] = json.loads(file.read_text())
    return made


@pytest.fixture
def check(validator):
    def read(path: Path) -> dict[str, Any]:
        """The item in a file, if it is one by every schema that it names."""
        text = path.read_text(encoding="utf-8")
        told = json.loads(text)
        item = pystac.Item.from_dict(told)
        checked = item.validate(validator=validator)
        assert len(checked) == 1 + len(item.stac_extensions)
        # nothing was in need of migration
        assert item.to_dict(include_self_link=False, transform_hrefs=False) == told
        assert text == json.dumps(told, indent=2, ensure_ascii=False) + "\n"
        return told

    return read


def _map(
    path: Path, scheme: ClassScheme, grid: Grid = GRID, image: str = "", confidence: bool = False, model: str = MODEL
) -> Path:
    """A map as `classify` leaves it, of class 7 but for its first rows."""
    values = np.full(grid.shape, 7, np.uint8)
    values[:5] = 0
    tags = {"LANDCOVER_VERSION": "0.1.0", "LANDCOVER_MODEL_SHA256": model, "LANDCOVER_PRECISION": "float32"}
    beside = {"LANDCOVER_IMAGE": image} if image else {}
    other = path.with_name(f"{path.stem}_confidence.tif") if confidence else None
    with map_rasters(path, grid, scheme, tags, beside, other) as targets:
        for target in targets:
            target.write(values, grid.whole)
    return path


def _multihash(path: Path) -> str:
    return "1220" + hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_map_is_described_in_full(tmp_path, scheme, check) -> None:
    path = _map(
        tmp_path / "m_3308502_nw_16_1_20211003_landcover.tif", scheme, image="/a/m_3308502_nw_16_1_20211003.tif"
    )
    written = write_map_item(path)
    assert written == tmp_path / "m_3308502_nw_16_1_20211003_landcover.stac.json"
    item = check(written)
    assert item["id"] == path.stem
    properties, asset = item["properties"], item["assets"]["map"]
    assert item["assets"].keys() == {"map"}
    assert asset["href"] == f"./{path.name}"
    assert asset["type"] == "image/tiff; application=geotiff; profile=cloud-optimized"
    assert asset["roles"] == ["data"]
    assert (asset["file:size"], asset["file:checksum"]) == (path.stat().st_size, _multihash(path))
    assert asset["bands"] == [
        {
            "name": "class", "description": "class values", "data_type": "uint8", "nodata": 0,
            "raster:sampling": "area", "raster:spatial_resolution": 2.0,
        }
    ]  # fmt: skip
    assert [(c["value"], c["name"], c.get("color_hint")) for c in asset["classification:classes"]] == [
        (0, "no_data", None), (1, "water", "1f78b4"), (2, "forest", "1b7837"), (7, "bare_land", "fdbf6f"),
    ]  # fmt: skip
    assert [c["title"] for c in asset["classification:classes"]] == ["no data", "water", "forest", "bare land"]
    assert [c.get("nodata") for c in asset["classification:classes"]] == [True, None, None, None]
    assert properties["proj:code"] == CRS
    assert properties["proj:shape"] == [40, 60]
    assert properties["proj:transform"] == [2, 0, 609_300, 0, -2, 3_756_300]
    assert properties["proj:bbox"] == [609_300, 3_756_220, 609_420, 3_756_300]
    assert properties["processing:software"] == {"landcover": "0.1.0"}
    assert properties["landcover:model_sha256"] == MODEL
    lineage = properties["processing:lineage"]
    assert lineage.startswith("Mapped from m_3308502_nw_16_1_20211003.tif with the model")
    assert f"{MODEL}, in float32" in lineage
    assert "/a/" not in written.read_text()
    # and again, the same to the last byte
    before = written.read_bytes()
    assert write_map_item(path).read_bytes() == before


def test_the_schemas_are_at_work(tmp_path, scheme, check, validator, random_model) -> None:
    of_map, of_model = write_map_item(_map(tmp_path / "m.tif", scheme)), write_model_item(random_model)
    spoilt = {
        "bbox": (of_map, lambda item: item["bbox"].pop()),
        "datetime": (of_map, lambda item: item["properties"].update(datetime=None)),
        "proj:shape": (of_map, lambda item: item["properties"].update({"proj:shape": [1.5, 2]})),
        "file:checksum": (of_map, lambda item: item["assets"]["map"].update({"file:checksum": "12 20"})),
        "color_hint": (of_map, lambda item: item["assets"]["map"]["classification:classes"][1].update(color_hint="#f")),
        "raster": (of_map, lambda item: item["assets"]["map"]["bands"][0].update({"raster:sampling": "spot"})),
        "processing": (of_map, lambda item: item["properties"].update({"processing:software": {"landcover": 1}})),
        "mlm:name": (of_model, lambda item: item["properties"].pop("mlm:name")),
        "mlm:output": (of_model, lambda item: item["properties"]["mlm:output"][0]["result"].pop("data_type")),
        "mlm:model": (of_model, lambda item: item["assets"]["model"].update(roles=["data"])),
    }
    whole = {path: check(path) for path in (of_map, of_model)}
    for path, spoil in spoilt.values():
        item = deepcopy(whole[path])
        spoil(item)
        with pytest.raises(pystac.STACValidationError):
            validator.validate(item, pystac.STACObjectType.ITEM, item["stac_version"], item["stac_extensions"])


def test_every_schema_is_told_of() -> None:
    told = (SCHEMAS / "README.md").read_text()
    files = sorted(path.name for path in SCHEMAS.glob("*.json"))
    assert re.findall(r"^\| `(.+?)`", told, re.MULTILINE) == files
    assert {f"{name}-{version}.json" for name, version in stac_parts.VERSIONS.items()} <= set(files)


def test_the_outline_is_exact_in_mercator_and_in_degrees() -> None:
    web = Grid(RasterCRS.from_epsg(3857), Affine(10, 0, -9_500_000, 0, -10, 4_000_000), 300, 500)
    geometry, bbox = footprint(web, "web.tif")
    west, east = (degrees(x / RADIUS) for x in (-9_500_000, -9_495_000))
    # on the sphere of web Mercator
    south, north = (degrees(atan(sinh(y / RADIUS))) for y in (3_997_000, 4_000_000))
    np.testing.assert_allclose(bbox, [west, south, east, north], atol=1e-7)
    ring = [[west, north], [west, south], [east, south], [east, north], [west, north]]
    np.testing.assert_allclose(geometry["coordinates"], [ring], atol=1e-7)
    plain = Grid(RasterCRS.from_epsg(4326), Affine(0.5, 0, 170, 0, -0.25, 90), 8, 20)
    geometry, bbox = footprint(plain, "plain.tif")
    assert bbox == [170, 88, 180, 90]
    assert geometry["coordinates"] == [[[170, 90], [170, 88], [180, 88], [180, 90], [170, 90]]]


@pytest.mark.parametrize("zone", [26910, 26916, 32733])
def test_the_outline_bends_as_the_edges_do(zone) -> None:
    size, top = 60.0, 6_000_000
    grid = Grid(RasterCRS.from_epsg(zone), Affine(size, 0, 200_000, 0, -size, top), 2000, 3000)
    geometry, bbox = footprint(grid, "utm.tif")
    outline = shape(geometry)
    assert outline.is_valid
    assert outline.exterior.is_ccw
    assert bbox == list(outline.bounds)
    project = Transformer.from_crs(zone, "OGC:CRS84", always_xy=True)
    left, bottom, right, _ = grid.bounds
    corners = [project.transform(x, y) for x in (left, right) for y in (bottom, top)]
    vertices = np.asarray(geometry["coordinates"][0])
    for corner in corners:
        assert np.abs(vertices - corner).sum(axis=1).min() < 2e-7
    middle = Point(project.transform((left + right) / 2, top))
    straight = LineString([project.transform(left, top), project.transform(right, top)])
    pixel = size / 111_195
    assert straight.distance(middle) > 5 * pixel
    assert outline.exterior.distance(middle) < pixel / 2
    # few points do
    assert len(vertices) < 60


@pytest.mark.parametrize(
    ("crs", "left", "top", "size"),
    [
        ("EPSG:32601", 200_000, 6_000_000, 2000),
        ("EPSG:3832", 3_300_000, 1_000_000, 2000),
        ("EPSG:4326", 175, 10, 0.05),
        ("EPSG:3031", -200_000, 200_000, 2000),
        ("EPSG:4326", 0, 95, 0.05),
    ],
)
def test_what_lies_across_the_antimeridian_or_a_pole_is_refused(crs, left, top, size) -> None:
    grid = Grid(RasterCRS.from_string(crs), Affine(size, 0, left, 0, -size, top), 200, 200)
    with pytest.raises(ImageError, match=r"^a\.tif: lies across the antimeridian or a pole: cut it there"):
        footprint(grid, "a.tif")


def test_beyond_180_degrees_is_the_other_side() -> None:
    grid = Grid(RasterCRS.from_epsg(4326), Affine(0.5, 0, 190, 0, -0.5, 10), 10, 10)
    assert footprint(grid, "a.tif")[1] == [-170, 5, -165, 10]


def test_a_crs_without_a_place_on_the_globe_is_refused(tmp_path, scheme) -> None:
    local = RasterCRS.from_wkt('LOCAL_CS["the yard",UNIT["metre",1]]')
    path = _map(tmp_path / "m.tif", scheme, Grid(local, Affine(1, 0, 5, 0, -1, 5), 10, 10))
    with pytest.raises(ImageError, match=r"m\.tif: .* cannot be brought to longitude and latitude"):
        map_item(path)


def test_a_crs_without_a_code_is_written_out(tmp_path, scheme, check) -> None:
    crs = RasterCRS.from_proj4("+proj=laea +lat_0=33.9 +lon_0=-85.8 +datum=WGS84 +units=m")
    path = _map(tmp_path / "m.tif", scheme, Grid(crs, Affine(2, 0, -10, 0, -2, 10), 10, 10))
    item = check(write_map_item(path))
    assert item["properties"]["proj:code"] is None
    assert RasterCRS.from_wkt(item["properties"]["proj:wkt2"]) == crs
    assert shape(item["geometry"]).contains(Point(-85.8, 33.9))
    # in degrees, the resolution is in metres all the same
    there = Grid(RasterCRS.from_epsg(4326), Affine(1e-5, 0, -85.8, 0, -1e-5, 60), 10, 10)
    band = map_item(_map(tmp_path / "d.tif", scheme, there))["assets"]["map"]["bands"][0]
    assert band["raster:spatial_resolution"] == pytest.approx(1.11 * 0.5**0.5, rel=0.01)


def test_a_day_in_the_name_counts_before_the_time_of_the_file(tmp_path, noise, scheme, check) -> None:
    image = write_image(tmp_path / "m_3708020_sw_17_1_20180730_20190109.tif", noise(8, 8))
    with rasterio.open(image, "r+") as dataset:
        dataset.update_tags(TIFFTAG_DATETIME="2019:02:03 04:05:06")
    for path in (image, f"https://example.com/{image.name}?key=1", "/no/longer/there/" + image.name):
        item = check(write_map_item(_map(tmp_path / "m.tif", scheme, image=str(path))))
        assert {key: item["properties"].get(key) for key in ("datetime", "start_datetime", "end_datetime")} == {
            "datetime": "2018-07-30T00:00:00Z",
            "start_datetime": "2018-07-30T00:00:00Z",
            "end_datetime": "2018-07-30T23:59:59Z",
        }
    image.rename(tmp_path / "plain.tif")
    properties = check(write_map_item(_map(tmp_path / "m.tif", scheme, image=str(tmp_path / "plain.tif"))))[
        "properties"
    ]
    assert properties["datetime"] == "2019-02-03T04:05:06Z"
    assert "start_datetime" not in properties


def test_without_a_date_the_map_says_when_it_was_written(tmp_path, noise, scheme, check) -> None:
    plain = write_image(tmp_path / "plain.tif", noise(8, 8))
    for image in (str(plain), "https://example.com/plain.tif", ""):
        path = _map(tmp_path / "m.tif", scheme, image=image)
        os.utime(path, (1_600_000_000, 1_600_000_000))
        properties = check(write_map_item(path))["properties"]
        assert properties["datetime"] == "2020-09-13T12:26:40Z"
        assert "When the image was taken is not known" in properties["description"]


def test_a_mosaic_was_taken_between_its_first_and_its_last_image(tmp_path, noise, scheme, check) -> None:
    for column, day in ((0, "20170801"), (30, "20190802")):
        write_image(tmp_path / f"naip/m_3308501_nw_16_1_{day}.tif", noise(40, 40), column)
    made = mosaic(MosaicSettings(images=(str(tmp_path / "naip"),)), tmp_path / "mosaic").path
    item = check(write_map_item(_map(tmp_path / "m.tif", scheme, image=str(made))))
    assert item["properties"]["datetime"] is None
    assert item["properties"]["start_datetime"] == "2017-08-01T00:00:00Z"
    assert item["properties"]["end_datetime"] == "2019-08-02T23:59:59Z"
    # the mosaic is read, its images need not be there
    for image in (tmp_path / "naip").iterdir():
        image.unlink()
    assert acquired(str(made)) is not None
    write_image(tmp_path / "naip/plain.tif", noise(40, 40), 60)
    write_image(tmp_path / "naip/m_3308501_nw_16_1_20170801.tif", noise(40, 40))
    again = mosaic(MosaicSettings(images=(str(tmp_path / "naip"),)), tmp_path / "mosaic", overwrite=True).path
    assert acquired(str(again)) is None


def test_a_map_in_cells_is_a_collection_with_an_item_of_each(tmp_path, scheme, check, validator) -> None:
    index, image = tmp_path / "m_20211003_landcover.vrt", "/a/m_20211003.tif"
    cells = []
    for column in (0, 20, 40):
        window = Window(column, 0, 20, 40)
        path = cells_folder(index) / f"r0000000_c{column:07d}.tif"
        _map(path, scheme, GRID.part(window), image, confidence=True)
        cells.append(Shown(window, path, {7: 700}, "00"))
    tags = {"LANDCOVER_VERSION": "0.1.0", "LANDCOVER_MODEL_SHA256": MODEL, "LANDCOVER_IMAGE": image}
    write_index(index, GRID, scheme, cells, tags, confidence=True)
    written = write_map_item(index)
    assert written == tmp_path / "m_20211003_landcover.stac.json"
    assert is_own(written)
    told = json.loads(written.read_text())
    collection = pystac.Collection.from_file(written)
    assert len(collection.validate(validator=validator)) == 3
    assert set(told["assets"]) == {"map", "confidence", "cells"}
    for asset in told["assets"].values():
        assert asset["file:checksum"] == _multihash(tmp_path / asset["href"])
    items = list(collection.get_items())
    assert [item.id for item in items] == [f"m_20211003_landcover_{cell.path.stem}" for cell in cells]
    for item, cell in zip(items, cells, strict=True):
        one = check(item_path(cell.path))
        assert item.get_collection().id == one["collection"] == collection.id == index.stem
        assert Path(item.get_assets()["map"].get_absolute_href()) == cell.path
        assert item.get_assets().keys() == told["item_assets"].keys() == {"map", "confidence"}
        assert one["properties"]["proj:bbox"] == list(GRID.part(cell.window).bounds)
    whole = footprint(GRID, index)[1]
    np.testing.assert_allclose(told["extent"]["spatial"]["bbox"][0], whole, atol=1e-6)
    assert told["extent"]["temporal"]["interval"] == [["2021-10-03T00:00:00Z", "2021-10-03T23:59:59Z"]]
    # made anew without, and the confidence of other cells is none of this map
    before = confidence_path(index).read_text()
    write_index(index, GRID, scheme, [Shown(cells[0].window, cells[0].path, {7: 700}, "11"), *cells[1:]], tags, False)
    assert not confidence_path(index).exists()
    confidence_path(index).write_text(before)
    assert set(json.loads(write_map_item(index).read_text())["assets"]) == {"map", "cells"}
    cells[0].path.unlink()
    with pytest.raises(ImageError, match=r"r0000000_c0000000.tif: no such file"):
        write_map_item(index)


def test_confidence_is_an_asset_of_its_map(tmp_path, scheme, check) -> None:
    path = _map(tmp_path / "m.tif", scheme, confidence=True)
    other = tmp_path / "m_confidence.tif"
    asset = check(write_map_item(path))["assets"]["confidence"]
    assert (asset["href"], asset["roles"]) == ("./m_confidence.tif", ["confidence"])
    assert (asset["file:size"], asset["file:checksum"]) == (other.stat().st_size, _multihash(other))
    band = asset["bands"][0]
    assert (band["data_type"], band["nodata"], band["unit"]) == ("uint8", 255, "%")
    assert "classification:classes" not in asset
    # that of another model or another place is left aside, and so is what only has the name
    _map(path, scheme, Grid(GRID.crs, GRID.transform, 40, 61))
    assert check(write_map_item(path))["assets"].keys() == {"map"}
    _map(path, scheme, model="cd" * 32)
    assert check(write_map_item(path))["assets"].keys() == {"map"}
    _map(other, scheme)
    _map(path, scheme)
    assert check(write_map_item(path))["assets"].keys() == {"map"}


def test_names_of_all_kinds_are_written_as_the_schemas_want(tmp_path, check) -> None:
    names = ["Forêt", "foret", "水", "roads / parking lots (paved)", "no data"]
    scheme = ClassScheme.model_validate(
        [{"value": n, "name": name, "color": f"#0000{n:02X}"} for n, name in enumerate(names, start=1)]
    )
    folder = tmp_path / "sites é#1"
    folder.mkdir()
    path = _map(folder / "50% of a map#2 é.tif", scheme)
    item = check(write_map_item(path))
    classes = item["assets"]["map"]["classification:classes"]
    keys = ["no_data", "foret", "class_2", "class_3", "roads_parking_lots_paved", "class_5"]
    assert [c["name"] for c in classes] == keys
    assert [c["title"] for c in classes] == ["no data", *names]
    assert classes[1]["color_hint"] == "000001"
    assert item["assets"]["map"]["href"] == "./50%25%20of%20a%20map%232%20%C3%A9.tif"


def test_what_is_no_map_is_refused(tmp_path, noise, scheme) -> None:
    image = write_image(tmp_path / "a.tif", noise(8, 8))
    with class_raster(tmp_path / "labels.tif", GRID, scheme) as target:
        target.write(np.ones(GRID.shape, np.uint8), GRID.whole)
    _map(tmp_path / "m.tif", scheme, confidence=True)
    for path in (image, tmp_path / "labels.tif", tmp_path / "m_confidence.tif"):
        with pytest.raises(ImageError, match=rf"{path.name}: is no map that `landcover classify` wrote"):
            write_map_item(path)
        assert not item_path(path).exists()
    with pytest.raises(ImageError, match=r"none\.tif: no such file"):
        map_item(tmp_path / "none.tif")
    with pytest.raises(ModelError, match="is not a model"):
        write_model_item(image)
    with pytest.raises(ModelError, match="no such model"):
        model_item(tmp_path / "none.keras")
    bare = write_image(tmp_path / "bare.tif", noise(8, 8, 1), crs=None)
    with rasterio.open(tmp_path / "m.tif") as dataset:
        tags = dataset.tags()
    with rasterio.open(bare, "r+") as dataset:
        dataset.update_tags(**tags)
    with pytest.raises(ImageError, match=r"bare\.tif: has no coordinate reference system: assign one"):
        map_item(bare)


def test_a_file_that_is_being_written_is_not_described(tmp_path, scheme, monkeypatch) -> None:
    path = _map(tmp_path / "m.tif", scheme)
    digest = stac_parts.digest

    def grow(file: Path) -> str:
        with file.open("ab") as end:
            end.write(b"more")
        return digest(file)

    monkeypatch.setattr(stac_parts, "digest", grow)
    with pytest.raises(LandcoverError, match=r"m\.tif: has changed while it was read"):
        write_map_item(path)
    monkeypatch.setattr(stac_parts, "digest", digest)
    item_path(path).mkdir()
    with pytest.raises(LandcoverError, match=r"m\.stac\.json: cannot be written"):
        write_map_item(path)
    assert not list(tmp_path.glob(".partial*"))


def test_a_model_is_described_in_full(random_model, scheme, check) -> None:
    path = write_model_item(random_model)
    assert path == random_model.parent / "model.stac.json"
    item = check(path)
    properties, asset = item["properties"], item["assets"]["model"]
    assert item["id"] == random_model.parent.name
    assert item["geometry"] is None
    assert "bbox" not in item
    assert "has no geometry" in properties["description"]
    assert asset["roles"] == ["mlm:model", "mlm:weights"]
    assert (asset["href"], asset["file:checksum"]) == ("./model.keras", _multihash(random_model))
    assert (properties["mlm:architecture"], properties["mlm:framework"]) == ("U-Net", "Keras")
    assert properties["mlm:framework_version"] == __import__("keras").__version__
    assert properties["mlm:tasks"] == ["semantic-segmentation"]
    names = ["red", "green", "blue", "nir"]
    assert [band["name"] for band in properties["bands"]] == [band["name"] for band in asset["bands"]] == names
    assert properties["bands"][0]["statistics"] == {"mean": 128.0, "stddev": 70.0}
    given, made = properties["mlm:input"][0], properties["mlm:output"][0]
    assert given["bands"] == names
    assert given["input"] == {
        "shape": [-1, 256, 256, 4], "dim_order": ["batch", "height", "width", "bands"], "data_type": "float32",
    }  # fmt: skip
    assert given["value_scaling"] is None
    assert "not scaled" in given["description"]
    assert made["result"]["shape"] == [-1, 256, 256, 4]
    assert [(c["value"], c["name"]) for c in made["classification:classes"]] == [
        (0, "background"), (1, "water"), (2, "forest"), (7, "bare_land"),
    ]  # fmt: skip
    # what the document says of the arrays is so
    network = load_network(random_model)
    assert network.predict_on_batch(np.zeros((2, 32, 48, 4), given["input"]["data_type"])).shape == (2, 32, 48, 4)
    before = path.read_bytes()
    assert write_model_item(random_model).read_bytes() == before


def test_a_model_says_what_it_cannot_do(tmp_path, random_model, check) -> None:
    folder = tmp_path / "été_"
    folder.mkdir()
    card = read_card(random_model).model_copy(
        update={"split": "random", "pixels": {"water": 5, "forest": 0, "bare land": 9}, "scores": {"val_loss": 0.4}}
    )
    save_model(load_network(random_model), card, folder / "model.keras")
    # of another training, whose figures are others
    (folder / "metrics.json").write_text(json.dumps({"parameters": 5, "val_loss": 0.5, "origin": {"train.epochs": 3}}))
    item = check(write_model_item(folder / "model.keras"))
    assert "Leaking split" in item["properties"]["description"]
    assert "nor forest, of which there was no training pixel" in item["properties"]["mlm:output"][0]["description"]
    assert item["properties"]["mlm:name"] == "landcover _t"
    assert item["id"] == "été_"
    assert item["properties"]["landcover:training"]["labelled_pixels"]["forest"] == 0
    assert not item["properties"].keys() & {"mlm:total_parameters", "mlm:hyperparameters"}


@pytest.fixture
def run(tmp_path, random_model):
    def classify(*arguments: object) -> Result:
        given = ["classify", *map(str, arguments), "--precision", "float32", "--set", "classify.tile=128"]
        model = [] if "-m" in given else ["-m", str(random_model)]
        result = CliRunner().invoke(main, [*given, *model, "--set", f"paths.data={tmp_path / 'data'}"])
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return classify


def test_classify_writes_an_item_beside_the_map_if_asked(tmp_path, run, scheme, check) -> None:
    image = write_image(tmp_path / "m_3708020_sw_17_1_20180730.tif", textured(40, 50))
    out = tmp_path / "maps/m.tif"
    assert run(image, "-o", out).exit_code == 0
    item = tmp_path / "maps/m.stac.json"
    assert not item.exists()
    # a map that is kept gets one too
    result = run(image, "-o", out, "--stac")
    assert (result.exit_code, result.stdout.split()[0]) == (0, "kept")
    first = check(item)
    assert first["properties"]["datetime"] == "2018-07-30T00:00:00Z"
    assert first["assets"]["map"]["file:checksum"] == _multihash(out)
    assert run(image, "-o", out, "--stac", "--confidence", "--overwrite").exit_code == 0
    assert check(item)["assets"].keys() == {"map", "confidence"}
    # a new map leaves no item of the old one beside it, whether an item is asked for or not
    assert run(image, "-o", out, "--no-collar", "--overwrite").exit_code == 0
    assert check(item)["assets"]["map"]["file:checksum"] == _multihash(out)
    assert check(item)["assets"].keys() == {"map"}
    item.write_text('{"mine": 1}')
    assert run(image, "-o", out, "--overwrite").exit_code == 0
    assert item.read_text() == '{"mine": 1}'
    result = run(image, "-o", out, "--stac")
    assert result.exit_code == 1
    assert "m.stac.json exists already: add --overwrite to replace it" in result.stderr
    assert item.read_text() == '{"mine": 1}'
    assert run(image, "-o", out, "--stac", "--overwrite").exit_code == 0
    check(item)


def test_each_of_several_maps_has_its_item_and_one_without_a_place_costs_no_other(tmp_path, run, check) -> None:
    write_image(tmp_path / "naip/a.tif", textured(40, 50))
    # 300 km west of its zone's meridian, on Alaska's islands
    write_image(tmp_path / "naip/far.tif", textured(40, 50), -310_000, -2_400_000, crs="EPSG:32601")
    result = run(tmp_path / "naip", "--stac", "-o", tmp_path / "maps")
    names = sorted(path.name for path in (tmp_path / "maps").glob("*.stac.json"))
    assert names == ["a_landcover.stac.json", "far_landcover.stac.json"]
    assert result.exit_code == 0
    check(tmp_path / "maps/a_landcover.stac.json")
    with rasterio.open(tmp_path / "naip/far.tif", "r+") as dataset:
        dataset.transform = Affine(9000, 0, 200_000, 0, -9000, 6_000_000)
    (tmp_path / "maps/a_landcover.stac.json").unlink()
    result = run(tmp_path / "naip", "--stac", "-o", tmp_path / "maps", "--overwrite")
    assert result.exit_code == 1
    assert "far_landcover.tif: lies across the antimeridian" in result.stderr
    assert result.stdout.splitlines()[-1] == "2 mapped"
    assert (tmp_path / "maps/a_landcover.stac.json").exists()


def test_a_model_of_pixels_has_an_item_that_keeps_to_the_schemas(tmp_path, scheme, check, monkeypatch) -> None:
    monkeypatch.setattr(estimators, "TREES", 3)
    paths = _stores(tmp_path, scheme, number=4)
    settings = QUICK.model_copy(update={"model": "random-forest", "name": "forest"})
    model = fit_pixels(paths, settings, scheme).path
    properties = check(write_model_item(model))["properties"]
    assert (properties["mlm:architecture"], properties["mlm:framework"]) == ("Random forest", "scikit-learn")
    assert properties["mlm:hyperparameters"]["n_estimators"] == 3
    assert properties["mlm:output"][0]["result"]["shape"] == [-1, 32, 32, 3]
    # without metrics.json it tells less
    (model.parent / "metrics.json").unlink()
    assert "mlm:hyperparameters" not in check(write_model_item(model))["properties"]


def test_the_item_of_a_model_of_pixels_lists_classes_as_the_model_gives_them(tmp_path, scheme, monkeypatch) -> None:
    monkeypatch.setattr(estimators, "TREES", 3)
    never = {"value": 9, "name": "never", "color": "#123456"}
    other = ClassScheme.model_validate([*reversed(scheme.model_dump()), never])
    paths = _stores(tmp_path, other, number=4)
    model = fit_pixels(paths, QUICK.model_copy(update={"model": "random-forest", "name": "forest"}), other).path
    [output] = model_item(model)["properties"]["mlm:output"]
    listed = [c["value"] for c in output["classification:classes"]]
    assert listed == load_estimator(model, read_card(model)).classes_.tolist() == [1, 2, 7]
    assert output["result"]["shape"][-1] == 3
    assert output["description"].endswith("is mapped. Not among them: never, of which there was no training pixel.")


def test_a_training_leaves_an_item_and_its_maps_link_to_it(tmp_path, scheme, run, check, monkeypatch) -> None:
    paths = _stores(tmp_path, scheme, number=4)
    settings = {
        "paths": {"data": str(paths.data), "models": str(paths.models)},
        "scheme": scheme.model_dump(),
        "train": QUICK.model_copy(update={"epochs": 1}).model_dump(mode="json"),
    }
    config = tmp_path / "c.yaml"
    config.write_text(json.dumps(settings))
    trained = CliRunner().invoke(main, ["train", "-c", str(config)], catch_exceptions=False)
    assert trained.exit_code == 0, trained.output
    item = check(paths.models / "unet/model.stac.json")
    model, metrics = paths.models / "unet/model.keras", json.loads((paths.models / "unet/metrics.json").read_text())
    properties = item["properties"]
    assert (item["id"], properties["mlm:name"]) == ("unet", "landcover unet")
    assert properties["mlm:total_parameters"] == load_network(model).count_params()
    assert (properties["mlm:hyperparameters"]["batch"], properties["mlm:hyperparameters"]["epochs"]) == (4, 1)
    assert properties["landcover:training"]["figures"]["val_loss"] == metrics["val_loss"]
    assert properties["landcover:training"]["chips"] == {"train": 4, "copies": 0, "validation": 4}
    assert properties["mlm:input"][0]["input"]["shape"] == [-1, 32, 32, 4]
    assert item["assets"]["model"]["file:checksum"] == _multihash(model)

    image = write_image(tmp_path / "a.tif", textured(40, 40))
    assert run(image, "--stac", "-m", model).exit_code == 0
    told = check(paths.data / "maps/a_landcover.stac.json")
    [link] = told["links"]
    assert link["rel"] == "derived_from"
    target = (paths.data / "maps" / link["href"]).resolve()
    assert target == (paths.models / "unet/model.stac.json").resolve()
    assert told["properties"]["processing:expression"] == {"format": "stac-mlm", "expression": link["href"]}
    assert item["assets"]["model"]["file:checksum"] == "1220" + told["properties"]["landcover:model_sha256"]
    # described anew, it keeps the link
    again = ["export", str(paths.data / "maps/a_landcover.tif"), "--to", "stac", "--overwrite", "-c", str(config)]
    assert CliRunner().invoke(main, again, catch_exceptions=False).exit_code == 0
    assert check(paths.data / "maps/a_landcover.stac.json") == told
    # there is no link to the item of another model
    (paths.models / "unet/model.stac.json").write_text(json.dumps(item).replace(_multihash(model), "1220" + MODEL))
    assert map_item(paths.data / "maps/a_landcover.tif", model)["links"] == []

    # a training is not lost for the sake of its item
    monkeypatch.setattr("landcover.export.stac.model_item", lambda path: 1 / 0)
    again = CliRunner().invoke(main, ["train", "-c", str(config), "--overwrite"], catch_exceptions=False)
    assert again.exit_code == 0, again.output
    assert "no STAC item of" in again.stderr
    assert read_card(model).scores
