"""What `train` and `classify` have made is kept, but they say when images and labels are others since."""

import shutil
import sys
from pathlib import Path

import pytest
from conftest import run, textured, write_image, write_polygons

from landcover.behind import behind_chips, behind_map
from landcover.classraster import confidence_path
from landcover.config import Config, load_config
from landcover.pipeline import MOSAIC, classify_stage, map_path, train_stage
from landcover.prepare import prepare
from landcover.provenance import record_path, taken, write_run
from landcover.stage import Stage

BOXES = [(x, y, x + 60, y + 60, 1 + (x // 64 + y // 64) % 6) for x in range(0, 256, 64) for y in range(0, 256, 64)]
SMALL = "chips: {size: 64, stride: 64}\nsplit: {block: 128, validation: 0.2}\n"
LABELS = Path("data/raw/labels.gpkg")


def _made(stage: Stage) -> None:
    """As if the stage had been run."""
    for part in stage.made:
        part.parent.mkdir(parents=True, exist_ok=True)
        part.write_text("made")
    (stage.folder / "model.stac.json").write_text("made")
    write_run(stage, tuple(taken(path, stage.folder) for path in stage.inputs), 0)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose chips, model and map are up to date."""
    folder = tmp_path_factory.mktemp("whole")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        write_image(Path("data/raw/naip/a.tif"), textured(256, 256))
        write_polygons(LABELS, BOXES)
        Path("configs").mkdir()
        Path("configs/default.yaml").write_text(SMALL)
        prepare(load_config())
        _made(train_stage(load_config()))
        _made(_map())
    return folder


@pytest.fixture
def project(whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copytree(whole, tmp_path / "project")
    monkeypatch.chdir(tmp_path / "project")
    return tmp_path / "project"


def _map() -> Stage:
    config = load_config()
    image = config.paths.mosaic / MOSAIC
    out = map_path(config.paths.maps, image)
    return classify_stage(config, str(image), out, confidence_path(out))


def _add_an_image() -> None:
    write_image(Path("data/raw/naip/b.tif"), textured(256, 256), 256)


def test_nothing_is_said_where_all_is_up_to_date(project) -> None:
    for command, out in (("train", "models/unet"), ("classify", "data/maps/mosaic_landcover.tif")):
        result = run(command)
        assert (result.exit_code, result.stderr) == (0, ""), command
        assert out in result.stdout


@pytest.mark.parametrize("command", ["train", "classify"])
def test_what_is_there_is_kept_and_what_changed_is_said(project, command) -> None:
    _add_an_image()
    result = run(command, "-q")
    assert result.exit_code == 0
    assert result.stderr == ("Note: not up to date: mosaic (data/raw/naip/b.tif is new): run `landcover prepare`\n")
    write_polygons(LABELS, BOXES[:9])
    both = run(command, "-q").stderr
    assert "mosaic (data/raw/naip/b.tif is new), labels (data/raw/labels.gpkg has changed (" in both
    assert both.endswith("): run `landcover prepare`\n")


def test_a_model_of_chips_that_are_behind_is_not_called_up_to_date(project) -> None:
    assert run("train").stdout == "models/unet: is up to date\n"
    write_polygons(LABELS, BOXES[:9])
    result = run("train", "-q")
    assert "Note: not up to date: labels" in result.stderr
    assert result.stdout == "models/unet: is of the chips that are there\n"


def test_it_is_said_before_a_training_and_a_map_too(project) -> None:
    _add_an_image()
    shutil.rmtree("models/unet")
    note = "Note: not up to date: mosaic (data/raw/naip/b.tif is new): run `landcover prepare`\n"
    assert run("train", "--plan", "-q", "--set", "train.model=random-forest").stderr.startswith(note)
    assert run("benchmark", "-q", "--set", "benchmark.folds=100").stderr.startswith(note)
    # there is no model to map with
    result = run("classify", "--overwrite", "-q")
    assert result.stderr.startswith(note)
    assert "no such model" in result.stderr
    assert "Note" not in run("classify", "data/raw/naip/b.tif", "-q").stderr


def test_a_map_is_behind_the_model_of_other_chips_and_no_other_model(project) -> None:
    write_polygons(LABELS, BOXES[:9])
    prepare(load_config())
    assert behind_chips(load_config()) is None
    told = behind_map(load_config())
    assert told is not None
    assert told.startswith("not up to date: train (data/processed has another content than before")
    assert told.endswith("): run `landcover train --overwrite`")
    write_polygons(LABELS, BOXES)
    assert behind_map(load_config(None, ["classify.model=elsewhere/model.keras"])) is None


def test_settings_that_only_one_command_was_given_are_told_as_that(project) -> None:
    told = behind_chips(load_config(None, ["chips.stride=32"]))
    assert told == (
        "not up to date: chips (chips.stride: 64 -> 32): run `landcover prepare`, or give the settings here that they "
        "were given"
    )
    assert behind_map(load_config(None, ["train.epochs=3"])) is None


def test_images_and_labels_that_are_gone_and_stages_that_were_removed_are_no_reason(project) -> None:
    shutil.rmtree("data/raw")
    shutil.rmtree("data/interim/chips")
    assert (behind_chips(Config()), behind_map(Config())) == (None, None)


def test_images_that_a_command_named_are_those_of_the_mosaic(project, monkeypatch) -> None:
    _add_an_image()
    monkeypatch.setattr(sys, "argv", ["landcover", "mosaic", "data/raw/naip/a.tif", "--overwrite"])
    assert run("mosaic", "data/raw/naip/a.tif", "--overwrite").exit_code == 0
    assert behind_map(load_config()) is None
    write_image(Path("data/raw/naip/a.tif"), textured(256, 256) // 2)
    told = behind_chips(load_config())
    assert told is not None
    assert told.endswith("run `landcover mosaic IMAGES` and `landcover chips`")


def test_chips_of_arcgis_stand_without_a_mosaic(project) -> None:
    exported = Path("data/interim/chips").rename("exported")
    record_path(exported).unlink()
    shutil.rmtree("data/interim")
    shutil.rmtree("data/raw")
    assert run("chips", "--from-esri", exported, "--overwrite").exit_code == 0
    assert run("stack").exit_code == run("augment").exit_code == 0
    assert behind_chips(load_config()) is None
    (exported / "images/000000000.tif").unlink()
    told = behind_chips(load_config())
    assert told is not None
    assert told.startswith("not up to date: chips --from-esri (exported has ")
    assert told.endswith("): run `landcover chips --from-esri`")
