"""How a file was made is told back to the raw inputs, with what has changed since."""

import json
import re
import shutil
from pathlib import Path

import pytest
import rasterio
from conftest import run, textured, write_image, write_polygons

from landcover import uptodate
from landcover.assess import assess
from landcover.classify import classify
from landcover.config import Config, load_config
from landcover.errors import Interrupted, LandcoverError
from landcover.lineage import Origin, lineage
from landcover.model import load_network, read_card, save_model
from landcover.pipeline import train_stage
from landcover.prepare import prepare
from landcover.provenance import Recorder, taken
from landcover.train import train

SETTINGS = """
scheme:
  - {value: 1, name: water, color: "#1f78b4"}
  - {value: 2, name: forest, color: "#1b7837"}
  - {value: 7, name: bare land, color: "#fdbf6f"}
chips: {size: 64, stride: 64, max_background: 0.9}
split: {block: 128, validation: 0.2, seed: 3}
classify: {precision: float32, tile: 128}
"""
BOXES = [(x, y, x + 60, y + 60, (1, 2, 7)[(x + y) // 64 % 3]) for x in range(0, 256, 64) for y in range(0, 256, 64)]


@pytest.fixture(scope="module")
def made(tmp_path_factory, random_model) -> Path:
    """From images to a report, with a model that nothing was trained for."""
    project = tmp_path_factory.mktemp("project")
    write_image(project / "data/raw/naip/m_1.tif", textured(256, 256))
    write_polygons(project / "data/raw/labels.gpkg", BOXES)
    write_polygons(project / "data/raw/reference.gpkg", BOXES[:6])
    config = _config(project)
    prepare(config)
    stage = train_stage(config)
    stage.out.mkdir(parents=True)
    recorder = Recorder(stage, tuple(taken(path, stage.folder) for path in stage.inputs))
    card = read_card(random_model).model_copy(update={"run": recorder.essence})
    save_model(load_network(random_model), card, stage.out / "model.keras")
    recorder.write(1.0)
    shown = classify(config, project / "data/raw/naip/m_1.tif")
    assess(config, shown.path)
    return project


def _config(project: Path) -> Config:
    (project / "c.yaml").write_text(SETTINGS)
    return load_config(project / "c.yaml", [f"paths.{name}={project / name}" for name in ("data", "models", "reports")])


@pytest.fixture
def project(made, tmp_path) -> Path:
    """A copy to change, with its times."""
    return Path(shutil.copytree(made, tmp_path / "p", copy_function=shutil.copy2))


def _all(origin: Origin) -> dict[str, Origin]:
    found = {origin.path: origin}
    for inner in origin.inputs:
        found |= _all(inner)
    return found


def test_a_report_is_told_back_to_the_raw_inputs(project, monkeypatch) -> None:
    monkeypatch.chdir(project)
    tree = _all(lineage(Path("reports/m_1_landcover")))
    stages = {path: origin.run.stage for path, origin in tree.items() if origin.run is not None}
    assert stages == {
        "reports/m_1_landcover": "assess",
        "data/maps/m_1_landcover.tif": "classify",
        "models/unet/model.keras": "train",
        "data/processed/augmented": "augment",
        "data/processed": "stack",
        "data/interim/chips": "chips",
        "data/interim/labels.tif": "labels",
        "data/interim/mosaic": "mosaic",
    }
    raw = {path for path, origin in tree.items() if origin.raw}
    assert raw == {"data/raw/naip/m_1.tif", "data/raw/labels.gpkg", "data/raw/reference.gpkg"}
    assert {origin.since for origin in tree.values()} == {"same"}


def test_a_map_by_a_training_that_has_not_ended_says_so_and_is_told_back_to_the_raw_inputs(
    project, monkeypatch, undrawn
) -> None:
    monkeypatch.chdir(project)
    small = ["train.name=two", "train.epochs=3", "train.net.filters=4", "train.precision=float32", "train.batch=4"]
    config = load_config("c.yaml", small)

    def stop(figures, epochs) -> None:
        raise KeyboardInterrupt

    with pytest.raises(Interrupted, match="epoch 1 is kept"):
        train(config, on_epoch=stop)
    best, out = Path("models/two.training/model.keras"), Path("two.tif")
    told = "of a training that had not ended: epoch 1 of 3"
    made = run("classify", "-c", "c.yaml", "data/raw/naip/m_1.tif", "-m", best, "-o", out)
    assert [line for line in made.stderr.splitlines() if "training" in line] == [f"Note: {best}: is {told}"]
    tree = _all(lineage(out))
    assert {path for path, origin in tree.items() if origin.raw} == {"data/raw/naip/m_1.tif", "data/raw/labels.gpkg"}
    assert {origin.since for origin in tree.values()} == {"same"}
    assert {path for path, origin in tree.items() if origin.run and origin.run.unfinished} == {str(out), str(best)}
    assert run("explain", out).stdout.count(f"the model is {told}") == 2
    # away from its record, too
    assert f"the model is {told}" in run("explain", shutil.copy2(best, "away.keras")).stdout
    assessed = run("assess", "-c", "c.yaml", out)
    assert f"note: the map is by a model {told}" in assessed.stdout
    assert f"<li>the map is by a model {told}</li>" in Path("reports/two/report.html").read_text()
    # the end of the training is told of the model, and as a change of the map
    train(config, resume=True)
    found = lineage(Path("models/two"))
    assert found.run is not None
    assert (found.since, found.run.unfinished, read_card(Path("models/two/model.keras")).unfinished) == (
        "same",
        None,
        None,
    )
    assert not Path("models/two.training").exists()


def test_the_words_say_what_is_not_the_default(project, monkeypatch) -> None:
    monkeypatch.chdir(project)
    told = run("explain", "data/maps/m_1_landcover.tif").stdout
    assert told.startswith("data/maps/m_1_landcover.tif\n  made by `landcover classify`, 0.1.0, 20")
    assert "settings: classify.precision=float32" in told
    assert "seed: 3" in told
    assert "scheme: water, forest, bare land" in told
    assert "chips.size=64, chips.max_background=0.9" in told
    assert "chips.stride" not in told
    assert told.endswith("nothing behind it has changed since, as far as was looked\n")


def test_what_has_changed_or_is_gone_is_named(project, monkeypatch) -> None:
    monkeypatch.chdir(project)
    write_polygons(project / "data/raw/labels.gpkg", BOXES[:5])
    (project / "data/raw/reference.gpkg").unlink()
    with Path("models/unet/model.keras").open("ab") as file:
        file.write(b"x")
    told = run("explain", "reports/m_1_landcover/accuracy.json").stdout
    assert "+- data/raw/labels.gpkg, has changed since" in told
    assert "+- models/unet/model.keras, has changed since" in told
    assert "+- data/raw/reference.gpkg, is gone" in told
    changed, gone = told.splitlines()[-2:]
    assert changed == "changed since: data/raw/labels.gpkg, models/unet/model.keras"
    assert gone == "gone: data/raw/reference.gpkg"
    found = json.loads(run("explain", "reports/m_1_landcover", "--json").stdout)
    since = {path["path"]: path["since"] for path in found["inputs"]}
    assert since == {"data/maps/m_1_landcover.tif": "same", "data/raw/reference.gpkg": "gone"}
    assert found["run"]["settings"]["assess"]["sampling"] == "auto"


@pytest.mark.parametrize(
    ("path", "stage"),
    [
        ("data/processed/train/water.h5", "stack"),
        ("data/processed/augmented", "augment"),
        ("data/interim/labels.tif", "labels"),
        ("data/interim/mosaic/mosaic.vrt", "mosaic"),
        ("data/interim/chips/images/000000000.tif", "chips"),
        ("models/unet", "train"),
        ("reports/m_1_landcover/report.html", "assess"),
    ],
)
def test_any_file_of_an_output_is_known(project, monkeypatch, path, stage) -> None:
    monkeypatch.chdir(project)
    if path.endswith("water.h5"):
        path = str(next(Path("data/processed/train").glob("*.h5")))
    found = lineage(Path(path))
    assert found.run is not None
    assert (found.path, found.run.stage, found.since) == (path, stage, "same")


@pytest.mark.parametrize("name", ["data/maps/m_1_landcover.tif", "models/unet/model.keras", "data/interim/labels.tif"])
def test_a_file_copied_away_from_its_record_tells_the_essence(project, tmp_path, name) -> None:
    away = tmp_path / "away" / Path(name).name
    away.parent.mkdir()
    for beside in ("", ".aux.xml"):
        if (project / f"{name}{beside}").exists():
            shutil.copy2(project / f"{name}{beside}", f"{away}{beside}")
    found = lineage(away)
    assert found.run is None
    assert found.essence is not None
    known = lineage(project / name).run
    assert known is not None
    assert found.essence["stage"] == known.stage
    assert {i["digest"] for i in found.essence["inputs"]} == {part.digest for part in known.inputs}
    assert "it says so itself, its record is not here" in run("explain", away).stdout


@pytest.mark.parametrize("damaged", ['{"stage": "cla', "[1]", '{"stage": "classify"}'])
def test_what_a_map_says_of_its_making_may_be_damaged(project, tmp_path, damaged) -> None:
    away = tmp_path / "away.tif"
    for beside in ("", ".aux.xml"):
        shutil.copy2(project / f"data/maps/m_1_landcover.tif{beside}", f"{away}{beside}")
    beside = Path(f"{away}.aux.xml")
    told = re.sub(
        r'(<MDI key="LANDCOVER_RUN">).*?(</MDI>)', rf"\g<1>{damaged}\g<2>", beside.read_text(), flags=re.DOTALL
    )
    beside.write_text(told)
    with rasterio.open(away) as dataset:
        assert dataset.tags()["LANDCOVER_RUN"] == damaged
    result = run("explain", away)
    assert (result.exit_code, len(result.stderr.splitlines())) == (1, 1)
    assert "nothing tells how it was made" in result.stderr
    assess(_config(project), away)
    assert json.loads((project / "reports/away/accuracy.json").read_text())["overall_accuracy"]["value"] is not None


def test_the_record_of_a_map_names_model_and_image(project) -> None:
    record = json.loads((project / "data/maps/m_1_landcover.tif.run.json").read_text())
    assert [part["path"] for part in record["inputs"]] == ["../../models/unet/model.keras", "../raw/naip/m_1.tif"]
    assert record["settings"]["classify"]["precision"] == "float32"
    assert {"keras", "GDAL", "numpy", "Python"} <= set(record["versions"])
    with rasterio.open(project / "data/maps/m_1_landcover.tif") as dataset:
        assert json.loads(dataset.tags()["LANDCOVER_RUN"])["stage"] == "classify"


def test_a_raw_file_and_none_are_refused(project, tmp_path) -> None:
    with pytest.raises(LandcoverError, match=r"m_1\.tif: nothing tells how it was made"):
        lineage(project / "data/raw/naip/m_1.tif")
    result = run("explain", tmp_path / "none.tif")
    assert (result.exit_code, result.stderr) == (1, f"Error: {tmp_path / 'none.tif'}: no such file\n")


def test_a_map_and_a_report_are_up_to_date_until_something_changes(project, monkeypatch) -> None:
    config = ["-c", project / "c.yaml", *(f"--set=paths.{n}={project / n}" for n in ("data", "models", "reports"))]
    image, out = project / "data/raw/naip/m_1.tif", project / "data/maps/m_1_landcover.tif"
    kept = run("classify", image, *config)
    assert (kept.exit_code, kept.stdout.splitlines()[-1]) == (0, "1 kept")
    assert f"{out}: is up to date" in kept.stdout
    report = project / "reports/m_1_landcover"
    # of a run that was cut off
    (project / "reports/.partial-m_1_landcover").mkdir()
    assert run("assess", *config).stdout == f"{report}: is up to date\n"
    assert [p.name for p in (project / "reports").iterdir()] == ["m_1_landcover"]
    assert "kappa" in run("assess", *config, "--kappa").stdout
    (report / "report.html").unlink()
    assert "overall accuracy" in run("assess", *config, "--kappa").stdout
    assert (report / "report.html").exists()
    train = run("train", *config)
    assert (train.exit_code, train.stdout) == (0, f"{project / 'models/unet'}: is up to date\n")
    with monkeypatch.context() as patched:
        patched.setattr(uptodate, "code_digest", lambda of: "other")
        valid = "the program has changed (0.1.0) since it was made: it stays valid, --overwrite makes it anew"
        for command, made in ((("train",), project / "models/unet"), (("classify", image), out)):
            changed = run(*command, *config)
            assert changed.exit_code == 0
            assert f"{made}: is up to date" in changed.stdout
            assert f"{made}: {valid}" in changed.stderr
        planned = run("plan", "--quick", image, *config)
        assert planned.stdout.count(valid) == 2
    stale = run("train", *config, "--set", "train.epochs=50")
    assert stale.exit_code == 1
    assert (
        "unet exists already: add --overwrite to replace it (it is not up to date: train.epochs: auto" in stale.stderr
    )
    # new points, or polygons, are what an assessment is looked at again for
    write_polygons(project / "data/raw/reference.gpkg", BOXES[:9])
    assert "overall accuracy" in run("assess", *config).stdout
    refused = run("classify", image, *config, "--no-collar")
    assert refused.exit_code == 1
    assert "(it is not up to date: classify.collar: True -> False)" in refused.stdout + refused.stderr
    write_image(image, textured(256, 256) // 2)
    refused = run("classify", image, *config)
    assert refused.exit_code == 1
    assert "m_1.tif has changed (" in refused.stdout + refused.stderr
