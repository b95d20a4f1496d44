"""What is soon known to stand in the way is told before TensorFlow is loaded."""

from pathlib import Path

import numpy as np
import pytest
from conftest import run, textured, write_image

from landcover.chipstore import Chip, StoreInfo, create_store
from landcover.classify import map_path
from landcover.classraster import confidence_path
from landcover.config import load_config
from landcover.files import only_one
from landcover.pipeline import classify_stage
from landcover.provenance import taken, write_run
from landcover.splitreport import Side, SplitReport, write_report

MODEL, OTHER = Path("models/unet/model.keras"), Path("elsewhere/model.keras")


@pytest.fixture
def project(tmp_path, monkeypatch) -> Path:
    def fail(module: str) -> None:
        raise AssertionError(module)

    for command in ("classify", "train"):
        monkeypatch.setattr(f"landcover.cli.{command}.import_quietly", fail)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def chips(project, scheme) -> list[str]:
    """`train` with a chip to train on and one to validate."""
    info = StoreInfo(scheme.named, 32, 4, "uint8", (1.0, 1.0), "blocks", "k")
    for row, side in enumerate(("train", "validation")):
        with create_store(Path(f"data/processed/{side}/water.h5"), info) as writer:
            label = np.ones((32, 32), np.uint8)
            writer.append(Chip(np.ones((32, 32, 4), np.uint8), label, (0, 64 * row, 32, 32), "a.tif"))
    one = Side(chips=1, pixels={}, hectares={})
    report = SplitReport(
        method="blocks", key="k", train=one, validation=one, dropped=0, shared_pixels=0, scheme=scheme, nearest=32.0
    )
    write_report(Path("data/processed"), report)
    listed = ", ".join(f"{{value: {c.value}, name: {c.name}, color: '{c.color}'}}" for c in scheme)
    Path("c.yaml").write_text(f"scheme: [{listed}]\n")
    return ["train", "-q", "-c", "c.yaml"]


def _mapped(model: Path) -> tuple[str, Path]:
    """An image, and what says that it is its map by a model."""
    image = write_image(Path("a.tif"), textured(64, 64))
    config = load_config(None, [f"classify.model={model}"])
    out = map_path(config.paths.maps, image)
    stage = classify_stage(config, str(image), out, confidence_path(out))
    for path in (model, out):
        path.parent.mkdir(parents=True)
        path.write_text("made")
    write_run(stage, tuple(taken(path, stage.folder) for path in stage.inputs), 0)
    return str(image), out


@pytest.mark.parametrize("more", [(), ("--overwrite",), ("-o", "maps")])
def test_a_model_that_is_not_there_is_told_before_a_map_that_is(project, more) -> None:
    image, _ = _mapped(OTHER)
    result = run("classify", image, *more)
    told = f"Error: {MODEL}: no such model: run `landcover train` first, or name another\n"
    assert (result.exit_code, result.stderr) == (1, told)
    (project / MODEL).parent.with_name("deeplab").mkdir(parents=True)
    (project / MODEL).parent.with_name("deeplab").joinpath("model.keras").touch()
    told = told.replace("name another", "name another with -m, such as models/deeplab/model.keras")
    assert run("classify", image, *more).stderr == told
    result = run("classify", image, "-m", "none.dlpk", *more)
    assert result.stderr == "Error: none.dlpk: no such model: run `landcover export` first, or name one with -m\n"


def test_of_a_training_that_has_not_ended_the_best_model_is_named(project) -> None:
    image, _ = _mapped(OTHER)
    best = Path("models/unet.training/model.keras")
    best.parent.mkdir(parents=True)
    best.write_text("made")
    assert run("classify", image).stderr == (
        f"Error: {MODEL}: no such model, for its training has not ended: run `landcover train --resume`, or name the "
        f"best one so far, {best}\n"
    )


def test_a_map_that_is_there_is_told_before_keras_is_loaded(project) -> None:
    image, out = _mapped(MODEL)
    OTHER.parent.mkdir()
    OTHER.write_text("another")
    result = run("classify", image, "-m", OTHER)
    assert result.exit_code == 1
    assert result.stderr.startswith(f"Error: {out} exists already: add --overwrite to replace it (it is not up to date")


@pytest.mark.parametrize("more", [(), ("--overwrite",), ("--resume",), ("--plan",), ("--find-lr",), ("--folds", "2")])
def test_chips_that_are_not_there_are_told_before_keras_is_loaded(project, more) -> None:
    result = run("train", "-q", *more)
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: data/processed/train: holds no chips: run `landcover prepare`")
    assert list(project.iterdir()) == []


def test_another_training_is_told_before_keras_is_loaded(chips) -> None:
    with only_one(Path("models/unet.training")):
        assert "models/unet.training: another process is at work on it" in run(*chips).stderr
    assert not Path("models").exists()
    Path("models/unet.training").mkdir(parents=True)
    Path("models/unet.training/checkpoint.npz").touch()
    assert "models/unet.training: a training that was cut off: go on with --resume, or" in run(*chips).stderr
    for more in ("--resume", "--overwrite"):
        with pytest.raises(AssertionError, match="keras"):
            run(*chips, more)
    assert [path.name for path in Path("models").iterdir()] == ["unet.training"]
