import json
import os
import re
import subprocess
import sys
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import rasterio
from affine import Affine
from conftest import CRS, ORIGIN, run, write_image, write_polygons
from numpy.typing import NDArray
from rasterio.enums import ColorInterp
from rasterio.features import rasterize
from scipy import ndimage
from shapely.geometry import LineString, Polygon, box

from landcover import machine
from landcover.config import Config, load_config
from landcover.doctor import Finding, as_text, doctor, fails
from landcover.doctor.environment import check_environment
from landcover.doctor.finding import could_not
from landcover.doctor.shift import estimate_shift, match_edges
from landcover.errors import LandcoverError
from landcover.model import ModelCard
from landcover.modelfile import ENTRY
from landcover.scheme import ClassScheme

ROOT = Path(__file__).parents[1]
NAIP = Path("data/raw/naip")
LABELS = Path("data/raw/labels.gpkg")


@pytest.fixture
def project(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def found(check: str, severity: str = "", overrides: tuple[str, ...] = ()) -> list[Finding]:
    """Findings of a check on the project in this folder."""
    told = doctor(load_config(None, overrides))
    return [f for f in told if f.check == check and severity in ("", f.severity)]


def fields(seed: int = 0, size: int = 768) -> tuple[list[tuple[int, int, int, int, int]], NDArray[np.uint8]]:
    """Rectangles (left, top, right, bottom, class) of the default scheme, and an image that shows them."""
    random = np.random.default_rng(seed)
    classes = np.zeros((size, size), np.uint8)
    boxes = []
    for number, (row, column) in enumerate((r, c) for r in range(10, size - 90, 95) for c in range(10, size - 90, 95)):
        height, width = random.integers(45, 80, 2)
        top, left = row + random.integers(0, 12), column + random.integers(0, 12)
        boxes.append((int(left), int(top), int(left + width), int(top + height), 1 + number % 6))
        classes[top : top + height, left : left + width] = 1 + number % 6
    light = np.array([90, 40, 200, 20, 160, 60, 120])
    ground = ndimage.gaussian_filter(random.normal(0, 60, (size, size)), 3)
    image = [light[classes] * share + ground + random.normal(0, 8, classes.shape) for share in (1, 0.8, 0.6, 0.9)]
    return boxes, np.clip(image, 1, 255).astype(np.uint8)


@pytest.fixture
def healthy(project) -> Path:
    boxes, image = fields()
    write_image(NAIP / "a.tif", image, nodata=0)
    write_polygons(LABELS, boxes)
    return project


def test_a_healthy_project_has_no_errors_and_nothing_is_written(healthy) -> None:
    before = {p: p.stat().st_mtime_ns for p in healthy.rglob("*")}
    result = run("doctor")
    assert result.exit_code == 0, result.output
    assert "nothing that would fail was found" in result.stdout
    assert {p: p.stat().st_mtime_ns for p in healthy.rglob("*")} == before
    assert "  ok       1 image of 4 bands, uint8, 0.6 million pixels of 1 x 1 m, EPSG:26916" in result.stdout


def test_each_finding_says_what_where_why_and_how_to_mend(project) -> None:
    LABELS.parent.mkdir(parents=True)
    write_polygons(LABELS, [(0, 0, 9, 9, 1)])
    told = doctor(Config())
    assert fails(told)
    for finding in told:
        assert finding.what
        assert finding.where
        if finding.severity != "ok":
            assert finding.why, finding
            assert finding.mend, finding
            assert all(text in as_text(told) for text in (finding.what, finding.where, finding.why, finding.mend))


def test_json_is_a_list_of_findings_and_the_exit_code_tells_of_errors(healthy) -> None:
    result = run("doctor", "--json", "-q")
    told = json.loads(result.stdout)
    assert result.exit_code == 0
    assert {tuple(f) for f in told} == {("severity", "check", "what", "where", "why", "mend", "figures")}
    bands = next(f for f in told if f["check"] == "images.bands")["figures"]["images"][0]["bands"]
    with rasterio.open(NAIP / "a.tif") as dataset:
        assert bands[0]["mean"] == pytest.approx(dataset.read(1).mean(), abs=0.01)
    (NAIP / "b.tif").write_text("no image")
    result = run("doctor", "--json")
    assert result.exit_code == 1
    errors = [(f["check"], f["where"]) for f in json.loads(result.stdout) if f["severity"] == "error"]
    assert errors == [("images.open", str(NAIP / "b.tif"))]


def test_nothing_slow_is_imported(project) -> None:
    code = (
        "import sys; from landcover.config import Config; from landcover.doctor import doctor; doctor(Config());"
        "print([m for m in ('tensorflow', 'keras', 'matplotlib') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert (done.stdout.strip(), done.stderr) == ("[]", "")


def rotated(path: Path, pixels: NDArray[np.uint8]) -> None:
    profile = {"driver": "GTiff", "count": 4, "height": 64, "width": 64, "dtype": "uint8", "crs": CRS}
    with rasterio.open(path, "w", transform=Affine(1, 0.2, 0, 0.2, -1, 0), **profile) as dataset:
        dataset.write(pixels)


def cut_short(path: Path, pixels: NDArray[np.uint8]) -> None:
    write_image(path, pixels)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def spoilt(path: Path, pixels: NDArray[np.uint8]) -> None:
    """The last block holds rubbish, and the file is as long as it should be."""
    write_image(path, pixels, compress="deflate", tiled=True, blockxsize=16, blockysize=16)
    with rasterio.open(path) as dataset:
        offset = int(dataset.get_tag_item("BLOCK_OFFSET_3_3", "TIFF", bidx=1))
    data = bytearray(path.read_bytes())
    data[offset : offset + 200] = b"\xff" * 200
    path.write_bytes(data)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda path, pixels: path.write_text("no image"), "cannot be opened as a raster"),
        (lambda path, pixels: path.write_bytes(b""), "is empty"),
        (cut_short, "is cut short"),
        (spoilt, "cannot be read at column"),
        (rotated, "is rotated"),
        (lambda path, pixels: write_image(path, pixels, crs=None), "has no coordinate reference system"),
        (lambda path, pixels: write_image(path, pixels.astype("float32")), "pixels are float32"),
    ],
)
def test_a_broken_image_is_a_finding_and_the_others_are_looked_at(healthy, noise, spoil, message) -> None:
    spoil(NAIP / "b.tif", noise(64, 64))
    told = doctor(Config())
    errors = [f for f in told if f.severity == "error"]
    assert [(f.check, f.where) for f in errors] == [("images.open", str(NAIP / "b.tif"))]
    assert message in errors[0].what
    assert errors[0].mend
    assert next(f for f in told if f.check == "images.grid").what.startswith("1 image of 4 bands")


def test_images_in_folders_of_a_folder_are_told_of(project, noise) -> None:
    write_image(NAIP / "32085/a.tif", noise(64, 64))
    write_image(NAIP / "32086/b.tif", noise(64, 64), column=64)
    (none,) = found("images.open", "error")
    assert none.what == "no file in this folder ends in .tif, .tiff or the like: 2 in folders below it"
    assert (none.where, none.mend) == (str(NAIP), "name data/raw/naip/**/*.tif in mosaic.images")
    assert "2 images of 4 bands" in found("images.grid", "ok", (f"mosaic.images={NAIP}/**/*.tif",))[0].what
    write_image(NAIP / "c.tif", noise(64, 64), column=128)
    (some,) = found("images.folders", "warning")
    assert (some.what, some.mend) == ("2 images in folders below it", "name data/raw/naip/**/*.tif in mosaic.images")
    assert not found("images.folders", overrides=(f"mosaic.images=[{NAIP}, {NAIP}/32085, {NAIP}/32086]",))


@pytest.mark.parametrize(
    ("message", "what", "mend"),
    [
        ("a.tif: is empty: copy it again", "is empty", "copy it again"),
        ("a.tif: cannot be read (GDAL: it: is odd): is it whole?", "cannot be read (GDAL: it: is odd)", "is it whole?"),
        (
            "a.tif: cannot be opened (not: a file)",
            "cannot be opened (not: a file)",
            "mend what it names, or leave it out",
        ),
        ("a.tif: codes: forest (3 pixels)", "codes: forest (3 pixels)", "mend what it names, or leave it out"),
        ("b.gpkg: no such file", "b.gpkg: no such file", "mend what it names, or leave it out"),
    ],
)
def test_what_an_error_says_to_do_is_the_mend_and_nothing_else(message, what, mend) -> None:
    told = could_not("images.open", "a.tif", LandcoverError(message))
    assert (told.what, told.mend) == (what, mend)


def test_near_infrared_that_is_marked_as_alpha(project, noise) -> None:
    for name, last in (("a", None), ("b", None), ("mask", 255)):
        pixels = noise(64, 64)
        if last:
            pixels[3] = last
        path = write_image(NAIP / f"{name}.tif", pixels, photometric="RGB", alpha="YES")
        with rasterio.open(path) as dataset:
            assert dataset.colorinterp[3] == ColorInterp.alpha
    alike, mask = found("images.alpha", "warning")
    assert (alike.what, alike.where) == ("near infrared is marked as alpha", f"{NAIP / 'a.tif'} and 1 more")
    assert [f["file"] for f in alike.figures["files"]] == [str(NAIP / "a.tif"), str(NAIP / "b.tif")]
    assert "holds nothing but a mask" in mask.what
    assert not found("images.bands", "warning")


def test_bands_that_say_nothing_or_are_missing(project, noise) -> None:
    pixels = noise(64, 64)
    pixels[1] = 7
    write_image(NAIP / "a.tif", pixels)
    assert [f.what for f in found("images.bands", "warning")] == ["band 2 is 7 everywhere"]
    write_image(NAIP / "a.tif", noise(64, 64, bands=3))
    assert [f.what for f in found("images.bands", "warning")] == ["3 bands, no near infrared"]


def test_collars_that_nothing_declares(project, noise) -> None:
    pixels = noise(200, 200)
    write_image(NAIP / "a.tif", pixels)
    assert not found("images.nodata", "warning")
    pixels[:, :, :30] = 0
    write_image(NAIP / "a.tif", pixels)
    (black,) = found("images.nodata", "warning")
    assert "0 in all bands along the edges" in black.what
    assert black.figures["share"] == pytest.approx(0.15, abs=0.001)
    off = found("images.nodata", "warning", ("classify.collar=false",))
    assert "mapped as if it were land" in off[0].why
    write_image(NAIP / "a.tif", pixels, nodata=0)
    assert not found("images.nodata", "warning")
    assert found("images.nodata", "ok")[0].what == "nodata is declared: 0"
    pixels[:, :, :30] = 255
    write_image(NAIP / "a.tif", pixels)
    assert "greatest value in all bands" in found("images.nodata", "warning")[0].what


def test_images_that_do_not_go_together(project, noise) -> None:
    for n in range(3):
        write_image(NAIP / f"{n}.tif", noise(64, 64), column=64 * n)
    told = [f for f in doctor(Config()) if f.check.startswith("images") and f.severity != "ok"]
    assert {f.check for f in told} == {"images.alpha"}
    write_image(NAIP / "zone.tif", noise(64, 64), crs="EPSG:26917")
    write_image(NAIP / "coarse.tif", noise(64, 64), size=5.0)
    write_image(NAIP / "rgb.tif", noise(64, 64, bands=3))
    write_image(NAIP / "deep.tif", noise(64, 64).astype("uint16"))
    assert "in EPSG:26917, the mosaic in EPSG:26916" in found("images.crs", "warning")[0].what
    (coarse,) = found("images.resolution", "warning")
    assert "pixels of 5 x 5 m, the mosaic's are 1 x 1 m" in coarse.what
    assert "shows other things" in coarse.why
    assert [f.what for f in found("images.alike", "error")] == [
        "bands 3, but 4 in most images",
        "pixel type uint16, but uint8 in most images",
    ]


def test_a_large_image_is_looked_at_in_places(project) -> None:
    profile = {"driver": "GTiff", "dtype": "uint8", "count": 4, "height": 30_000, "width": 30_000, "tiled": True,
               "blockxsize": 512, "blockysize": 512, "SPARSE_OK": True, "crs": CRS,
               "transform": Affine(1, 0, ORIGIN[0], 0, -1, ORIGIN[1])}  # fmt: skip
    NAIP.mkdir(parents=True)
    with rasterio.open(NAIP / "a.tif", "w", **profile) as dataset:
        dataset.write(np.full((4, 600, 600), 9, np.uint8), window=((29_400, 30_000), (29_400, 30_000)))
    tracemalloc.start()
    (black,) = found("images.nodata", "warning")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert black.figures["share"] > 0.9
    assert peak < 40e6


@pytest.mark.parametrize(
    ("shapes", "values", "check", "what"),
    [
        ([box(0, 0, 9, 9)], [77], "labels.class", "classes in Classvalue that the scheme does not have: 77 (1)"),
        ([box(0, 0, 9, 9)], [None], "labels.class", "1 feature without a class in Classvalue: 1"),
        (
            [Polygon([(0, 0), (9, 9), (9, 0), (0, 9)])],
            [1],
            "labels.geometry",
            "1 feature invalid (Self-intersection): 1",
        ),
        ([None], [1], "labels.geometry", "1 feature without a geometry: 1"),
        ([LineString([(0, 0), (9, 9)])], [1], "labels.geometry", "1 feature of kind LineString, not Polygon: 1"),
    ],
)
def test_all_that_is_wrong_with_polygons_is_told(healthy, shapes, values, check, what) -> None:
    frame = gpd.read_file(LABELS)
    moved = gpd.GeoSeries(shapes).translate(ORIGIN[0] + 5, ORIGIN[1] - 50)
    bad = gpd.GeoDataFrame({"Classvalue": values}, geometry=moved, crs=CRS)
    whole = gpd.GeoDataFrame(
        {"Classvalue": [*values, *frame.Classvalue]}, geometry=[*bad.geometry, *frame.geometry], crs=CRS
    )
    whole.to_file(LABELS, layer="labels")
    (error,) = [f for f in doctor(Config()) if f.severity == "error"]
    assert (error.check, error.what, error.where) == (check, what, str(LABELS))


@pytest.mark.parametrize(
    ("write", "what"),
    [
        (lambda: gpd.GeoDataFrame({"Classvalue": []}, geometry=[], crs=CRS).to_file(LABELS), "no polygon is drawn"),
        (lambda: LABELS.write_text("no layers"), "cannot be opened as vector data"),
        (lambda: LABELS.unlink(), "no such file"),
        (lambda: gpd.read_file(LABELS).to_file(LABELS, layer="more"), "has several layers"),
        (lambda: gpd.read_file(LABELS)[["geometry"]].to_file(LABELS, layer="labels"), "which field"),
    ],
)  # fmt: skip
def test_labels_that_cannot_be_read_are_a_finding(healthy, write: Callable[[], object], what) -> None:
    write()
    errors = [f for f in doctor(Config()) if f.severity == "error"]
    assert len(errors) == 1
    assert what in errors[0].what
    assert errors[0].where == str(LABELS)


def test_overlaps_of_different_classes_are_told_with_their_area(healthy) -> None:
    boxes, _ = fields()
    left, top, right, _, value = boxes[0]
    write_polygons(LABELS, [*boxes, (left, top, right, top + 20, value % 6 + 1), (left, top, right, top + 9, value)])
    (overlap,) = found("labels.overlap", "warning")
    (pair, other) = overlap.figures["pairs"]
    assert sorted(pair["features"] + other["features"])[0] in (0, 1)
    assert pair["square_metres"] == pytest.approx((right - left) * 20, rel=0.01)
    assert "2 pairs of polygons of different classes overlap" in overlap.what
    assert re.search(r"; most do the features with ids \d+ \([a-z ]+\) and \d+ \([a-z ]+\)$", overlap.what)
    write_polygons(LABELS, [*boxes, (left, top, right, top + 20, value)])
    assert not found("labels.overlap")


def test_a_polygon_without_a_class_overlaps_none_of_another_class(healthy) -> None:
    boxes, _ = fields()
    left, top, right = boxes[0][:3]
    write_polygons(LABELS, [*boxes, (left, top, right, top + 20, 0), (left, top + 30, right, top + 60, 99)])
    assert not found("labels.overlap")


def test_labels_outside_the_imagery(healthy) -> None:
    boxes, _ = fields()
    write_polygons(LABELS, [*boxes, (5000, 0, 5050, 50, 1)])
    (some,) = found("labels.outside")
    assert (some.severity, len(some.figures["features"])) == ("warning", 1)
    write_polygons(LABELS, [(5000 + b[0], b[1], 5000 + b[2], b[3], b[4]) for b in boxes])
    (none,) = found("labels.outside")
    assert (none.severity, none.what) == ("error", "no label lies on the images")
    assert "the images around -86.9" in none.why
    gpd.read_file(LABELS).to_file("data/raw/far.gpkg")
    write_polygons(LABELS, boxes)
    two = found("labels.outside", overrides=("labels.source=[data/raw/far.gpkg, data/raw/labels.gpkg]",))
    assert [f.severity for f in two] == ["warning"]


def test_each_class_with_its_ground(healthy) -> None:
    boxes, _ = fields()
    kept = [b for b in boxes if b[4] not in (3, 4)] + [b for b in boxes if b[4] == 4][:2]
    write_polygons(LABELS, kept)
    missing, few = found("labels.class", "warning")
    assert missing.what == "no label on the images of water (3)"
    assert few.what.startswith("harvested, open or bare land (4) is in few places: 2 polygons, ")
    assert few.mend == "draw more of it, at least 5 polygons in all, well apart"
    (ok,) = found("labels.class", "ok")
    for row in ok.figures["classes"]:
        own = [b for b in kept if b[4] == row["value"]]
        assert row["polygons"] == len(own)
        assert row["hectares"] == pytest.approx(sum((b[2] - b[0]) * (b[3] - b[1]) for b in own) / 1e4, rel=0.01)


@pytest.mark.parametrize(
    ("number", "side", "what", "mend"),
    [
        (2, 20, "2 polygons, 0.08 ha, 801 pixels", "5 polygons and 2,000 pixels in all, well apart"),
        (6, 10, "6 polygons, 0.06 ha, 600 pixels", "2,000 pixels in all"),
    ],
)
def test_of_a_class_only_what_is_short_is_asked_for(healthy, number, side, what, mend) -> None:
    boxes, _ = fields()
    small = [(b[0], b[1], b[0] + side, b[1] + side, 3) for b in boxes if b[4] == 3][:number]
    write_polygons(LABELS, [*(b for b in boxes if b[4] != 3), *small])
    (little,) = found("labels.class", "warning")
    assert (little.what, little.mend) == (f"water (3) has little: {what}", f"draw more of it, at least {mend}")


def test_label_rasters_count_too(healthy) -> None:
    boxes, _ = fields()
    shapes = [(box(b[0], -b[3], b[2], -b[1]), b[4]) for b in boxes]
    classes = rasterize(shapes, (768, 768), transform=Affine(1, 0, 0, 0, -1, 0), dtype="uint8")
    write_image(Path("data/raw/labels.tif"), classes[None], nodata=0)
    source = ("labels.source=data/raw/labels.tif",)
    (ok,) = found("labels.class", "ok", source)
    assert [round(1e4 * row["hectares"]) for row in ok.figures["classes"]] == np.bincount(classes.ravel())[1:].tolist()
    assert found("labels.shift", "ok", source)[0].figures["pixels"] < 0.5
    write_image(Path("data/raw/labels.tif"), classes[None] * 20)
    assert "neither in scheme" in found("labels.open", "error", source)[0].what


def test_chips_that_would_all_be_dropped(project, noise) -> None:
    write_image(NAIP / "a.tif", noise(900, 900))
    boxes = [(c, r, c + 20, r + 20, 1 + n % 2) for n, (r, c) in enumerate((r, c) for r in (50, 500) for c in (50, 500))]
    write_polygons(LABELS, boxes)
    (error,) = found("chips.background", "error")
    assert error.figures["labelled_share"] == {"1": pytest.approx(400 / 256**2, abs=1e-4)} | {
        "2": pytest.approx(400 / 256**2, abs=1e-4)
    }
    mended = error.mend.split("--set ")[1]
    assert found("chips.background", "ok", (mended,))
    assert run("prepare", "--set", mended).exit_code == 0
    assert run("prepare", "--set", "chips.max_background=0.9", "--overwrite").exit_code == 1
    write_polygons(LABELS, [*boxes, (600, 600, 800, 800, 3)])
    (warning,) = found("chips.background", "warning")
    assert "no chip of buildings, roads or parking lots is" in warning.what


@pytest.mark.parametrize(("right", "down"), [(0, 0), (6, 0), (-4, 9), (-15, -11)])
def test_a_known_shift_is_found(project, right, down) -> None:
    boxes, image = fields()
    write_image(NAIP / "a.tif", image)
    write_polygons(LABELS, [(b[0] + right, b[1] + down, b[2] + right, b[3] + down, b[4]) for b in boxes])
    (shift,) = found("labels.shift")
    figures = shift.figures
    assert (figures["right"], figures["down"]) == (pytest.approx(-right, abs=0.5), pytest.approx(-down, abs=0.5))
    assert shift.severity == ("warning" if right or down else "ok")
    if right == 6:
        assert "6.0 px to the left" in shift.what
        assert "move them by -6" in shift.mend


def test_without_edges_no_shift_is_told(project, noise) -> None:
    boxes, _ = fields()
    write_image(NAIP / "a.tif", noise(768, 768))
    write_polygons(LABELS, boxes)
    (shift,) = found("labels.shift")
    assert shift.severity == "ok"
    assert shift.what.startswith("not enough edges to tell")
    assert shift.figures["pixels"] is None
    image = np.moveaxis(noise(64, 64), 0, -1)
    nothing = match_edges(image, np.ones((64, 64), bool), np.ones((64, 64), np.uint8))
    assert nothing is None
    assert estimate_shift([]) is None


def test_the_border_of_an_image_is_no_edge(project) -> None:
    """Nor is that of its data: labels that end there would fit at any price."""
    image = np.full((256, 256, 4), 100, np.uint8)
    valid = np.zeros((256, 256), bool)
    valid[20:200, 20:200] = True
    image[~valid] = 0
    match = match_edges(image, valid, np.pad(np.ones((176, 176), np.uint8), ((22, 58), (22, 58))))
    assert match is None


@pytest.mark.parametrize(("right", "down"), [(0, 0), (7, -3)])
def test_real_labels_lie_on_their_image(project, real_data, right, down) -> None:
    ohio = real_data / "ohio-naip-landcover"
    frame = gpd.read_file(ohio / "test_labels.gpkg")
    frame["Classvalue"] = frame.class_id.map({1: 1, 2: 2, 3: 4, 4: 5, 5: 3})
    frame.geometry = frame.geometry.translate(right * 0.6, -down * 0.6)
    LABELS.parent.mkdir(parents=True)
    frame[["Classvalue", "geometry"]].to_file(LABELS, layer="labels")
    (shift,) = found("labels.shift", overrides=(f"mosaic.images={ohio / 'test/site02_scene.tif'}",))
    assert shift.figures["right"] == pytest.approx(-right, abs=0.7)
    assert shift.figures["down"] == pytest.approx(-down, abs=0.7)
    assert shift.severity == ("ok" if right == 0 else "warning")


def write_card(scheme: ClassScheme, **more: object) -> None:
    card = ModelCard(
        scheme=scheme, bands=4, dtype="uint8", mean=(0.0,) * 4, deviation=(1.0,) * 4, pixel_size=(1.0, 1.0),
        chip_size=256, halo=96, multiple=16, split="blocks", pixels={}, scores={},
    ).model_copy(update=more)  # fmt: skip
    Path("models/unet").mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile("models/unet/model.keras", "w") as archive:
        archive.writestr(ENTRY, card.model_dump_json())


def test_a_model_that_contradicts_the_configuration(healthy, scheme) -> None:
    own = Config().scheme
    write_card(own)
    assert [f.severity for f in doctor(Config()) if f.check.startswith("model")] == ["ok"]
    write_card(scheme)
    assert "1 water, 2 forest, 7 bare land" in found("model.scheme", "error")[0].what
    paler = ClassScheme.model_validate([c.model_dump() | {"color": "#abcdef"} for c in own])
    write_card(paler)
    assert "other colours" in found("model.scheme", "warning")[0].what
    write_card(own, bands=3)
    assert found("model.bands", "error")[0].what == "was trained on 3 bands, images have 4"
    write_card(own, pixel_size=(0.5, 0.5))
    assert "was trained on pixels of 0.5 x 0.5 m" in found("model.resolution", "warning")[0].what
    Path("models/unet/model.keras").write_text("no model")
    assert "is not a model" in found("model.file", "error")[0].what


def test_outputs_that_cannot_be_written(healthy, monkeypatch) -> None:
    Path("reports").write_text("a file")
    (blocked,) = found("outputs.folder", "error")
    assert (blocked.where, blocked.what) == ("reports", "is a file, not a folder")
    Path("reports").unlink()
    may = os.access
    monkeypatch.setattr("os.access", lambda path, mode: Path(path).name != "models" and may(path, mode))
    Path("models").mkdir()
    (closed,) = found("outputs.folder", "error")
    assert (closed.where, closed.what) == ("models", "may not be written to")
    monkeypatch.setattr("shutil.disk_usage", lambda path: type("Usage", (), {"free": 5_000_000})())
    assert "0.0 GB free" in found("outputs.disk", "warning")[0].what


def test_the_reference(healthy) -> None:
    assert found("reference.file", "warning")[0].what == "no reference yet"
    write_polygons(Path("data/raw/reference.gpkg"), [(0, 0, 9, 9, 1)])
    assert found("reference.file", "ok")[0].what == "1 feature"
    assert "is the labels as well" in found("reference.file", "warning", (f"assess.reference={LABELS}",))[0].what


def test_a_reference_beside_the_images_is_for_other_maps(healthy) -> None:
    write_polygons(Path("data/raw/reference.gpkg"), [(0, 0, 9, 9, 1), (9000, 0, 9009, 9, 2)])
    assert found("reference.file")[0].what == "2 features, 1 of them outside the images of the mosaic"
    write_polygons(Path("data/raw/reference.gpkg"), [(9000, 0, 9009, 9, 2)])
    (told,) = found("reference.file")
    assert told.severity == "ok"
    assert told.what.startswith("1 feature, outside the images of the mosaic: for maps of other images")
    points = gpd.GeoDataFrame({"Classvalue": [1]}, geometry=gpd.points_from_xy([0], [0]), crs=4326)
    points.to_file("data/raw/reference.gpkg", layer="labels")
    assert ", outside the images of the mosaic: " in found("reference.file")[0].what


def test_a_good_reference_is_not_blamed_for_labels_that_are_missing(healthy) -> None:
    write_polygons(Path("data/raw/reference.gpkg"), [(0, 0, 9, 9, 1)])
    LABELS.unlink()
    assert [(f.severity, f.what) for f in found("reference.file")] == [("ok", "1 feature")]
    (missing,) = found("labels.open", "error")
    assert (missing.what, missing.where) == ("no such file or folder", str(LABELS))
    assert missing.mend.startswith("draw polygons there (`landcover init` makes an empty file for it), or name labels")


def _shapes(values: list[object], crs: str | None = CRS, field: str = "Classvalue", points: bool = False) -> None:
    shapes = [box(n, 0, n + 5, 5).centroid if points else box(n, 0, n + 5, 5) for n in range(len(values))]
    gpd.GeoDataFrame({field: values}, geometry=shapes, crs=crs).to_file("data/raw/reference.gpkg")


@pytest.mark.parametrize(
    ("write", "check", "what"),
    [
        (lambda: _shapes(["water", "Watr"]), "reference.class", "not have: Watr (1; did you mean water?)"),
        (lambda: _shapes([1, 77]), "reference.class", "classes in Classvalue that the scheme does not have: 77 (1)"),
        (lambda: _shapes([1], crs=None), "reference.crs", "has no coordinate reference system"),
        (lambda: _shapes([1], crs=None, points=True), "reference.file", "has no coordinate reference system"),
        (lambda: _shapes([99], field="height"), "reference.file", "which field holds the class?"),
        (lambda: Path("data/raw/reference.gpkg").write_text("none"), "reference.file", "cannot be opened as vector"),
    ],
)
@pytest.mark.filterwarnings("ignore:'crs' was not provided")
def test_a_reference_that_assess_would_stop_at(healthy, write, check, what) -> None:
    write()
    (error,) = [f for f in doctor(Config()) if f.severity == "error"]
    assert (error.check, error.where) == (check, "data/raw/reference.gpkg")
    assert what in error.what
    assert "labels" not in error.why


def test_rasters_as_a_reference_that_assess_would_stop_at(healthy) -> None:
    source = ("assess.reference=data/raw/reference.tif",)
    Path("data/raw/reference.tif").write_text("no raster")
    assert "cannot be opened as a raster" in found("reference.file", "error", source)[0].what
    write_image(Path("data/raw/reference.tif"), np.full((1, 64, 64), 9, np.uint8), column=9000)
    assert "codes that are neither in scheme" in found("reference.file", "error", source)[0].what
    write_image(Path("data/raw/reference.tif"), np.full((1, 64, 64), 2, np.uint8), column=9000)
    assert found("reference.file", "ok", source)[0].what.startswith("a raster, outside the images of the mosaic: ")
    write_image(Path("data/raw/reference.tif"), np.full((1, 64, 64), 2, np.uint8))
    assert found("reference.file", "ok", source)[0].what == "a raster"
    _shapes([1], points=True)
    both = ("assess.reference=[data/raw/reference.gpkg, data/raw/reference.tif]",)
    assert "a sample of points is one file" in found("reference.file", "error", both)[0].what


@pytest.mark.parametrize(
    ("overrides", "check", "what"),
    [
        (("classify.aoi=none.gpkg",), "named.aoi", "no such file"),
        (("assess.image=none.tif",), "named.image", "no such file"),
        (("train.model=deeplab", "train.backbone.weights=none.h5"), "named.weights", "no such file"),
        (("train.model=deeplab", "train.backbone.weights=mine.py"), "named.weights", "should be an .h5"),
        (("train.model=nonet:build",), "named.model", "there is no module nonet: nonet.py should lie in"),
        (("train.model=nets.nonet:build",), "named.model", "there is no module nets.nonet"),
    ],
)
def test_files_that_settings_name_and_that_are_not_there(healthy, overrides, check, what) -> None:
    for file in ("mine.py", "nets/__init__.py"):
        Path(file).parent.mkdir(exist_ok=True)
        Path(file).write_text("raise AssertionError('imported')\n")
    (error,) = [f for f in doctor(load_config(None, overrides)) if f.severity == "error"]
    assert error.check == check
    assert what in error.what
    assert error.mend


def test_code_of_ones_own_is_found_and_not_imported(healthy) -> None:
    for file in ("mine.py", "nets/__init__.py", "nets/small.py"):
        Path(file).parent.mkdir(exist_ok=True)
        Path(file).write_text("raise AssertionError('imported')\n")
    for model in ("mine:build", "nets.small:build"):
        assert not found("named.model", overrides=(f"train.model={model}",))
    assert not found("named.weights", overrides=("train.backbone.weights=none.h5",)), "the U-Net has no backbone"


def a_machine(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


MEMINFO = "MemTotal:       16000000 kB\nMemFree: 1 kB\nMemAvailable:    8000000 kB\n"


def test_memory_and_processor_are_those_of_the_container(tmp_path) -> None:
    plain = a_machine(tmp_path / "plain", {"proc/meminfo": MEMINFO})
    assert machine.memory(plain) == machine.Memory(16_384_000_000, 8_192_000_000, None)
    newer = {
        "proc/meminfo": MEMINFO, "proc/self/cgroup": "0::/a/b\n", "sys/fs/cgroup/a/b/memory.max": "max",
        "sys/fs/cgroup/a/memory.max": "3000000000", "sys/fs/cgroup/a/memory.current": "1000000000",
        "sys/fs/cgroup/a/cpu.max": "50000 100000",
    }  # fmt: skip
    assert machine.memory(a_machine(tmp_path / "new", newer)) == machine.Memory(
        16_384_000_000, 2_000_000_000, 3_000_000_000
    )
    assert machine.cores(tmp_path / "new") == 1
    older = {
        "proc/meminfo": MEMINFO, "proc/self/cgroup": "4:memory:/\n", "proc/cpuinfo": "flags : sse sse2\n",
        "sys/fs/cgroup/memory/memory.limit_in_bytes": "2000000000",
        "sys/fs/cgroup/memory/memory.usage_in_bytes": "500000000",
    }  # fmt: skip
    old = a_machine(tmp_path / "old", older)
    assert machine.memory(old) == machine.Memory(16_384_000_000, 1_500_000_000, 2_000_000_000)
    assert machine.memory(tmp_path / "nowhere") is None
    told = {f.check: f for f in check_environment(2_000_000_000, old)}
    assert told["environment.memory"].severity == "warning"
    assert "classify.memory=1200MB" in told["environment.memory"].mend
    assert told["environment.processor"].severity == "error"
    assert "no AVX" in told["environment.processor"].what


def test_a_gpu_is_told_by_its_driver(tmp_path) -> None:
    root = a_machine(tmp_path, {"proc/driver/nvidia/gpus/0/information": "Model: \t\t NVIDIA H200\nIRQ: 1\n"})
    assert machine.gpus(root) == ["NVIDIA H200"]
    assert machine.gpus(a_machine(tmp_path / "c", {"dev/nvidia0": "", "dev/nvidiactl": ""})) == ["an NVIDIA GPU"]
    (told,) = [f for f in check_environment(1, root) if f.check == "environment.gpu"]
    assert "NVIDIA H200" in told.what


@pytest.mark.parametrize("seed", range(6))
def test_whatever_is_broken_becomes_a_finding(healthy, seed) -> None:
    random = np.random.default_rng(seed)
    write_card(Config().scheme)
    for path in (NAIP / "a.tif", LABELS, Path("models/unet/model.keras")):
        data = bytearray(path.read_bytes())
        for at in random.integers(0, len(data), 60):
            data[at] = random.integers(256)
        path.write_bytes(data[: random.integers(len(data) // 2, len(data))])
    told = doctor(Config())
    assert fails(told)
    json.dumps([f.record() for f in told])
