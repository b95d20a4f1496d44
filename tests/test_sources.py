"""Files by folders, globs and the home folder; and what to do where a source names none."""

from pathlib import Path

import pytest
from conftest import run, write_image

from landcover.config import load_config
from landcover.errors import ImageError
from landcover.sources import expand, overlooked

SUFFIXES = (".tif", ".tiff")


@pytest.fixture(autouse=True)
def project(tmp_path, monkeypatch) -> Path:
    for name in ("naip/32085/a.tif", "naip/32085/more/b.tif", "naip/notes/c.txt", "naip/.old/d.tif", "empty/c.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def _told(source: str) -> str:
    with pytest.raises(ImageError) as caught:
        expand([source], SUFFIXES, ImageError)
    return str(caught.value)


def test_what_lies_in_folders_of_a_folder_is_named(project) -> None:
    start = "naip: no file in this folder ends in .tif, .tiff or the like: "
    assert _told("naip") == f"{start}2 in folders below it: name naip/**/*.tif in its place"
    assert expand(["naip/**/*.tif"], SUFFIXES, ImageError) == ["naip/32085/a.tif", "naip/32085/more/b.tif"]
    (project / "naip/32085/e.TIF").write_text("")
    assert _told("naip").endswith("3 in folders below it: name naip/**/ in its place")
    assert len(expand(["naip/**/"], SUFFIXES, ImageError)) == 3
    assert overlooked(["naip"], SUFFIXES, []) == {}
    (project / "naip/f.tif").write_text("")
    assert overlooked(["naip"], SUFFIXES, ["naip/f.tif", "./naip/32085/a.tif"]) == {"naip": (2, "naip/**/")}


def test_what_to_do_depends_on_the_folder_that_the_command_runs_in(project, monkeypatch) -> None:
    outside = "put it there, or name another; commands run in the project's folder, where configs/default.yaml is"
    assert _told("x.tif") == f"x.tif: no such file or folder: {outside}"
    (project / "configs").mkdir()
    (project / "configs/default.yaml").write_text("")
    assert _told("x.tif") == "x.tif: no such file or folder: put it there, or name another"
    assert _told("empty/*.tif") == "empty/*.tif: no file matches: put it there, or name another"
    assert _told("empty").endswith("or the like: put it there, or name another")
    monkeypatch.chdir(project / "naip/32085")
    assert _told("data/raw/naip").endswith("folder: cd ../.. first, as commands run in the project's folder")
    assert _told("/x.tif") == "/x.tif: no such file or folder: put it there, or name another"


def test_a_tilde_is_the_home_folder(project, monkeypatch) -> None:
    monkeypatch.setenv("HOME", str(project))
    monkeypatch.setenv("USERPROFILE", str(project))
    assert expand(["~/naip/32085"], SUFFIXES, ImageError) == [str(project / "naip/32085/a.tif")]
    config = load_config(None, ["mosaic.images=~/naip", "paths.data=~/d", "classify.aoi=~/a.gpkg"])
    assert config.mosaic.images == (str(project / "naip"),)
    assert config.paths.mosaic == project / "d/interim/mosaic"
    assert config.classify.aoi == project / "a.gpkg"


def test_a_mosaic_says_which_images_it_leaves_out(project, noise) -> None:
    write_image(project / "data/raw/naip/a.tif", noise(32, 32))
    assert "Note" not in run("mosaic").stderr
    write_image(project / "data/raw/naip/32085/b.tif", noise(32, 32))
    note = "Note: data/raw/naip: 1 image in folders below it left out: name data/raw/naip/**/*.tif to have them\n"
    assert note in run("mosaic").stderr
    assert "Note" not in run("mosaic", "data/raw/naip/**/*.tif").stderr
