"""What is up to date is not made again; what changed is, and what depends on it, and no more."""

import json
import logging
import os
import resource
import signal
import subprocess
import sys
import time
from dataclasses import replace
from functools import partial
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import rasterio
from conftest import run, textured, write_image, write_polygons
from rasterio.shutil import copy

from landcover import provenance, uptodate
from landcover.config import Config, load_config
from landcover.errors import LandcoverError, OutputExists
from landcover.files import leftovers, only_one
from landcover.fingerprint import fingerprint
from landcover.pipeline import PREPARE, benchmark_stage, train_stage
from landcover.prepare import Prepared, prepare
from landcover.prepare.steps import run_labels, run_mosaic
from landcover.provenance import read_run, record_path, recorded
from landcover.uptodate import check, told_change

STAGES = ("mosaic", "labels", "chips", "stacks", "augmented")
BOXES = [(x, y, x + 60, y + 60, 1 + (x // 64 + y // 64) % 6) for x in range(0, 512, 64) for y in range(0, 256, 64)]


@pytest.fixture
def project(tmp_path) -> Path:
    for number in range(2):
        write_image(tmp_path / f"data/raw/naip/m_{number}_2021010{number + 1}.tif", textured(256, 256), 256 * number)
    write_polygons(tmp_path / "data/raw/labels.gpkg", BOXES)
    return tmp_path


def _config(project: Path, *more: str) -> Config:
    small = ["chips.size=64", "chips.stride=64", "split.block=128", "split.validation=0.2"]
    return load_config(None, [f"paths.data={project / 'data'}", *small, *more])


def _redone(made: Prepared) -> list[str]:
    return [name for name in STAGES if getattr(made, name) is not None]


def _contents(project: Path) -> dict[str, str | None]:
    """By output, its content as its record has it."""
    paths = _config(project).paths
    runs = {name: read_run(getattr(paths, name)) for name in STAGES}
    return {name: run and run.content for name, run in runs.items()}


def test_a_second_prepare_does_nothing(project, caplog) -> None:
    assert _redone(prepare(_config(project))) == list(STAGES)
    before = {p: p.stat().st_mtime_ns for p in project.rglob("*")}
    assert _redone(prepare(_config(project))) == []
    assert {p: p.stat().st_mtime_ns for p in project.rglob("*")} == before
    assert _redone(prepare(_config(project), overwrite=True)) == list(STAGES)


def test_made_again_all_is_the_same(project) -> None:
    prepare(_config(project))
    before = _contents(project)
    prepare(_config(project), overwrite=True)
    assert _contents(project) == before
    assert None not in before.values()


def test_nothing_slow_is_imported_to_see_that_nothing_is_to_do(project) -> None:
    prepare(_config(project))
    code = (
        "import sys; from landcover.config import load_config; from landcover.prepare import prepare;"
        f"made = prepare(load_config(None, {_overrides(project)}));"
        "slow = 'tensorflow', 'keras', 'rasterio', 'numpy', 'geopandas', 'h5py', 'shapely';"
        "print(made.mosaic, made.augmented, [m for m in slow if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == "None None []", done.stderr


def _overrides(project: Path) -> list[str]:
    config = _config(project)
    return [f"paths.data={config.paths.data}", "chips.size=64", "chips.stride=64", "split.block=128",
            "split.validation=0.2"]  # fmt: skip


def _edit_label(project: Path) -> None:
    write_polygons(project / "data/raw/labels.gpkg", [(0, 0, 40, 60, 1), *BOXES[1:]])


def _save_labels_again(project: Path) -> None:
    write_polygons(project / "data/raw/labels.gpkg", BOXES)


def _move_a_polygon_less_than_a_pixel(project: Path) -> None:
    write_polygons(project / "data/raw/labels.gpkg", [(0, 0, 60.2, 60, 1), *BOXES[1:]])


def _darken_an_image(project: Path) -> None:
    write_image(project / "data/raw/naip/m_0_20210101.tif", textured(256, 256) // 2)


def _add_an_image(project: Path) -> None:
    write_image(project / "data/raw/naip/m_9_20200101.tif", textured(256, 256), 0, 256)


def _lose_a_stack(project: Path) -> None:
    next((project / "data/processed/train").glob("*.h5")).unlink()


def _lose_the_mosaic(project: Path) -> None:
    (project / "data/interim/mosaic/mosaic.vrt").unlink()


@pytest.mark.parametrize(
    ("change", "redone", "why"),
    [
        (_edit_label, STAGES[1:], "data/raw/labels.gpkg has changed ("),
        (_save_labels_again, (), None),
        (_move_a_polygon_less_than_a_pixel, ("labels",), "data/raw/labels.gpkg has changed ("),
        (_darken_an_image, ("mosaic", "chips", "stacks", "augmented"), "data/raw/naip/m_0_20210101.tif has changed ("),
        (_add_an_image, ("mosaic", "labels", "chips"), "data/raw/naip/m_9_20200101.tif is new"),
        (_lose_a_stack, ("stacks",), "data/processed/train was changed or removed after it was made"),
        (_lose_the_mosaic, ("mosaic",), "data/interim/mosaic/mosaic.vrt was changed or removed"),
    ],
)
def test_what_changed_redoes_what_depends_on_it_and_no_more(project, monkeypatch, caplog, change, redone, why) -> None:
    prepare(_config(project))
    change(project)
    monkeypatch.chdir(project)
    with caplog.at_level(logging.INFO):
        made = prepare(_config(project))
    assert set(redone) <= set(_redone(made)) <= {*redone, *(STAGES[3:] if change is _add_an_image else ())}
    assert (why or "") in caplog.text
    assert _redone(prepare(_config(project))) == []


def test_a_change_that_leaves_the_size_is_told_as_one_of_content(tmp_path) -> None:
    path = tmp_path / "names.csv"
    told = []
    for text, second in (("a,b", 1), ("c,d", 1), ("e,f", 3), ("g,hi", 3)):
        path.write_text(text)
        os.utime(path, (1e9 + second, 1e9 + second))
        told.append(fingerprint(path, tmp_path))
    changes = [told_change(before, now) for before, now in pairwise(told)]
    assert changes[0] == "has changed (its content is another, its size the same)"
    assert changes[1].startswith("has changed (its content is another, its size the same: of 2001-09-")
    assert changes[2].startswith("has changed (3 bytes of 2001-09-")
    assert "-> 4 bytes of 2001-09-" in changes[2]


@pytest.mark.parametrize(
    ("setting", "redone", "why"),
    [
        ("mosaic.order=oldest", ("mosaic", "labels", "chips"), "mosaic.order: newest -> oldest"),
        ("labels.reclassify={6: 5}", STAGES[1:], "labels.reclassify.6: not set -> 5"),
        ("chips.max_background=0.9", ("chips",), "chips.max_background: 0.5 -> 0.9"),
        ("split.seed=4", STAGES[2:], "split.seed: 0 -> 4"),
        ("augment.copies=1", STAGES[4:], "augment.copies: 2 -> 1"),
        ("train.epochs=3", (), ""),
    ],
)
def test_a_setting_redoes_the_stages_that_depend_on_it(project, caplog, setting, redone, why) -> None:
    prepare(_config(project))
    with caplog.at_level(logging.INFO):
        made = prepare(_config(project, setting))
    assert _redone(made)[:1] == list(redone[:1])
    assert set(_redone(made)) <= set(redone or STAGES[5:]) | set(STAGES[2:] if redone else ())
    assert why in caplog.text
    assert not any(path.name.startswith(".") for path in project.rglob("*"))


def test_labels_whose_sources_come_in_another_order_are_made_anew(project, caplog) -> None:
    one, over = project / "data/raw/labels.gpkg", write_polygons(project / "data/over.gpkg", [(0, 0, 60, 60, 5)])
    run_mosaic(_config(project))
    # one file by two names, too
    for sources, top in (((one, over), 5), ((over, one), 1), ((over, one, project / "data/raw/../over.gpkg"), 5)):
        config = _config(project, f"labels.source=[{', '.join(map(str, sources))}]")
        with caplog.at_level(logging.INFO):
            assert run_labels(config) is not None
        with rasterio.open(config.paths.labels) as dataset:
            assert dataset.read(1)[30, 30] == top
        assert run_labels(config) is None
    assert caplog.text.count("labels.tif: is made anew: the inputs come in another order") == 2


def test_a_colour_is_in_labels_and_chips_and_nothing_is_learnt_from_it(project) -> None:
    prepare(_config(project))
    before, trained = _contents(project), train_stage(_config(project, f"paths.models={project / 'models'}"))
    compared = benchmark_stage(_config(project, f"paths.reports={project / 'reports'}"))
    for stage in (trained, compared):
        with recorded(stage):
            stage.out.mkdir(parents=True)
            for part in stage.made:
                part.write_text("made")
    scheme = [c.model_dump() for c in _config(project).scheme]
    scheme[1]["color"] = "#123456"
    painted = _config(project, f"scheme={scheme}")
    assert [check(stage(painted)).standing for stage in PREPARE] == ["current", "stale", "stale", "current", "current"]
    assert _redone(prepare(painted)) == ["labels", "chips", "stacks"]
    now = _contents(project)
    assert [name for name in STAGES if now[name] != before[name]] == ["labels", "chips"]
    for stage in (trained, compared):
        assert check(replace(stage, settings={**stage.settings, "scheme": scheme})).standing == "current"
    scheme[1]["name"] = "meadows"
    assert check(replace(trained, settings={**trained.settings, "scheme": scheme})).why == (
        "scheme.2.name: roads or parking lots -> meadows"
    )


def test_a_project_that_was_moved_is_still_up_to_date(project, tmp_path_factory) -> None:
    prepare(_config(project))
    other = tmp_path_factory.mktemp("elsewhere") / "project"
    subprocess.run(["cp", "-r", project, other], check=True)
    assert _redone(prepare(_config(other))) == []


def test_a_project_with_large_images_is_up_to_date_where_it_was_copied_with_its_times_or_hashed(
    project, tmp_path_factory, monkeypatch, caplog
) -> None:
    monkeypatch.setattr("landcover.fingerprint.WHOLE", 2**10)
    prepare(_config(project))
    assert read_run(project / "data/interim/mosaic").inputs[0].how == "sampled"
    for image in (project / "data/raw/naip").iterdir():
        # a copy is never of the same time
        os.utime(image, (1_600_000_000, 1_600_000_000))
    prepare(_config(project))
    # the mosaic's footprints name the images, which lie elsewhere: that costs the labels
    folder = tmp_path_factory.mktemp("elsewhere")
    for option, redone in (("-a", []), ("-r", ["mosaic", "labels", "chips"])):
        subprocess.run(["cp", option, project, folder / option], check=True)
        with caplog.at_level(logging.INFO):
            assert _redone(prepare(_config(folder / option))) == redone
    assert "m_0_20210101.tif has another time of change (2020-09-1" in caplog.text
    prepare(_config(project, "provenance.hash=full"), overwrite=True)
    subprocess.run(["cp", "-r", project, folder / "hashed"], check=True)
    assert _redone(prepare(_config(folder / "hashed"))) == []


def test_a_data_folder_that_is_a_link_hides_no_image(project, tmp_path_factory, caplog) -> None:
    # not as deep as the folder it stands for
    scratch = tmp_path_factory.mktemp("scratch") / "so/much/deeper/interim"
    scratch.mkdir(parents=True)
    (project / "data/interim").symlink_to(scratch)
    assert _redone(prepare(_config(project))) == list(STAGES)
    used = read_run(project / "data/interim/chips").inputs
    assert [Path(part.path).name for part in used if part.how == "whole"] == ["m_0_20210101.tif", "m_1_20210102.tif"]
    assert None not in [part.digest for part in used]
    assert _redone(prepare(_config(project))) == []
    _darken_an_image(project)
    with caplog.at_level(logging.INFO):
        assert "chips" in _redone(prepare(_config(project)))
    assert f"interim/chips: is made anew: {project}/data/raw/naip/m_0_20210101.tif has changed (" in caplog.text


def _mask(columns: int, project: Path) -> None:
    path = project / "data/raw/naip/m_0_20210101.tif"
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=False), rasterio.open(path, "r+") as dataset:
        dataset.write_mask(np.tile(np.arange(256) < columns, (256, 1)))


def _remove_the_mask(project: Path) -> None:
    (project / "data/raw/naip/m_0_20210101.tif.msk").unlink()


def test_a_mask_beside_an_image_is_seen(project, monkeypatch, caplog) -> None:
    prepare(_config(project))
    monkeypatch.chdir(project)
    for change, why in (
        (partial(_mask, 200), "m_0_20210101.tif.msk is new"),
        (partial(_mask, 100), "m_0_20210101.tif.msk has changed ("),
        (_remove_the_mask, "m_0_20210101.tif.msk is not used any more"),
    ):
        change(project)
        with caplog.at_level(logging.INFO):
            assert {"mosaic", "chips"} <= set(_redone(prepare(_config(project))))
        assert f"interim/mosaic: is made anew: data/raw/naip/{why}" in caplog.text
        assert f"data/raw/naip/{why}" in caplog.text.partition("interim/chips: is made anew: ")[2].partition("\n")[0]
        caplog.clear()
        assert _redone(prepare(_config(project))) == []


def test_what_a_virtual_raster_shows_is_seen(project, monkeypatch, caplog) -> None:
    monkeypatch.chdir(project)
    images, held = project / "data/raw/naip", project / "data/held"
    (first,) = images.glob("m_0_*.tif")
    held.mkdir()
    shown = held / first.name
    first.rename(shown)
    copy(shown, first.with_suffix(".vrt"), driver="VRT")
    prepare(_config(project), overwrite=True)
    assert _redone(prepare(_config(project))) == []
    with rasterio.open(shown, "r+") as dataset:
        dataset.write(255 - dataset.read())
    with caplog.at_level(logging.INFO):
        assert {"mosaic", "chips"} <= set(_redone(prepare(_config(project))))
    assert f"data/held/{shown.name} has changed" in caplog.text


def test_what_a_sidecar_tells_of_place_and_nodata_is_seen_and_statistics_are_not(project, monkeypatch, caplog) -> None:
    prepare(_config(project))
    monkeypatch.chdir(project)
    sidecar = project / "data/raw/naip/m_0_20210101.tif.aux.xml"
    sidecar.write_text(SIDECAR.format("<Histograms/>"))
    assert _redone(prepare(_config(project))) == []
    sidecar.write_text(SIDECAR.format("<NoDataValue>7</NoDataValue>"))
    with caplog.at_level(logging.INFO):
        assert "chips" in _redone(prepare(_config(project)))
    assert "data/raw/naip/m_0_20210101.tif.aux.xml is new" in caplog.text


SIDECAR = """<PAMDataset><PAMRasterBand band="1">{}<Metadata>
    <MDI key="STATISTICS_MAXIMUM">9</MDI>
</Metadata></PAMRasterBand></PAMDataset>"""


def test_a_program_that_changed_makes_anew_what_depends_on_the_change(project, monkeypatch, caplog) -> None:
    prepare(_config(project))
    plain = uptodate.code_digest
    monkeypatch.setattr("landcover.uptodate.__version__", "9.9")
    assert _redone(prepare(_config(project))) == []
    monkeypatch.setattr(uptodate, "code_digest", lambda of: "other" if of == "prepare.labels" else plain(of))
    with caplog.at_level(logging.INFO):
        assert _redone(prepare(_config(project))) == ["labels"]
    assert "labels.tif: is made anew: the program has changed (0.1.0 -> 9.9)" in caplog.text


def test_records_without_a_digest_of_the_program_are_compared_by_version(project, monkeypatch, caplog) -> None:
    prepare(_config(project))
    record = record_path(project / "data/interim/labels.tif")
    told = json.loads(record.read_text())
    assert len(told.pop("code")) == 64
    record.write_text(json.dumps(told))
    assert _redone(prepare(_config(project))) == []
    monkeypatch.setattr("landcover.uptodate.__version__", "9.9")
    with caplog.at_level(logging.INFO):
        assert _redone(prepare(_config(project))) == ["labels"]
    assert "the program has changed (0.1.0 -> 9.9)" in caplog.text


def test_what_no_record_tells_of_is_not_replaced(project) -> None:
    kept = project / "data/interim/chips/mine.txt"
    kept.parent.mkdir(parents=True)
    kept.write_text("mine")
    with pytest.raises(OutputExists, match=r"chips exists already: add --overwrite to replace it \(no record tells"):
        prepare(_config(project))
    assert kept.exists()
    assert sorted(p.name for p in (project / "data/interim").iterdir()) == ["chips"]
    prepare(_config(project), overwrite=True)
    assert not kept.exists()


def _options(project: Path) -> list[str]:
    return [part for override in _overrides(project) for part in ("--set", override)]


def test_chips_of_arcgis_are_not_replaced_by_those_of_a_mosaic(project) -> None:
    prepare(_config(project))
    chips = project / "data/interim/chips"
    exported = chips.rename(project / "exported")
    record_path(exported).unlink()
    assert run("chips", "--from-esri", exported, *_options(project)).exit_code == 0
    again = run("chips", "--from-esri", exported, *_options(project))
    assert (again.exit_code, again.stdout) == (0, f"{chips}: is up to date\n")
    refused = run("prepare", *_options(project))
    assert refused.exit_code == 1
    assert "(it was made by `landcover chips --from-esri`)" in refused.stderr


def test_each_stage_says_in_a_line_that_it_is_up_to_date(project) -> None:
    data = project / "data"
    assert run("prepare", *_options(project)).exit_code == 0
    outputs = {
        "prepare": data / "processed", "mosaic": data / "interim/mosaic", "labels": data / "interim/labels.tif",
        "chips": data / "interim/chips", "stack": data / "processed", "augment": data / "processed/augmented",
    }  # fmt: skip
    for command, out in outputs.items():
        result = run(command, "-q", *_options(project))
        assert (result.exit_code, result.stdout, result.stderr) == (0, f"{out}: is up to date\n", ""), command
    again = run("prepare", *_options(project))
    names = ("interim/mosaic", "interim/labels.tif", "interim/chips", "processed", "processed/augmented")
    assert again.output.splitlines() == [f"{data / name}: is up to date" for name in names]
    forced = run("mosaic", "--force", *_options(project))
    assert "2 images" in forced.stdout


def test_samples_do_not_see_what_full_hashes_see(project) -> None:
    image = write_image(project / "data/raw/naip/m_0_20210101.tif", textured(1300, 1300))
    stat = image.stat()
    assert stat.st_size > 2**22
    for how in ("fast", "full"):
        prepare(_config(project, f"provenance.hash={how}"), overwrite=True)
        with image.open("r+b") as file:
            # between the first sample and the second
            file.seek(200_000)
            file.write(bytes(np.random.default_rng(how == "full").integers(0, 255, 100, np.uint8)))
        os.utime(image, ns=(stat.st_atime_ns, stat.st_mtime_ns))
        assert ("chips" in _redone(prepare(_config(project, f"provenance.hash={how}")))) == (how == "full")


def test_a_second_prepare_of_real_images_takes_little_time(tmp_path, real_data) -> None:
    site = real_data / "ohio-naip-landcover/train"
    options = [
        f"paths.data={tmp_path}", f"mosaic.images={site}/site*/img", f"labels.source={site}/site00_labels.tif",
        "labels.reclassify={0: 6}", "chips.stride=256",
    ]  # fmt: skip
    command = [sys.executable, "-m", "landcover", "prepare", "-q", *(part for o in options for part in ("--set", o))]
    subprocess.run(command, check=True, capture_output=True)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    again = subprocess.run(command, check=True, capture_output=True, text=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert again.stdout == f"{tmp_path / 'processed'}: is up to date\n"
    # of the processor's time: that of the clock is also that of other processes
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 3


def test_two_runs_do_not_make_one_output(project) -> None:
    prepare(_config(project))
    out = project / "data/interim/mosaic"
    with only_one(out), pytest.raises(LandcoverError, match="another process is at work on it"):
        prepare(_config(project), overwrite=True)


@pytest.mark.parametrize("stage", STAGES)
def test_an_interruption_just_before_the_record_is_taken_up(project, monkeypatch, stage) -> None:
    """The output has its name already, and nothing tells what it was made of."""
    write = provenance.write_run

    def interrupted(of, *rest):
        if of.out == getattr(_config(project).paths, stage):
            raise KeyboardInterrupt
        return write(of, *rest)

    with monkeypatch.context() as patched:
        patched.setattr(provenance, "write_run", interrupted)
        with pytest.raises(KeyboardInterrupt):
            prepare(_config(project))
    assert stage in _redone(prepare(_config(project)))
    assert not any(path.name.startswith(".") for path in project.rglob("*"))


KILLED = """
import os, random, signal, sys, time
from pathlib import Path
from landcover.config import load_config
from landcover.prepare import prepare
import landcover.prepare.augment, landcover.prepare.chips, landcover.prepare.labels, landcover.prepare.stack

config, folder = load_config(None, sys.argv[2:]), Path(sys.argv[1])
plain, dice, calls = os.replace, random.Random(0), 0

def kill():
    os.kill(os.getpid(), signal.SIGKILL)

# a run that is killed before or after its n-th renaming, or so many seconds after its start
def run(at):
    global calls
    def counted(*given):
        global calls
        calls += 1
        if calls == at:
            kill()
        plain(*given)
        if calls == -at:
            kill()
    pid = os.fork()
    if pid == 0:
        if isinstance(at, float):
            signal.signal(signal.SIGALRM, lambda *given: kill())
            signal.setitimer(signal.ITIMER_REAL, at)
        else:
            os.replace = counted
        prepare(config)
        os._exit(0)
    return os.waitpid(pid, 0)[1] == signal.SIGKILL

kills = 0
for number in range(1, 60):
    killed = run(number if number % 2 else -number), run(dice.uniform(0.01, 0.5))
    kills += sum(killed)
    if not any(killed):
        break
print(kills)
"""


def test_killed_at_any_moment_prepare_is_taken_up_and_ends_the_same(project, tmp_path_factory) -> None:
    other = tmp_path_factory.mktemp("whole") / "project"
    subprocess.run(["cp", "-r", project, other], check=True)
    prepare(_config(other))
    done = subprocess.run([sys.executable, "-c", KILLED, project, *_overrides(project)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 10
    assert _redone(prepare(_config(project))) == []
    # the mosaic's footprints name the images, which lie elsewhere
    assert {**_contents(project), "mosaic": None} == {**_contents(other), "mosaic": None}
    index = Path("data/interim/mosaic/mosaic.vrt")
    assert (project / index).read_bytes() == (other / index).read_bytes()
    assert not any(path.name.startswith(".") for path in project.rglob("*"))


def test_ctrl_c_is_one_line_and_the_next_run_goes_on(project) -> None:
    command = [sys.executable, "-m", "landcover", "prepare", "-q", *_options(project)]
    # a shell without job control has what it runs in the background ignore it
    heard = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, preexec_fn=heard)
    while process.poll() is None and not list(project.glob("data/interim/.partial-chips/images/*")):
        time.sleep(0.001)
    process.send_signal(signal.SIGINT)
    _, told = process.communicate()
    assert (process.returncode, told) == (130, "Interrupted: no output is left half-written\n")
    assert not any(path.name.startswith(".") for path in project.rglob("*"))
    assert _redone(prepare(_config(project))) == list(STAGES[2:])


def test_what_a_killed_run_left_is_listed_and_removed_by_the_next(project) -> None:
    prepare(_config(project))
    interim = project / "data/interim"
    for name in (".partial-mosaic", ".former-mosaic"):
        (interim / name).mkdir()
    for name in (".partial-labels.tif", ".partial-labels.qml", ".partial-labels.tif.aux.xml", ".lock-labels.tif"):
        (interim / name).write_text("")
    (project / "data/processed/.partial-run.json").write_text("")
    assert len(leftovers(interim / "mosaic")) == 2
    assert len(leftovers(interim / "labels.tif")) == 4
    assert _redone(prepare(_config(project))) == []
    assert not any(path.name.startswith(".") for path in project.rglob("*"))
