"""Several images in one command, and images beyond a network."""

import os
import pickle
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import rasterio
from click.testing import CliRunner, Result
from conftest import textured, write_image, write_polygons

from landcover.classify import Kept, classify_one
from landcover.classify.cells import Cell
from landcover.classify.mapper import given_by
from landcover.classify.onworker import Whole, map_piece
from landcover.classify.predict import classify_image
from landcover.cli import main
from landcover.config import Config
from landcover.errors import OutputExists
from landcover.image import find_image
from landcover.settings import ClassifySettings


@pytest.fixture
def classify(tiny_model, tmp_path):
    def run(*arguments: object) -> Result:
        given = ["classify", *map(str, arguments), "-m", str(tiny_model), "--precision", "float32"]
        result = CliRunner().invoke(main, [*given, "--set", f"paths.data={tmp_path / 'data'}"])
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return run


def _images(folder: Path) -> None:
    write_image(folder / "a.tif", textured(100, 120))
    write_image(folder / "b.tif", textured(90, 200))
    (folder / "broken.tif").write_bytes((folder / "a.tif").read_bytes()[:9000])
    write_image(folder / "rgb.tif", textured(90, 200)[:3])


def test_images_that_touch_are_one_map_as_a_mosaic_in_a_folder_of_its_own(tmp_path, classify) -> None:
    whole = textured(96, 192)
    write_image(tmp_path / "whole/county.tif", whole)
    for name, left, right in (("west", 0, 96), ("east", 96, 192)):
        write_image(tmp_path / f"county/{name}.tif", whole[:, :, left:right], left)
    parts = classify(tmp_path / "county")
    assert "east.tif and " in parts.stderr
    assert "west.tif touch: each image is mapped by itself" in parts.stderr
    write_image(tmp_path / "apart/far.tif", whole, 5000)
    assert "touch" not in classify(tmp_path / "apart", tmp_path / "county/west.tif").stderr

    def mosaic(*given: object) -> Result:
        settings = ["--set", f"paths.data={tmp_path / 'data'}"]
        return CliRunner().invoke(main, ["mosaic", str(tmp_path / "county"), *map(str, given), *settings])

    place = tmp_path / "data/interim/county"
    assert mosaic("--out", place).exit_code == 0
    assert not (tmp_path / "data/interim/mosaic").exists()
    assert "is up to date" in mosaic("--out", place).stdout
    assert classify(place / "mosaic.vrt").exit_code == 0
    assert classify(tmp_path / "whole/county.tif", "-o", tmp_path / "whole.tif").exit_code == 0
    with (
        rasterio.open(tmp_path / "data/maps/county_landcover.tif") as made,
        rasterio.open(tmp_path / "whole.tif") as one,
    ):
        assert (made.read(1) == one.read(1)).all()
    # nothing else is replaced
    refused = mosaic("--out", tmp_path / "county", "--overwrite")
    assert refused.exit_code == 2
    assert "holds no mosaic that could be replaced: name a new folder" in refused.stderr
    assert (tmp_path / "county/west.tif").exists()


def test_a_bad_image_is_told_of_and_the_others_are_mapped(tmp_path, classify) -> None:
    _images(tmp_path / "naip")
    result = classify(tmp_path / "naip", "-o", tmp_path / "maps")
    assert result.exit_code == 1
    lines = result.stdout.splitlines()
    assert [line.split()[0] for line in lines[:4]] == ["mapped", "mapped", "failed", "failed"]
    assert lines[0].endswith("a_landcover.tif: 12,000 pixels")
    assert "broken.tif: " in lines[2]
    assert "has 3 bands, but the model was trained on 4" in lines[3]
    assert lines[4] == "2 mapped, 2 failed"
    assert sorted(p.name for p in (tmp_path / "maps").glob("*.tif")) == ["a_landcover.tif", "b_landcover.tif"]
    assert not list((tmp_path / "maps").glob(".*"))


def test_maps_that_are_up_to_date_are_kept(tmp_path, classify) -> None:
    _images(tmp_path / "naip")
    (tmp_path / "naip/broken.tif").unlink()
    (tmp_path / "naip/rgb.tif").unlink()
    command = [str(tmp_path / "naip/*.tif"), "-o", tmp_path / "maps"]
    assert classify(*command).exit_code == 0
    written = (tmp_path / "maps/a_landcover.tif").stat().st_mtime_ns
    again = classify(*command)
    assert (again.exit_code, again.stdout.splitlines()[-1]) == (0, "2 kept")
    # nothing of these could not be read
    assert classify(*command, "--skip-bad").stdout.splitlines()[-1] == "2 kept"
    write_image(tmp_path / "naip/b.tif", textured(90, 200) // 2)
    changed = classify(*command)
    # a map of an older image is neither kept nor replaced unasked
    assert changed.exit_code == 1
    assert "exists already: add --overwrite" in changed.stdout
    # nor is one that is older than the map; the time does not matter where the content is the same
    os.utime(tmp_path / "naip/b.tif", (1, 1))
    assert classify(*command).stdout.splitlines()[-1] == "1 kept, 1 failed"
    write_image(tmp_path / "naip/b.tif", textured(90, 200))
    assert classify(*command).stdout.splitlines()[-1] == "2 kept"
    other = classify(*command, "--no-collar")
    assert other.stdout.splitlines()[-1] == "2 failed"
    assert classify(*command, "--overwrite").stdout.splitlines()[-1] == "2 mapped"
    assert (tmp_path / "maps/a_landcover.tif").stat().st_mtime_ns > written


def test_maps_show_the_colours_of_the_configuration_if_it_names_the_model_s_classes(
    tmp_path, tiny_model, scheme
) -> None:
    image, out = str(write_image(tmp_path / "a.tif", textured(64, 64))), tmp_path / "m.tif"

    def config(*colours: str, **names: str) -> Config:
        listed = [c.model_dump() | {"color": colour} for c, colour in zip(scheme, colours, strict=False)]
        listed = [c | {"name": names.get(c["name"], c["name"])} for c in listed]
        given = {"classify": {"model": str(tiny_model), "precision": "float32"}}
        return Config.model_validate(given | ({"scheme": listed} if listed else {}))

    def shown(path: Path) -> list[str]:
        with rasterio.open(path) as dataset:
            table = dataset.colormap(1)
        return ["#{:02x}{:02x}{:02x}".format(*table[value][:3]) for value in scheme.values]

    own, painted = [c.color for c in scheme], config("#000001", "#000002", "#000003")
    classify_one(config(), image, out)
    assert shown(out) == own
    assert isinstance(classify_one(config(), image, out), Kept)
    classify_one(painted, image, out, overwrite=True)
    assert shown(out) == ["#000001", "#000002", "#000003"]
    assert isinstance(classify_one(painted, image, out), Kept)
    with pytest.raises(OutputExists, match=r"it is not up to date: scheme\.2\.color: #000002 -> #00ff00"):
        classify_one(config("#000001", "#00ff00", "#000003"), image, out)
    # of classes that are not the model's
    other = config("#000001", "#000002", "#000003", water="lakes")
    classify_one(other, image, tmp_path / "o.tif")
    assert shown(tmp_path / "o.tif") == own
    assert isinstance(classify_one(config(), image, tmp_path / "o.tif"), Kept)
    # as workers make them, one after the other with the same model
    found = find_image(image)
    for number, (settings, expected) in enumerate(((painted, shown(out)), (config(), own))):
        for piece in (
            Whole(image, tmp_path / f"w{number}.tif", 4096),
            Cell(found, found.grid.whole, tmp_path / f"c{number}.tif"),
        ):
            given = given_by(settings.classify)
            map_piece(pickle.loads(pickle.dumps(settings)), None, {found.path: "float32"}, False, None, piece, given)
            assert shown(piece.out) == expected


def test_two_images_of_one_name_do_not_share_a_map(tmp_path, classify) -> None:
    for folder in ("one", "two"):
        write_image(tmp_path / folder / "a.tif", textured(64, 64))
    result = classify(tmp_path / "one", tmp_path / "two")
    assert result.exit_code == 1
    assert "both maps would be" in result.stderr
    assert not (tmp_path / "data").exists()


def test_several_images_need_a_folder(tmp_path, classify) -> None:
    for name in ("a", "b"):
        write_image(tmp_path / f"{name}.tif", textured(64, 64))
    result = classify(tmp_path / "a.tif", tmp_path / "b.tif", "-o", tmp_path / "map.tif")
    assert (result.exit_code, "2 images need a folder" in result.stderr) == (2, True)
    assert classify(tmp_path / "a.tif", tmp_path / "b.tif").exit_code == 0
    assert len(list((tmp_path / "data/maps").glob("*_landcover.tif"))) == 2


def test_images_beside_the_area_of_interest_are_no_failures(tmp_path, classify) -> None:
    write_image(tmp_path / "naip/a.tif", textured(100, 100))
    write_image(tmp_path / "naip/far.tif", textured(100, 100), 5000, 5000)
    aoi = write_polygons(tmp_path / "aoi.gpkg", [(10, 20, 60, 90, 1)])
    result = classify(tmp_path / "naip", "--aoi", aoi, "-o", tmp_path / "maps")
    assert (result.exit_code, result.stdout.splitlines()[-1]) == (0, "1 mapped, 1 outside")
    assert "3,500 pixels" in result.stdout
    nowhere = write_polygons(tmp_path / "nowhere.gpkg", [(90000, 20, 90060, 90, 1)])
    result = classify(tmp_path / "naip", "--aoi", nowhere, "-o", tmp_path / "none")
    assert (result.exit_code, "no polygon lies on any of the images" in result.stderr) == (1, True)


SERVER = """
import sys
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

class Ranges(SimpleHTTPRequestHandler):
    def do_GET(self):
        path = Path(self.translate_path(self.path))
        if "Range" not in self.headers or not path.is_file():
            return super().do_GET()
        data = path.read_bytes()
        first, _, last = self.headers["Range"].removeprefix("bytes=").partition("-")
        part = data[int(first) : int(last) + 1 if last else None]
        self.send_response(206)
        self.send_header("Content-Range", f"bytes {first}-{int(first) + len(part) - 1}/{len(data)}")
        self.send_header("Content-Length", str(len(part)))
        self.end_headers()
        self.wfile.write(part)

server = ThreadingHTTPServer(("127.0.0.1", 0), Ranges)
print(server.server_port, flush=True)
server.serve_forever()
"""


@pytest.fixture
def served(tmp_path) -> Iterator[str]:
    """The address at which the files of tmp_path are served, in parts, as any server of imagery does."""
    with subprocess.Popen(
        [sys.executable, "-c", SERVER], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as server:
        assert server.stdout is not None
        yield f"http://127.0.0.1:{server.stdout.readline().strip()}"
        server.kill()


def test_an_image_is_read_from_a_server(tmp_path, tiny_model, served) -> None:
    settings = ClassifySettings(model=tiny_model, precision="float32", tile=128)
    write_image(tmp_path / "a.tif", textured(300, 300), tiled=True, blockxsize=128, blockysize=128)
    classify_image(tmp_path / "a.tif", settings, tmp_path / "near.tif")
    classify_image(f"{served}/a.tif", settings, tmp_path / "far.tif")
    with rasterio.open(tmp_path / "near.tif") as near, rasterio.open(tmp_path / "far.tif") as far:
        np.testing.assert_array_equal(near.read(1), far.read(1))
