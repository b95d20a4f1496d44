"""Work on a Dask cluster: a scheduler and two workers of one thread, each a process of its own."""

import json
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import rasterio
from conftest import run, textured, write_image, write_polygons
from geopandas.testing import assert_geodataframe_equal
from objectstore import object_store

from landcover import cluster, remote
from landcover.assess import assess
from landcover.assess.by_cover import assess_by_cover
from landcover.classify import Failed, Kept, Outside, Spread, classify, spread
from landcover.classify.cells import Cell
from landcover.classify.done import Done
from landcover.classify.large import Large
from landcover.classify.mapper import Mapper
from landcover.classify.predict import Classified
from landcover.cluster import HERE, OWN, UNREACHABLE, Cluster, Machines, open_cluster
from landcover.config import Config
from landcover.errors import ConfigError, LandcoverError, ModelError
from landcover.flight import Task
from landcover.image import describe
from landcover.machine import Memory
from landcover.model import read_card
from landcover.prepare.chips import chips
from landcover.prepare.from_esri import chips_from_esri
from landcover.prepare.labels import labels
from landcover.prepare.mosaic import mosaic
from landcover.prepare.stack import stack
from landcover.progress import Progress, silent
from landcover.remap import Remap
from landcover.scheme import ClassScheme
from landcover.settings import ChipSettings, LabelSettings, MosaicSettings, SplitSettings

dask = pytest.importorskip("dask")
distributed = pytest.importorskip("distributed")


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, dict[str, str]]]:
    """The folder of the objects of an object store, and the environment in which it is found."""
    folder = tmp_path_factory.mktemp("objects")
    with object_store(folder) as environment:
        yield folder, environment


@pytest.fixture(scope="module")
def machines(tmp_path_factory: pytest.TempPathFactory, stored: tuple[Path, dict[str, str]]) -> Iterator[Machines]:
    """A scheduler that gives an item up after the second worker that died of it, and two workers."""
    folder = tmp_path_factory.mktemp("cluster")
    told = folder / "scheduler.json"
    quiet = {
        "env": os.environ | stored[1] | {"DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "1"},
        "stdout": subprocess.DEVNULL,
        "stderr": subprocess.DEVNULL,
        "cwd": folder,
    }
    parts = [
        ["scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard"],
        [
            "worker",
            "--host",
            "127.0.0.1",
            "--nworkers",
            "2",
            "--nthreads",
            "1",
            "--memory-limit",
            "0",
            "--no-dashboard",
        ],
    ]
    started = [
        subprocess.Popen(
            [sys.executable, "-m", f"distributed.cli.dask_{kind}", *rest, "--scheduler-file", str(told)], **quiet
        )
        for kind, *rest in parts
    ]
    while not told.exists():
        assert started[0].poll() is None
        time.sleep(0.1)
    address = json.loads(told.read_text())["address"]
    with distributed.Client(address, set_as_default=False) as client:
        client.wait_for_workers(2)
    yield Machines(scheduler=address)
    for process in reversed(started):
        process.terminate()
        process.wait()


@pytest.fixture
def config(tmp_path: Path, tiny_model: Path) -> Config:
    return Config.model_validate(
        {
            "paths": {"data": str(tmp_path / "data")},
            "classify": {"model": str(tiny_model), "precision": "float32", "cell": 512, "confidence": True},
        }
    )


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A mosaic of 1,500 x 1,300 px of four images that meet inside cells; one cell has no data."""
    folder = tmp_path_factory.mktemp("mosaic")
    pixels = textured(1300, 1500)
    pixels[:, 1024:, 1024:] = 0
    for row, bottom in ((0, 700), (700, 1300)):
        for column, right in ((0, 600), (600, 1500)):
            name = f"naip/m_{row}_{column}.tif"
            write_image(folder / name, pixels[:, row:bottom, column:right], column, row)
    return mosaic(MosaicSettings(images=(str(folder / "naip"),)), folder / "mosaic").path


@pytest.fixture(scope="module")
def truth(shown: Path, tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[np.ndarray, np.ndarray]:
    """The map and the confidence of one process."""
    out = tmp_path_factory.mktemp("truth") / "map.tif"
    settings = {"model": str(tiny_model), "precision": "float32", "confidence": True}
    made = classify(Config.model_validate({"classify": settings}), shown, out)
    assert made.confidence is not None
    return _read(made.path), _read(made.confidence)


def _read(path: Path | str) -> np.ndarray:
    with rasterio.open(path) as dataset:
        return dataset.read(1)


def _spread(config: Config, image: Path, out: Path, machines: Machines, progress: Progress | None = None) -> object:
    from landcover.classify.spread import classify_spread

    (made,) = classify_spread(config, {str(image): out}, machines, progress=progress or silent, named=True)
    return made


def _at(moment: int, act: Callable[[], None]) -> Progress:
    """Act when so many pieces are done."""

    @contextmanager
    def progress(label: str, total: float, unit: str) -> Iterator[Callable[..., None]]:
        done = 0

        def advance(amount: float, note: str = "") -> None:
            nonlocal done
            done += unit == "Mpx"
            if done == moment:
                act()

        yield advance

    return progress


def test_two_workers_make_the_map_that_one_process_makes(tmp_path, config, shown, truth, machines, scheme) -> None:
    out = tmp_path / "maps/whole.vrt"
    made = _spread(config, shown, out, machines)
    assert isinstance(made, Spread)
    assert (made.cells, made.kept) == (8, 0)
    np.testing.assert_array_equal(_read(out), truth[0])
    np.testing.assert_array_equal(_read(tmp_path / "maps/whole_confidence.vrt"), truth[1])
    assert sum(made.pixels.values()) == np.count_nonzero(truth[0])
    with rasterio.open(out) as dataset:
        assert (dataset.nodata, dataset.colormap(1)[7]) == (0, (253, 191, 111, 255))
        assert ClassScheme.model_validate_json(dataset.tags()["LANDCOVER_SCHEME"]) == scheme
        assert "bare land" in out.read_text()
    tiles = gpd.read_file(tmp_path / "maps/whole_cells/cells.gpkg")
    assert "r0001024_c0001024.tif" not in set(tiles["location"])
    assert tiles["pixels_7"].sum() == np.count_nonzero(truth[0] == 7)
    assert not [p for p in (tmp_path / "maps").rglob(".*")]
    assert isinstance(_spread(config, shown, out, machines), Kept)
    # a cell that is gone is made again, and no other
    (tmp_path / "maps/whole_cells/r0000512_c0000512.tif").unlink()
    again = _spread(config, shown, out, machines)
    assert isinstance(again, Spread)
    assert (again.cells, again.kept) == (8, 7)
    np.testing.assert_array_equal(_read(out), truth[0])


def test_a_worker_that_is_killed_changes_nothing(tmp_path, config, shown, truth, machines) -> None:
    with distributed.Client(machines.scheduler, set_as_default=False) as client:
        victim = next(iter(client.run(os.getpid).values()))
    out = tmp_path / "map.vrt"
    made = _spread(config, shown, out, machines, _at(2, lambda: os.kill(victim, signal.SIGKILL)))
    assert isinstance(made, Spread)
    np.testing.assert_array_equal(_read(out), truth[0])
    assert not list(tmp_path.rglob(".*"))


def test_a_client_that_is_killed_goes_on_with_what_is_done(tmp_path, config, shown, truth, machines) -> None:
    out = tmp_path / "map.vrt"
    command = [
        sys.executable, "-m", "landcover", "classify", str(shown), "-m", str(config.classify.model), "--confidence",
        "--precision", "float32", "--set", "classify.cell=512", "--scheduler", str(machines.scheduler), "-o", str(out),
        # slow enough to be caught in the middle
        "--tile", "16", "--batch", "1",
    ]  # fmt: skip
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as client:
        while len(_cells(out)) < 2 and client.poll() is None:
            time.sleep(0.02)
        client.kill()
    assert not out.exists()
    before = _cells(out)
    made = _spread(config, shown, out, machines)
    assert isinstance(made, Spread)
    after = _cells(out)
    # what was done is as it was, and what was on its way may be done by the workers of before
    assert {name: after[name] for name in before} == before
    assert made.kept >= len(before)
    np.testing.assert_array_equal(_read(out), truth[0])
    assert not list(tmp_path.rglob(".*"))


def _cells(out: Path) -> dict[str, int]:
    folder = out.with_name(f"{out.stem}_cells")
    return {p.name: p.stat().st_mtime_ns for p in folder.glob("r*_c???????.tif")} if folder.exists() else {}


def test_of_several_images_those_that_fit_are_mapped_whole_and_a_bad_one_is_set_aside(
    tmp_path, config, machines
) -> None:
    from landcover.classify.spread import classify_spread

    good = write_image(tmp_path / "good.tif", textured(300, 400))
    bad = write_image(
        tmp_path / "bad.tif", textured(300, 400), compress="deflate", tiled=True, blockxsize=128, blockysize=128
    )
    with rasterio.open(bad) as dataset:
        start = int(dataset.get_tag_item("BLOCK_OFFSET_1_0", "TIFF", bidx=1))
    content = bytearray(bad.read_bytes())
    content[start + 20 : start + 400] = b"\xff" * 380
    bad.write_bytes(content)
    images = {str(path): tmp_path / f"maps/{path.stem}.tif" for path in (bad, good)}
    failed, made = classify_spread(config, images, machines)
    assert isinstance(failed, Failed)
    assert "bad.tif" in failed.path
    assert "cannot be read at" in failed.reason
    assert isinstance(made, Classified)
    np.testing.assert_array_equal(_read(made.path), _read(classify(config, good, tmp_path / "one.tif").path))
    record = json.loads((tmp_path / "maps/good.tif.run.json").read_text())
    assert record["command"][1:] == sys.argv[1:]
    assert isinstance(classify_spread(config, images, machines)[1], Kept)


def test_maps_go_to_an_object_store_and_images_come_from_one(
    tmp_path, config, shown, truth, machines, stored, monkeypatch
) -> None:
    pytest.importorskip("s3fs")
    folder, environment = stored

    def objects() -> dict[str, bytes]:
        return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}

    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    small = write_image(tmp_path / "small.tif", textured(300, 400))
    (folder / "images").mkdir()
    (folder / "images/small.tif").write_bytes(small.read_bytes())
    common = ["--confidence", "-m", config.classify.model, "--precision", "float32", "--set", "classify.cell=512"]
    given = ["classify", shown, "s3://images/small.tif", *common, "--scheduler", machines.scheduler]
    given += ["--out", "s3://maps/here"]
    told = run(*given)
    assert told.exit_code == 0, told.output
    assert told.stdout.endswith("\n2 mapped\n")
    assert "mapped   s3://maps/here/mosaic_landcover.vrt" in told.stdout
    with rasterio.Env(CPL_VSIL_CURL_NON_CACHED="/vsis3/maps"):
        np.testing.assert_array_equal(_read("s3://maps/here/mosaic_landcover.vrt"), truth[0])
        np.testing.assert_array_equal(_read("s3://maps/here/mosaic_landcover_confidence.vrt"), truth[1])
        alone = classify(config, small, tmp_path / "alone.tif").path
        np.testing.assert_array_equal(_read("s3://maps/here/small_landcover.tif"), _read(alone))
    before = objects()
    assert not [name for name in before if "/." in name]
    # of these one is gone, of the other nothing is told: that one is known by what it says itself
    (folder / "maps/here/mosaic_landcover_cells/r0000512_c0000512.tif").unlink()
    (folder / "maps/here/small_landcover.tif.made.json").unlink()
    again = run(*given)
    assert again.exit_code == 0, again.output
    assert "8 cells, 7 of them done before" in again.stdout
    assert "kept     s3://maps/here/small_landcover.tif" in again.stdout
    after = objects()
    assert after.keys() == before.keys()
    assert all(after[name] == before[name] for name in before if name.endswith(".tif"))
    # what is of something else is not replaced
    other = run(*given[:1], *given[2:], "--no-collar")
    assert other.exit_code == 1
    assert "s3://maps/here/small_landcover.tif exists already: add --overwrite" in other.stdout
    assert objects() == after
    # an image that has changed is another, to workers too that have read it before
    write_image(small, textured(300, 400)[:, ::-1])
    (folder / "images/small.tif").write_bytes(small.read_bytes())
    changed = run(*given[:1], *given[2:])
    assert "s3://maps/here/small_landcover.tif exists already: add --overwrite" in changed.stdout
    assert run(*given[:1], *given[2:], "--overwrite").exit_code == 0
    with rasterio.Env(CPL_VSIL_CURL_NON_CACHED="/vsis3/maps"):
        made = _read("s3://maps/here/small_landcover.tif")
    np.testing.assert_array_equal(made, _read(classify(config, small, tmp_path / "changed.tif").path))
    assert not np.array_equal(made, _read(alone))
    assert objects().keys() == before.keys()


def test_an_object_store_that_refuses_is_told_of_in_a_line(tmp_path, config, machines, stored, monkeypatch) -> None:
    s3fs = pytest.importorskip("s3fs")
    # large enough to be cut: it is looked for cells that are there
    image = write_image(tmp_path / "a.tif", textured(520, 520))
    given = ["classify", image, "-m", config.classify.model, "--out", "s3://maps/here"]
    given += ["--set", "classify.cell=512"]
    told = run(*given)
    assert told.stderr == "Error: --out s3://maps/here: is written by workers: add --workers 1, or --scheduler\n"
    given += ["--scheduler", machines.scheduler]
    assert "--stac: describes maps on a disk" in run(*given, "--stac").stderr
    for name, value in (stored[1] | {"AWS_CONFIG_FILE": "none", "AWS_SHARED_CREDENTIALS_FILE": "none"}).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "another")
    for keys in ("another's", "none"):
        s3fs.S3FileSystem.clear_instance_cache()
        told = run(*given)
        assert told.exit_code == 1, keys
        assert told.stderr.count("\n") == 1
        assert (
            "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE, here and for the workers" in told.stderr
        )
        monkeypatch.delenv("AWS_ACCESS_KEY_ID", raising=False)
        monkeypatch.delenv("AWS_SECRET_ACCESS_KEY", raising=False)
    s3fs.S3FileSystem.clear_instance_cache()
    given[5] = "nowhere://maps"
    assert "no object store that is known" in run(*given).stderr


def test_urls_are_no_folders(tmp_path, config) -> None:
    image = write_image(tmp_path / "a.tif", textured(64, 64))
    given = ["classify", image, "-m", config.classify.model]
    for place in ("s3:///maps", "s3://", "S3:///maps"):
        told = run(*given, "--out", place, "--workers", 1)
        assert (told.exit_code, told.stderr) == (
            2,
            f"Error: {place}: names no bucket: give one, such as s3://bucket/maps\n",
        )
    assert "--out s3://bucket/Maps: is written by workers" in run(*given, "--out", "S3://bucket/Maps/").stderr
    for key in ("data", "maps"):
        told = run(*given, "--set", f"paths.{key}=S3://bucket/x")
        assert told.exit_code == 2
        assert f"{key}: S3://bucket/x is no folder of a disk" in told.stderr
        assert "--out S3://bucket/x" in told.stderr


def test_a_worker_of_two_threads_maps_with_an_exported_model(tmp_path, config, shown) -> None:
    from landcover.classify.spread import classify_spread
    from landcover.export import export

    exported = export(config.classify.model, "onnx", tmp_path / "unet.onnx")
    config = config.model_copy(update={"classify": config.classify.model_copy(update={"model": exported})})
    small = write_image(tmp_path / "small.tif", textured(300, 400))
    images = {str(shown): tmp_path / "maps/whole.vrt", str(small): tmp_path / "maps/small.tif"}
    with distributed.LocalCluster(
        n_workers=1, threads_per_worker=2, processes=True, host="127.0.0.1", dashboard_address="127.0.0.1:0",
        silence_logs=logging.CRITICAL,
    ) as two:  # fmt: skip
        results = classify_spread(config, images, Machines(scheduler=two.scheduler_address))
        with distributed.Client(two, set_as_default=False) as client:
            # as many as the worker has, and no network that was not asked for
            (threads, loaded) = next(iter(client.run(_threads_of_onnx).values()))
    assert [type(made) for made in results] == [Spread, Classified]
    assert (threads, loaded) == (2, False)
    for image, out in images.items():
        alone = classify(config, image, tmp_path / f"alone/{out.stem}.tif")
        np.testing.assert_array_equal(_read(out), _read(alone.path))


def _threads_of_onnx() -> tuple[int, bool]:
    from landcover.classify import onnxmapper

    return onnxmapper.THREADS, "tensorflow" in sys.modules


def test_what_kills_its_workers_or_fails_again_and_again_keeps_nothing_else(machines) -> None:
    def work(number: int) -> int:
        if number == 3:
            os.kill(os.getpid(), signal.SIGKILL)
        if number == 5:
            raise ValueError("five")
        return number * number

    with open_cluster(machines) as spread:
        outcomes = {outcome.item: outcome for outcome in spread.each(work, range(12))}
    assert {n: o.result for n, o in outcomes.items() if not o.trouble} == {
        n: n * n for n in range(12) if n not in (3, 5)
    }
    assert "died" in outcomes[3].trouble.text
    assert outcomes[5].trouble.text.startswith("ValueError in test_cluster.py")
    assert outcomes[5].trouble.text.endswith("five")


def test_what_fails_on_one_worker_is_done_by_another(machines) -> None:
    def work(number: int) -> str:
        here = distributed.get_worker().address
        if here == full:
            raise OSError("no space left on device")
        return here

    with distributed.Client(machines.scheduler, set_as_default=False) as client:
        # those that were killed before come back
        client.wait_for_workers(2)
        full = min(client.nthreads())
    with open_cluster(machines) as spread:
        outcomes = list(spread.each(work, range(12)))
    assert len(outcomes) == 12
    assert not any(outcome.trouble or outcome.result == full for outcome in outcomes)


def test_what_waits_for_workers_that_have_gone_is_done_by_those_that_come(tmp_path, machines, monkeypatch) -> None:
    def work(number: int) -> int:
        if not (tmp_path / str(number)).exists():
            (tmp_path / str(number)).touch()
            raise OSError("once")
        return number

    with distributed.Client(machines.scheduler, set_as_default=False) as client, open_cluster(machines) as spread:
        submit, gone = spread.submit, []

        def when_all_have_gone(name: str, task: Task) -> object:
            if not task.avoid or gone:
                return submit(name, task)
            gone.extend(spread.workers())
            for process in client.run(os.getpid).values():
                os.kill(process, signal.SIGKILL)
            while client.nthreads():
                time.sleep(0.01)
            return submit(name, task)

        monkeypatch.setattr(spread, "submit", when_all_have_gone)
        (outcome,) = spread.each(work, [7])
        client.wait_for_workers(2)
    assert outcome.result == 7
    assert gone


def test_what_was_of_a_worker_that_has_gone_is_not_waited_for(machines) -> None:
    def work(victim: str) -> str:
        here = distributed.get_worker().address
        if here == victim:
            os.kill(os.getpid(), signal.SIGKILL)
        return here

    with distributed.Client(machines.scheduler, set_as_default=False) as client:
        client.wait_for_workers(2)
    with open_cluster(machines) as spread:
        victim, other = sorted(spread.workers())
        assert spread.on_all(work, victim) == [other]


def test_a_worker_that_is_paused_is_not_waited_for_by_what_all_are_asked(machines) -> None:
    def turn(status: str, dask_worker: object) -> None:
        dask_worker.status = distributed.Status[status]

    with distributed.Client(machines.scheduler, set_as_default=False) as client, open_cluster(machines) as spread:
        # those that were killed before come back
        client.wait_for_workers(2)
        one, other = there = sorted(client.nthreads())
        try:
            for left, workers in ((other, [one]), (None, there)):
                client.run(turn, "paused", workers=workers)
                while spread.paused() != set(workers):
                    time.sleep(0.01)
                if left:
                    assert spread.on_all(lambda number: distributed.get_worker().address, 1) == [left]
            with pytest.raises(LandcoverError, match="has no worker now, or all are paused"):
                spread.on_all(abs, -1)
        finally:
            client.run(turn, "running")
            while spread.paused():
                time.sleep(0.01)


def test_an_index_that_cannot_be_put_fails_its_image_alone(tmp_path, monkeypatch) -> None:
    def cannot(large: Large, store: object) -> None:
        raise errors.pop()

    errors = [ModelError("no model"), LandcoverError("the store is full")]
    monkeypatch.setattr(spread, "finish", cannot)
    monkeypatch.setattr(spread, "outcome_of", lambda *given: None)
    large = object.__new__(Large)
    large.__dict__.update(name="a.tif", cells=[], done=[], failed=[], empty=0)
    given = (large, Cell(None, None, tmp_path / "a.tif"), Done({}, (), "", False), None, None)
    assert spread._result(*given) == Failed("a.tif", "the store is full")
    with pytest.raises(ModelError):
        spread._result(*given)


def test_another_program_or_unseen_files_are_told_of_in_a_line(machines, monkeypatch) -> None:
    with open_cluster(machines) as spread:
        with pytest.raises(LandcoverError, match="does not see /nowhere: put it on a disk that all machines share"):
            list(spread.each(abs, [1], ["/nowhere"]))
        monkeypatch.setattr(remote, "facts", lambda libraries: remote_facts | {"numpy": "1.0", "landcover": "9.9"})
        remote_facts = {name: "1" for name in ("Python", "landcover", "numpy")} | _facts
        with pytest.raises(LandcoverError, match=r"has landcover .*, not 9.9 and numpy .*, not 1.0 as there is here"):
            list(spread.each(abs, [1]))


def test_what_fails_on_a_worker_names_it_if_it_is_of_another_machine(machines, monkeypatch) -> None:
    with open_cluster(machines) as spread:
        for ask in (lambda: list(spread(describe, ["/nowhere.tif"])), lambda: spread.on_all(describe, "/nowhere.tif")):
            with pytest.raises(LandcoverError) as told:
                ask()
            text, _, worker = str(told.value).partition(" (on the worker ")
            assert text == "/nowhere.tif: no such file"
            assert worker.removesuffix(")") in spread.workers()
        # it is this one's
        monkeypatch.setattr(spread, "_local", True)
        with pytest.raises(LandcoverError, match=r"^/nowhere.tif: no such file$"):
            list(spread(describe, ["/nowhere.tif"]))


_facts = remote.facts()


def test_results_come_in_order(machines) -> None:
    with open_cluster(machines) as spread:
        assert list(spread(lambda n: n + 1, range(50))) == list(range(1, 51))


def test_an_assessment_of_partial_tables_is_that_of_one_process(tmp_path, machines, scheme) -> None:
    classes = np.array([0, 1, 2, 7], np.uint8)[np.random.default_rng(0).integers(0, 4, (2, 1, 1500, 2200))]
    shown, raster = (write_image(tmp_path / f"{n}.tif", classes[n], nodata=0) for n in (0, 1))
    polygons = write_polygons(tmp_path / "reference.gpkg", [(10, 20, 1400, 900, 1), (1600, 100, 1900, 1300, 7)])
    remap = Remap.parse({}, scheme)
    with open_cluster(machines) as spread:
        for reference, block in ((raster, None), (raster, 1024), (polygons, None)):
            alone = assess_by_cover(shown, [str(reference)], remap, block=block)
            together = assess_by_cover(shown, [str(reference)], remap, block=block, each=spread)
            assert together.record() == alone.record()
            np.testing.assert_array_equal(together.counts, alone.counts)


@pytest.fixture
def handed(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """What was handed to workers."""
    found: list[object] = []
    plain = Cluster.__call__

    def noted(self: Cluster, work: Callable[..., object], items: Iterator[object]) -> Iterator[object]:
        found.append(work)
        return plain(self, work, items)

    monkeypatch.setattr(Cluster, "__call__", noted)
    return found


def test_paths_mean_the_same_to_workers_who_are_elsewhere(tmp_path, machines, scheme, monkeypatch, handed) -> None:
    """The workers of the cluster were started in another folder."""
    write_image(tmp_path / "naip/a.tif", textured(300, 300))
    write_polygons(tmp_path / "labels.gpkg", [(10, 20, 200, 190, 1), (200, 100, 290, 290, 7)])
    write_image(tmp_path / "map.tif", np.ones((1, 300, 300), np.uint8), nodata=0)
    monkeypatch.chdir(tmp_path)
    settings, split = ChipSettings(size=64, stride=64), SplitSettings(block=128)
    shown = mosaic(MosaicSettings(images=("naip",)), Path("mosaic"), machines=machines).path
    assert gpd.read_file("mosaic/footprints.gpkg", layer="footprints")["path"].tolist() == ["naip/a.tif"]
    drawn = labels(shown, LabelSettings(source=("labels.gpkg",)), scheme, Path("drawn.tif"), machines=machines).path
    made = chips(shown, drawn, settings, split, scheme, Path("chips"), machines=machines)
    stack(made.path, scheme, Path("stacks"), machines=machines)
    record = {"map": "map.tif", "reference": ["labels.gpkg"]}
    found = Config.model_validate({"scheme": scheme.model_dump(), "assess": record})
    record = assess(found, machines=machines).result.record()
    assert (record["map"], record["reference"]) == ("map.tif", ["labels.gpkg"])
    assert len(handed) >= 6


def test_prepare_hands_its_stages_to_workers(tmp_path, machines, handed) -> None:
    image = write_image(tmp_path / "naip/a.tif", textured(300, 300))
    polygons = write_polygons(tmp_path / "labels.gpkg", [(10, 20, 200, 190, 1), (200, 100, 290, 290, 4)])
    settings = [f"mosaic.images={image}", f"labels.source={polygons}", "chips.size=64", "split.block=128"]
    for name, where in (("one", ()), ("two", ("--scheduler", machines.scheduler))):
        given = [part for told in (*settings, f"paths.data={tmp_path / name}") for part in ("--set", told)]
        told = run("prepare", *given, *where)
        assert told.exit_code == 0, told.stderr
        # headers, cells of labels, where to look and what to cut, both sides of the stack
        assert len(handed) == (6 if where else 0)
    stacks = sorted(path.relative_to(tmp_path / "one") for path in (tmp_path / "one/processed").rglob("*.h5"))
    assert stacks
    assert all((tmp_path / "one" / path).read_bytes() == (tmp_path / "two" / path).read_bytes() for path in stacks)


def test_labels_made_by_workers_are_those_of_one_process(tmp_path, shown, machines, scheme) -> None:
    polygons = write_polygons(tmp_path / "labels.gpkg", [(10, 20, 1100, 1090, 1), (900, 100, 1200, 1200, 7)])
    settings = LabelSettings(source=(str(polygons),))
    labels(shown, settings, scheme, tmp_path / "one.tif")
    labels(shown, settings, scheme, tmp_path / "two.tif", machines=machines)
    assert (tmp_path / "one.tif").read_bytes() == (tmp_path / "two.tif").read_bytes()


def test_chips_cut_by_workers_are_those_of_one_process(tmp_path, shown, machines, scheme, monkeypatch, handed) -> None:
    # several stretches, and more chips than are on their way at a time
    monkeypatch.setattr("landcover.prepare.candidates.ROWS", 4)
    polygons = write_polygons(tmp_path / "labels.gpkg", [(10, 20, 700, 690, 1), (900, 100, 1200, 1200, 7)])
    drawn = labels(shown, LabelSettings(source=(str(polygons),)), scheme, tmp_path / "labels.tif").path
    settings, split = ChipSettings(size=64, stride=64), SplitSettings(block=128)
    for name, those in (("one", HERE), ("two", machines)):
        folder = tmp_path / name
        made = chips(shown, drawn, settings, split, scheme, folder / "chips", machines=those)
        stack(made.path, scheme, folder, machines=those)
        everything = Remap.parse({}, scheme)
        chips_from_esri([made.path], settings, split, everything, folder / "again", machines=those)
        mosaic(MosaicSettings(images=(str(shown.parents[1] / "naip"),)), folder / "mosaic", machines=those)
        # look for chips and cut them, both sides of the stack, look at chips and cut them, headers
        assert len(handed) == (0 if those is HERE else 7)
    # what brings whole chips or strips back comes one by one
    assert sum(getattr(work, "together", cluster.TOGETHER) == 1 for work in handed) == 5
    one, two = (sorted(p.relative_to(tmp_path / n) for p in (tmp_path / n).rglob("*.*")) for n in ("one", "two"))
    assert one == two
    assert len(one) > 400
    for path in one:
        here, there = (tmp_path / name / path for name in ("one", "two"))
        if path.suffix == ".gpkg":
            for layer in gpd.list_layers(here)["name"]:
                told = [gpd.read_file(p, layer=layer).replace(f"/{n}/", "/", regex=True)
                        for p, n in ((here, "one"), (there, "two"))]  # fmt: skip
                assert_geodataframe_equal(*told)
        elif not here.is_dir():
            assert here.read_bytes() == there.read_bytes(), path


def test_what_waits_for_an_earlier_result_is_bounded(machines) -> None:
    begun = []

    def items() -> Iterator[int]:
        for number in range(2_000):
            begun.append(number)
            yield number

    def work(number: int) -> int:
        if number == 0:
            time.sleep(0.5)
        return number

    with open_cluster(machines) as spread:
        results = spread(work, items())
        assert next(results) == 0
        assert len(begun) <= cluster.TOGETHER * (cluster.AHEAD + 1) * spread.room
        assert list(results) == list(range(1, 2_000))


def test_a_plan_tries_the_model_on_each_worker(tmp_path, config, machines) -> None:
    image = write_image(tmp_path / "a.tif", textured(64, 64))
    given = ["plan", image, "--set", f"classify.model={config.classify.model}", "--set", f"paths.data={tmp_path}"]
    told = run(*given, "--scheduler", machines.scheduler)
    assert "Tried on 2 workers" in told.stderr
    assert (
        json.loads(run(*given, "--json", "--scheduler", machines.scheduler).stdout)["costs"]["classify"]["seconds"] > 0
    )


def test_a_scheduler_that_does_not_answer(tmp_path, config) -> None:
    image = write_image(tmp_path / "a.tif", textured(64, 64))
    given = ["classify", image, "-m", config.classify.model, "-o", tmp_path / "map.tif"]
    told = run(*given, "--scheduler", "tcp://127.0.0.1:9")
    assert told.exit_code == 1
    assert told.stderr.startswith("Error: --scheduler tcp://127.0.0.1:9: no Dask scheduler answers there")
    assert told.stderr.count("\n") == 1
    bare = run(*given, "--scheduler", "tls://127.0.0.1:9")
    assert (bare.exit_code, bare.stderr.count("\n")) == (1, 1)
    assert "tls://127.0.0.1:9: needs the certificates of distributed.comm.tls in Dask's configuration" in bare.stderr
    with dask.config.set({f"distributed.comm.tls.{name}": "none.pem" for name in ("ca-file", "client.cert")}):
        unread = run(*given, "--scheduler", "tls://127.0.0.1:9")
    assert (unread.exit_code, unread.stderr.count("\n")) == (1, 1)
    assert "No such file" in unread.stderr
    assert UNREACHABLE < 10
    assert not list(tmp_path.rglob(".*"))
    both = run(*given, "--scheduler", "tcp://127.0.0.1:9", "--workers", 2)
    assert (both.exit_code, "leave one of them out" in both.stderr) == (2, True)


def test_workers_that_take_more_memory_than_there_is(tmp_path, config, monkeypatch, caplog) -> None:
    from landcover.classify.spread import classify_spread

    images = {str(write_image(tmp_path / "a.tif", textured(64, 64))): tmp_path / "maps/a.tif"}
    monkeypatch.setattr("landcover.machine.memory", lambda: Memory(64 * 10**9, 5 * 10**9, 8 * 10**9))
    monkeypatch.setattr(spread, "marked", lambda folders, store: pytest.skip("went on"))
    with pytest.raises(LandcoverError, match=r"--workers 11: this machine has 8.0 GB .* 1.0 GB before .*: give it 3"):
        classify_spread(config, images, Machines(workers=11))
    for machines, notes in ((Machines(workers=3), 0), (Machines(scheduler="tcp://there:1"), 0), (Machines(4), 1)):
        caplog.clear()
        with pytest.raises(pytest.skip.Exception):
            classify_spread(config, images, machines)
        assert len(caplog.messages) == notes
    assert "4 workers may take 2.6 GB of memory each, and this machine has 8.0 GB" in caplog.text
    assert "--memory 1800MB, or --workers 3 keeps them within it" in caplog.text
    # what is no help is not told: too little for tiles, or as many workers
    for has, workers, advice in ((8, 6, "killed; --workers 3 keeps"), (2, 1, "killed; --memory 1800MB keeps"),
                                 (1.2, 1, "killed")):  # fmt: skip
        monkeypatch.setattr("landcover.machine.memory", lambda has=has: Memory(64 * 10**9, 10**9, int(has * 10**9)))
        caplog.clear()
        with pytest.raises(pytest.skip.Exception):
            classify_spread(config, images, Machines(workers))
        (told,) = caplog.messages
        assert advice in told
        assert (";" in told) == (";" in advice)


def test_without_dask_the_options_say_how_to_install_it(tmp_path, config, monkeypatch) -> None:
    monkeypatch.setattr(cluster, "find_spec", lambda name: None)
    image = write_image(tmp_path / "a.tif", textured(64, 64))
    told = run("classify", image, "-m", config.classify.model, "--workers", 2)
    assert (told.exit_code, told.stderr) == (1, "Error: --workers needs Dask: pip install 'landcover[dask]'\n")


def test_a_map_in_cells_needs_the_name_of_an_index(tmp_path, config, shown) -> None:
    with pytest.raises(ConfigError, match=r"made in cells, .*: name it .*map\.vrt"):
        _spread(config, shown, tmp_path / "map.tif", Machines(workers=1))


def _running(group: int) -> list[str]:
    """The command lines of the processes of a group, those that are ending left out (Linux)."""
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        try:
            state, _, own = (place / "stat").read_text().rpartition(")")[2].split()[:3]
            if int(own) == group and state != "Z":
                found.append((place / "cmdline").read_text().replace("\0", " "))
        except OSError:
            continue
    return [command for command in found if "resource_tracker" not in command]


def test_workers_of_ones_own_end_with_the_command(tmp_path, config, shown, truth, machines) -> None:
    out = tmp_path / "map.vrt"
    command = [
        sys.executable, "-m", "landcover", "classify", str(shown), "-m", str(config.classify.model), "--confidence",
        "--precision", "float32", "--set", "classify.cell=512", "--workers", "2", "-o", str(out),
        # slow enough to be caught in the middle
        "--tile", "16", "--batch", "1",
    ]  # fmt: skip
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        # a shell without job control has what it runs in the background ignore it
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),
    ) as client:
        while not _cells(out) and client.poll() is None:
            time.sleep(0.02)
        # as a terminal does: to all of them
        os.killpg(client.pid, signal.SIGINT)
        told = client.communicate()[1]
    assert client.returncode == 130
    assert told.splitlines()[-1].endswith("cells are done and kept: the same command goes on from there")
    # its workers had the other end of the pipe, too
    assert not _running(client.pid)
    made = _spread(config, shown, out, machines)
    assert isinstance(made, Spread)
    assert made.kept
    np.testing.assert_array_equal(_read(out), truth[0])
    assert not list(tmp_path.rglob(".*"))


@pytest.mark.parametrize(("halo", "side"), [(16, 512), (None, None)])
def test_images_are_cut_but_for_models_whose_maps_depend_on_tiling(
    config: Config,
    tiny_model: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    halo: int | None,
    side: int | None,
) -> None:
    sides = []

    def plan(config: Config, image: str, out: Path, side: int | None, *rest: object) -> Outside:
        sides.append(side)
        return Outside(image)

    monkeypatch.setattr(spread, "_plan", plan)
    card = read_card(tiny_model).model_copy(update={"halo": halo})
    monkeypatch.setattr(spread, "basis", lambda settings: Mapper(settings, card))
    assert spread.classify_spread(config, {"a.tif": tmp_path / "a.tif"}, Machines(workers=1))
    assert sides == [side]


def _configured(key: str) -> object:
    return dask.config.get(key)


def test_workers_of_our_own_are_looked_at_less_often() -> None:
    with open_cluster(Machines(workers=1)) as spread:
        told = {outcome.item: outcome.result for outcome in spread.each(_configured, list(OWN))}
    assert told == OWN
