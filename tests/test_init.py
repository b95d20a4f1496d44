import shutil
import sqlite3
import subprocess
from pathlib import Path
from xml.etree import ElementTree as ET

import geopandas as gpd
import pyogrio
import pytest
import rasterio
import yaml
from conftest import ORIGIN, run, write_image
from shapely.geometry import box

from landcover.config import Config, load_config
from landcover.project.configfile import fill

ROOT = Path(__file__).parents[1]
TEMPLATE = ROOT / "landcover/project/template"
SCHEME = (
    'scheme=[{value: 3, name: "lakes, ponds", color: "#1f78b4"}, {value: 8, name: trees & bushes, color: "#1b7837"}]'
)


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path / "demo"


def draw(path: Path, boxes: list[tuple[float, float, float, float]], values: list[int], crs: str) -> None:
    """Add polygons to a layer as a GIS does."""
    frame = gpd.GeoDataFrame({"Classvalue": values}, geometry=[box(*b) for b in boxes], crs=crs)
    pyogrio.write_dataframe(frame, path, layer=path.stem, append=True, promote_to_multi=True)


def test_the_template_is_what_the_repository_shows() -> None:
    for name in ("configs/default.yaml", "data/README.md", "models/README.md"):
        assert (TEMPLATE / name).read_text() == (ROOT / name).read_text(), name


def test_a_project_has_a_place_for_everything(folder) -> None:
    result = run("init", folder)
    assert result.exit_code == 0, result.output
    assert "NAD83" in result.stdout
    for name in ("data/raw/naip", "data/interim", "data/processed", "data/external", "models", "reports/figures",
                 "notebooks", "references"):  # fmt: skip
        assert (folder / name).is_dir(), name
    assert not [p for p in folder.rglob("*") if p.name.startswith(".partial")]
    stages = ("prepare", "mosaic", "labels", "chips", "stack", "augment", "train", "classify", "points", "assess")
    targets = (folder / "Makefile").read_text()
    for stage in stages:
        assert f"\n{stage}: ## " in targets
        assert f"$(LANDCOVER) {stage} $(OPTIONS)" in targets
    config = load_config(folder / "configs/default.yaml")
    assert config.chips.max_background > 0.9
    assert config == load_config(None, [f"chips.max_background={config.chips.max_background}"])
    assert "demo" in (folder / "configs/default.yaml").read_text().splitlines()[0]
    assert "name\n   `data/raw/naip/**/*.tif` as `mosaic.images` in" in (folder / "README.md").read_text()
    written, shown = ((root / "configs/default.yaml").read_text() for root in (folder, ROOT))
    assert written.count("# ") == shown.count("# ") > 50


def test_labels_know_the_classes_as_a_domain(folder) -> None:
    run("init", folder, "--set", SCHEME)
    path = folder / "data/raw/labels.gpkg"
    info = pyogrio.read_info(path, layer="labels")
    assert (info["geometry_type"], info["features"], info["crs"]) == ("MultiPolygon", 0, "EPSG:4269")
    assert list(info["fields"]) == ["Classvalue", "Remark"]
    with sqlite3.connect(path) as file:
        coded = file.execute(
            "SELECT value, c.description FROM gpkg_data_columns JOIN gpkg_data_column_constraints AS c "
            "USING (constraint_name) WHERE table_name = 'labels' "
            "AND column_name = 'Classvalue' AND constraint_type = 'enum' ORDER BY value"
        ).fetchall()
        extensions = file.execute("SELECT table_name FROM gpkg_extensions WHERE extension_name = 'gpkg_schema'")
        assert {name for (name,) in extensions} == {"gpkg_data_columns", "gpkg_data_column_constraints"}
        assert file.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert coded == [("3", "lakes, ponds"), ("8", "trees & bushes")]
    with sqlite3.connect(folder / "data/raw/reference.gpkg") as file:
        assert file.execute("SELECT table_name FROM gpkg_data_columns").fetchone() == ("reference",)


@pytest.mark.skipif(not shutil.which("ogrinfo"), reason="GDAL's programs are not installed")
def test_gdal_reads_the_domain(folder) -> None:
    run("init", folder, "--set", SCHEME)
    command = ["ogrinfo", "-q", "-fielddomain", "land_cover_class", str(folder / "data/raw/labels.gpkg")]
    told = subprocess.run(command, capture_output=True, text=True).stdout
    assert "Type: coded" in told
    assert "8: trees & bushes" in told


def test_qgis_finds_a_style_with_the_classes_in_the_file_and_beside_it(folder) -> None:
    run("init", folder, "--set", SCHEME)
    path = folder / "data/raw/labels.gpkg"
    with sqlite3.connect(path) as file:
        (stored, geometry), = file.execute(
            "SELECT styleQML, f_geometry_column FROM layer_styles "
            "WHERE f_table_schema = '' AND f_table_name = 'labels' AND useAsDefault"
        ).fetchall()  # fmt: skip
        assert file.execute("SELECT column_name FROM gpkg_geometry_columns").fetchone() == (geometry,)
    assert stored == path.with_suffix(".qml").read_text()
    qgis = ET.fromstring(stored)
    categories = [(c.get("value"), c.get("label")) for c in qgis.findall("renderer-v2/categories/category")]
    assert categories == [("3", "lakes, ponds"), ("8", "trees & bushes"), ("", "no class yet")]
    colours = [o.get("value") for o in qgis.findall(".//symbols//Option[@name='outline_color']")]
    assert colours[:2] == ["31,120,180,255", "27,120,55,255"]
    widget = qgis.find("fieldConfiguration/field[@name='Classvalue']/editWidget[@type='ValueMap']")
    assert [(o.get("name"), o.get("value")) for o in widget.findall(".//Option[@type='QString']")] == [
        ("lakes, ponds", "3"),
        ("trees & bushes", "8"),
    ]
    assert qgis.find("constraints/constraint[@field='Classvalue']").get("notnull_strength") == "1"


def test_images_give_the_labels_their_crs_and_the_configuration_their_paths(folder, noise) -> None:
    for n in range(2):
        write_image(folder.parent / f"quads/{n}.tif", noise(32, 32), column=32 * n)
    result = run("init", folder, "--from-images", "quads/0.tif", "quads/1.tif")
    assert result.exit_code == 0, result.output
    assert "EPSG:26916 (that of the images)" in result.stdout
    config = load_config(folder / "configs/default.yaml")
    assert config.mosaic.images == (str(folder.parent / "quads"),)
    assert pyogrio.read_info(folder / "data/raw/labels.gpkg", layer="labels")["crs"] == "EPSG:26916"
    assert "mosaic.images" in (folder / "README.md").read_text()
    other = folder.parent / "other"
    assert run("init", other, "--from-images", "quads/1.tif").exit_code == 0
    assert load_config(other / "configs/default.yaml").mosaic.images == (str(folder.parent / "quads/1.tif"),)
    missing = run("init", folder.parent / "third", "--from-images", "none.tif")
    assert missing.exit_code == 1
    assert missing.stderr.startswith("Error: none.tif: no such file or folder: put it there, or name another")
    assert not (folder.parent / "third").exists()


def test_images_that_lie_in_the_folder_already_count(folder, noise) -> None:
    write_image(folder / "data/raw/naip/a.tif", noise(32, 32))
    assert "EPSG:26916 (that of the images)" in run("init", folder).stdout
    assert pyogrio.read_info(folder / "data/raw/labels.gpkg", layer="labels")["crs"] == "EPSG:26916"


def test_what_is_there_is_kept_and_what_is_missing_added(folder) -> None:
    folder.mkdir()
    (folder / "README.md").write_text("mine")
    first = run("init", folder, "--set", SCHEME)
    assert "kept what was there: README.md" in first.stderr
    assert (folder / "README.md").read_text() == "mine"
    (folder / "Makefile").unlink()
    for name in ("reference.gpkg", "reference.qml"):
        (folder / "data/raw" / name).unlink()
    before = (folder / "data/raw/labels.gpkg").read_bytes()
    again = run("init", folder)
    assert "3 files written" in again.stdout
    assert (folder / "data/raw/labels.gpkg").read_bytes() == before
    with sqlite3.connect(folder / "data/raw/reference.gpkg") as file:
        told = file.execute("SELECT value FROM gpkg_data_column_constraints ORDER BY value").fetchall()
    assert told == [("3",), ("8",)], "the project's own scheme"
    assert run("init", folder, "--overwrite").exit_code == 0
    assert (folder / "README.md").read_text() != "mine"


def test_polygons_that_are_drawn_are_never_replaced(folder) -> None:
    run("init", folder)
    path = folder / "data/raw/labels.gpkg"
    draw(path, [(-85, 32, -84.9, 32.1)], [1], "EPSG:4269")
    before = {p: p.read_bytes() for p in folder.rglob("*") if p.is_file()}
    result = run("init", folder, "--overwrite", "--set", "train.epochs=9")
    assert result.exit_code == 1
    assert "labels.gpkg: holds 1 polygon" in result.stderr
    assert {p: p.read_bytes() for p in folder.rglob("*") if p.is_file()} == before


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["demo", "x.tif"], 2, "images go after --from-images"),
        (["file"], 1, "file: is a file: name the folder first"),
        (["file/demo"], 1, "cannot make this folder"),
    ],
)
def test_mistakes_are_told(folder, arguments, code, message) -> None:
    Path("file").write_text("")
    result = run("init", *arguments)
    assert (result.exit_code, [p.name for p in folder.parent.iterdir()]) == (code, ["file"])
    assert message in result.stderr


def test_images_for_a_project_that_has_a_configuration_go_into_it_by_hand(folder, noise) -> None:
    run("init", folder)
    write_image(folder.parent / "a.tif", noise(32, 32))
    result = run("init", folder, "--from-images", "a.tif")
    assert result.exit_code == 1
    assert "name the images in its mosaic.images, or add --overwrite" in result.stderr


def test_settings_go_into_the_file_and_paths_do_not(folder) -> None:
    (folder.parent / "mine.yaml").write_text(
        "paths: {data: elsewhere}\ntrain:\n  loss: {crossentropy: 1, dice: 0.5}\n  net: {depth: 4}\n"
        "chips: {max_background: 0.7}\nlabels: {field: kind, source: [x.gpkg], reclassify: {0: 6, '11-14': 1}}\n"
    )
    assert run("init", folder, "-c", "mine.yaml").exit_code == 0
    made = load_config(folder / "configs/default.yaml")
    wanted = load_config("mine.yaml")
    for section in ("scheme", "chips", "split", "train", "points"):
        assert getattr(made, section) == getattr(wanted, section), section
    assert (made.labels.field, made.labels.reclassify) == ("kind", {0: 6, "11-14": 1})
    assert made.paths == Config().paths
    assert made.labels.source == ("data/raw/labels.gpkg",)


def test_values_are_filled_in_and_comments_stay() -> None:
    text = "a:              # first\n  b: 1    # of b\n  c: [1, 2]\n  d:\n    - x\n    - y\n\ne: null # last\n"
    filled = fill(text, {"a": {"b": 12, "c": [3], "d": ["z", "x: y"], "other": 1}, "e": "no: yes"})
    assert yaml.safe_load(filled) == {"a": {"b": 12, "c": [3], "d": ["z", "x: y"]}, "e": "no: yes"}
    assert "  b: 12   # of b\n" in filled
    assert "a:              # first\n" in filled
    assert fill(text, {"a": {"b": 1, "d": ["x", "y"]}, "e": None}) == text


def test_from_init_to_training_chips_with_nothing_else_to_do(folder, noise, monkeypatch) -> None:
    run("init", folder)
    monkeypatch.chdir(folder)
    write_image(folder / "data/raw/naip/a.tif", noise(900, 900))
    x, y = ORIGIN
    boxes = [(x + c, y - r - 40, x + c + 40, y - r) for r in range(20, 860, 140) for c in range(20, 860, 140)]
    shapes = gpd.GeoSeries([box(*b) for b in boxes], crs="EPSG:26916").to_crs("EPSG:4269")
    frame = gpd.GeoDataFrame({"Classvalue": [1 + n % 6 for n in range(len(boxes))]}, geometry=shapes)
    pyogrio.write_dataframe(frame, "data/raw/labels.gpkg", layer="labels", append=True, promote_to_multi=True)
    assert run("classify").stderr.startswith("Error: data/interim/mosaic/mosaic.vrt: no such file")
    result = run("prepare")
    assert result.exit_code == 0, result.output
    assert (folder / "data/processed/train").is_dir()
    assert run("classify").stderr.startswith("Error: models/unet/model.keras: no such model")


def test_classify_without_images_maps_the_mosaic(folder, noise, random_model, monkeypatch) -> None:
    run("init", folder)
    monkeypatch.chdir(folder)
    for n in range(2):
        write_image(folder / f"data/raw/naip/{n}.tif", noise(96, 96), column=96 * n)
    assert run("mosaic").exit_code == 0
    result = run("classify", "-m", random_model, "--precision", "float32")
    assert result.exit_code == 0, result.output
    with rasterio.open("data/maps/mosaic_landcover.tif") as dataset:
        assert dataset.shape == (96, 192)
    other = run("assess", "--set", "scheme=[{value: 1, name: water, color: '#000000'}, {value: 2, name: forest, "
                "color: '#000001'}, {value: 7, name: bare land, color: '#000002'}]")  # fmt: skip
    assert other.stderr.startswith("Error: data/raw/reference.gpkg: has no features: draw some")
