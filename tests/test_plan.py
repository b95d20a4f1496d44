"""What would be done now is told, with why and about at what cost, and nothing is written."""

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from conftest import run, textured, write_image, write_polygons

from landcover.classify.estimate import Estimate as Mapped
from landcover.cli import main
from landcover.cli import summary_runs as tell
from landcover.config import Config, load_config
from landcover.plan import steps
from landcover.prepare import prepare
from landcover.prepare.estimate import estimate
from landcover.provenance import read_run

BOXES = [(x, y, x + 60, y + 60, 1 + (x // 64 + y // 64) % 6) for x in range(0, 256, 64) for y in range(0, 256, 64)]
SMALL = ("chips.size=64", "chips.stride=64", "split.block=128", "split.validation=0.2")


@pytest.fixture
def project(tmp_path, monkeypatch) -> Path:
    write_image(tmp_path / "data/raw/naip/m_1.tif", textured(256, 256))
    write_polygons(tmp_path / "data/raw/labels.gpkg", BOXES)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def _config(*more: str) -> Config:
    return load_config(None, [*SMALL, *more])


def _doing(*more: str, **given: object) -> dict[str, str]:
    return {step.stage: step.doing for step in steps(_config(*more), **given)}  # type: ignore[arg-type]


def _plan(*arguments: str) -> Result:
    result = CliRunner().invoke(main, ["plan", *arguments, *(f"--set={s}" for s in SMALL)])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def test_before_the_first_run_all_is_to_do_and_nothing_is_written(project) -> None:
    before = {p: p.stat().st_mtime_ns for p in project.rglob("*")}
    result = _plan("data/raw/naip")
    assert result.exit_code == 0
    assert [line.split()[0] for line in result.stdout.splitlines()[:7]] == [
        "mosaic", "labels", "chips", "stack", "augment", "train", "classify",
    ]  # fmt: skip
    assert _doing()["chips"] == "to do"
    assert "1 image, 0.1 Mpx, 7 ha; 57,600 labelled pixels" in result.stdout
    assert "about 16 chips to train and to validate\n" in result.stdout
    assert "disk: about 1 MB for the chips, and up to 1 MB for copies of those of rare classes\n" in result.stdout
    assert re.search(r"time: about .* for all chips and copies, besides the start of the program", result.stdout)
    assert result.stderr.startswith("Trying out a few chips, to tell how long it takes: some seconds")
    assert len(result.stderr.splitlines()) == 1
    assert "train:\n  known once prepare has run" in result.stdout
    assert {p: p.stat().st_mtime_ns for p in project.rglob("*")} == before


def test_the_estimate_is_near_what_is_made(project) -> None:
    told = estimate(_config())
    made = prepare(_config())
    assert made.chips is not None
    report = made.chips.report
    assert told.chips == report.train.chips + report.validation.chips
    assert told.windows == told.chips + report.dropped
    outputs = [read_run(path) for path in (_config().paths.chips, _config().paths.stacks, _config().paths.augmented)]
    assert sum(part.bytes or 0 for run in outputs if run for part in run.outputs) < 4 * (told.disk + told.copies)
    assert told.seconds is not None
    assert told.seconds > 0
    assert told.memory is None
    assert (estimate(_config()).memory or 0) > 1e7


def test_sparse_labels_beside_gaps_between_images_are_counted_window_by_window(project) -> None:
    write_image(project / "data/raw/naip/m_2.tif", textured(128, 192), column=256)
    write_image(project / "data/raw/naip/m_3.tif", textured(200, 200), column=2000, row=500)
    spots = [(x, y, x + 14, y + 14, 1 + (x + y) // 20 % 6) for x in range(0, 460, 70) for y in range(0, 260, 60)]
    write_polygons(project / "data/raw/labels.gpkg", [*spots, (2050, 550, 2130, 640, 2), (2140, 600, 2150, 609, 3)])
    settings = ("chips.size=96", "chips.stride=32", "chips.max_background=0.97", "split.validation=0.3")
    told = estimate(_config(*settings), timed=False)
    made = prepare(_config(*settings)).chips
    assert made is not None
    assert all(made.filtered.values())
    kept = made.report.train.chips + made.report.validation.chips
    # by samples of every third pixel; the split may then be another
    assert told.windows == pytest.approx(kept + made.report.dropped, rel=0.05)
    assert told.chips == pytest.approx(kept, rel=0.2)
    # stack is not as it was made
    (project / "data/processed/split.json").unlink()
    there = run("plan", "--no-timing", *(f"--set={s}" for s in (*SMALL, *settings))).stdout
    known = (
        f"{kept} chips to train and to validate; {made.report.dropped} more lie between the two sides, and are left out"
    )
    assert f"\n  {known}\n" in there


@pytest.mark.parametrize(("size", "side"), [(176, 250), (208, 260)])
def test_chips_that_must_be_full_to_the_edge_are_all_counted(project, size, side) -> None:
    # neither is a multiple of the distance between samples
    write_image(project / "data/raw/naip/m_1.tif", textured(side, side))
    boxes = [(x, y, x + 64, y + 64, 1 + (x // 64 + y // 64) % 6) for x in range(0, 320, 64) for y in range(0, 320, 64)]
    write_polygons(project / "data/raw/labels.gpkg", boxes)
    full = ("chips.max_background=0", "chips.max_nodata=0")
    assert estimate(_config(f"chips.size={size}", "chips.stride=48", *full), timed=False).windows == 9


def test_without_timing_nothing_is_tried_out(project, random_model, monkeypatch) -> None:
    def fail(*given: object) -> None:
        raise AssertionError

    for slow in ("prepare.estimate._trial", "classify.estimate.open_mapper", "cli.runs.import_quietly"):
        monkeypatch.setattr(f"landcover.{slow}", fail)
    model = f"--set=classify.model={random_model}"
    costs = json.loads(_plan("data/raw/naip", model, "--no-timing", "--json").stdout)["costs"]
    assert (costs["prepare"]["chips"], costs["prepare"]["seconds"]) == (16, None)
    assert (costs["classify"]["pixels"], costs["classify"]["seconds"]) == (256 * 256, None)
    prepare(_config())
    result = _plan("data/raw/naip", model, "--no-timing")
    assert result.stderr == ""
    assert "time" not in result.stdout
    assert "chips: 12 to train on, " in result.stdout
    assert "steps: 30 epochs of " in result.stdout
    assert "1 image, 0.1 Mpx\n" in result.stdout


def test_without_images_the_map_is_that_of_the_mosaic(project) -> None:
    write_polygons(project / "data/raw/reference.gpkg", BOXES[:2])
    *_, mapped, assessed = steps(_config())
    assert (mapped.stage, mapped.out, mapped.doing) == ("classify", "data/maps/mosaic_landcover.tif", "to do")
    assert mapped.why == "not there yet; after mosaic and train"
    assert (assessed.out, assessed.why) == ("reports/mosaic_landcover", "not there yet; after classify")
    *_, mapped, _ = steps(_config("classify.model=models/other/model.keras"))
    assert mapped.why == "not there yet; after mosaic"
    (project / "data/maps").mkdir()
    (project / "data/maps/held_out_landcover.tif").write_text("")
    *_, mapped, assessed = steps(_config())
    # as `assess` would do now
    assert (mapped.out, assessed.out) == ("data/maps/mosaic_landcover.tif", "reports/held_out_landcover")
    assert assessed.why == "not there yet"
    *_, mapped, assessed = steps(_config(), ["data/raw/naip/m_1.tif"])
    assert mapped.out == "data/maps/m_1_landcover.tif"
    named = "name one with --map; `landcover assess MAP` assesses it"
    assert (assessed.doing, assessed.why) == ("cannot run", f"which map? there would be 2: {named}")
    (project / "data/maps/m_1_landcover.tif").write_text("")
    *_, assessed = steps(_config())
    assert assessed.why == f"which map? there are 2: {named}"
    assert "\nassess    cannot run  reports: which map? there are 2: name one" in _plan("--quick").stdout


def test_a_change_is_named_and_followed_through(project) -> None:
    prepare(_config())
    assert list(_doing().values())[:5] == ["up to date"] * 5
    write_polygons(project / "data/raw/labels.gpkg", BOXES[:9])
    found = {step.stage: step for step in steps(_config())}
    assert {name: step.doing for name, step in found.items()} == {
        "mosaic": "up to date", "labels": "to do", "chips": "perhaps", "stack": "perhaps", "augment": "perhaps",
        "train": "to do", "classify": "to do", "assess": "cannot run",
    }  # fmt: skip
    assert found["labels"].why.startswith("data/raw/labels.gpkg has changed (")
    assert found["chips"].why == "if labels comes out another"
    assert _doing("augment.copies=1")["augment"] == "to do"
    assert "augment.copies: 2 -> 1" in _plan("--quick", "--set", "augment.copies=1").stdout


def test_what_needs_overwrite_is_said(project) -> None:
    (project / "data/interim/mosaic").mkdir(parents=True)
    (project / "models/unet").mkdir(parents=True)
    (project / "models/unet/model.keras").write_text("")
    found = {step.stage: step for step in steps(_config())}
    assert found["mosaic"].doing == found["train"].doing == "kept"
    assert found["train"].why == "no record tells how it was made; --overwrite replaces it"


def test_what_killed_runs_left_is_said(project) -> None:
    (project / "data/interim/.partial-mosaic").mkdir(parents=True)
    (project / "models/unet.training").mkdir(parents=True)
    told = _plan("--quick").stdout
    for left in ("data/interim/.partial-mosaic", "models/unet.training"):
        assert f"left by a run that was cut off, or is at work: {left}\n" in f"{told}\n"
    (project / "models/unet.training/checkpoint.npz").touch()
    assert "models/unet.training: `landcover train --resume` goes on with it\n" in _plan("--quick").stdout
    (project / "models/unet").mkdir()
    told = _plan("--quick").stdout
    assert "models/unet.training: `landcover train --resume --overwrite` goes on with it\n" in told


def test_what_cannot_be_done_is_said_where_it_would_stop(project) -> None:
    (project / "data/raw/labels.gpkg").unlink()
    found = {step.stage: step for step in steps(_config())}
    assert found["labels"].doing == "cannot run"
    assert found["labels"].why.startswith("data/raw/labels.gpkg: no such file or folder: put it there, or name another")
    result = _plan()
    assert result.exit_code == 0
    assert "prepare:\n  data/raw/labels.gpkg: no such file or folder" in result.stdout


def test_a_model_tells_how_long_mapping_takes(project, random_model) -> None:
    given = ["data/raw/naip/m_1.tif", f"--set=classify.model={random_model}", "--set=classify.precision=float32"]
    assert json.loads(_plan(given[0], "--json").stdout)["costs"]["classify"] == "known once train has run"
    assert json.loads(_plan(*given[1:], "--json").stdout)["costs"]["classify"] == "known once prepare has run"
    told = json.loads(_plan(*given, "--json").stdout)
    # not of the model that train would make
    assert [s["why"] for s in told["steps"] if s["stage"] == "classify"] == ["not there yet"]
    assert told["costs"]["classify"]["pixels"] == 256 * 256
    assert 0 < told["costs"]["classify"]["seconds"] < 600


@pytest.mark.parametrize(
    ("disk", "told"), [(0, "0 MB"), (90_000, "1 MB"), (4_300_000, "4 MB"), (2_340_000_000, "2.3 GB")]
)
def test_what_takes_little_room_is_told_in_mb(disk, told) -> None:
    text = tell.plan([], {"classify": Mapped(1, 65_536, None, disk, 2_600_000_000)})
    assert f"disk: {told} while the largest is made; main memory: at most 2.6 GB" in text
