"""Fingerprints tell what changed, and nothing else; records tell how an output was made."""

import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
import rasterio
from conftest import write_image, write_polygons

from landcover import __version__, companions
from landcover.companions import with_companions
from landcover.config import load_config
from landcover.fingerprint import LARGE, PIECE, PIECES, WHOLE, fingerprint, located, shown, told_from
from landcover.prepare import prepare
from landcover.provenance import read_run, record_path, taken, write_run
from landcover.stage import Stage
from landcover.uptodate import same_content


def _sized(path: Path, size: int, mark: tuple[int, bytes] = (0, b"")) -> Path:
    """A file of zeros, of so many bytes, with a few others at a place; always of the same time."""
    with path.open("wb") as file:
        file.truncate(size)
        file.seek(mark[0])
        file.write(mark[1])
    os.utime(path, (1_600_000_000, 1_600_000_000))
    return path


def test_a_small_file_is_told_by_its_content_alone(tmp_path) -> None:
    path = tmp_path / "a.tif"
    path.write_bytes(b"one")
    before = fingerprint(path, tmp_path)
    assert (before.path, before.bytes, before.how) == ("a.tif", 3, "whole")
    os.utime(path, (1, 1))
    assert fingerprint(path, tmp_path).same(before)
    path.write_bytes(b"two")
    os.utime(path, ns=(before.mtime_ns, before.mtime_ns))
    assert not fingerprint(path, tmp_path).same(before)


@pytest.mark.parametrize("place", [0, WHOLE // 3, WHOLE + PIECE - 1])
def test_a_large_file_is_told_by_time_size_and_samples_and_with_full_by_all(tmp_path, place) -> None:
    size = WHOLE + PIECE
    path = _sized(tmp_path / "a.tif", size)
    before, whole = fingerprint(path, tmp_path), fingerprint(path, tmp_path, full=True)
    assert (before.how, whole.how) == ("sampled", "whole")
    _sized(path, size, (place, b"x"))
    sampled = any(abs(place - (size - PIECE) * n // (PIECES - 1) - PIECE // 2) <= PIECE // 2 for n in range(PIECES))
    assert fingerprint(path, tmp_path).same(before) != sampled
    assert not fingerprint(path, tmp_path, full=True).same(whole)
    os.utime(path, (1_600_000_001, 1_600_000_001))
    assert not fingerprint(path, tmp_path).same(before)


def test_head_and_tail_are_among_the_samples(tmp_path) -> None:
    size = 3 * WHOLE
    before = fingerprint(_sized(tmp_path / "a", size), tmp_path)
    for place in (0, size - 1):
        assert not fingerprint(_sized(tmp_path / "a", size, (place, b"x")), tmp_path).same(before)


def test_a_geopackage_is_told_by_its_rows(tmp_path) -> None:
    path = write_polygons(tmp_path / "a.gpkg", [(0, 0, 9, 9, 1), (20, 0, 29, 9, 2)])
    before = fingerprint(path, tmp_path)
    assert before.how == "rows"
    with closing(sqlite3.connect(path)) as file:
        # as QGIS does when it opens one
        file.execute("PRAGMA journal_mode = WAL")
        file.execute("UPDATE gpkg_contents SET last_change = '2001-01-01T00:00:00.000Z'")
        file.commit()
    assert fingerprint(path, tmp_path).same(before)
    with closing(sqlite3.connect(path)) as file:
        file.execute("DELETE FROM labels WHERE fid = 2")
        file.commit()
        # still in the log beside the file
        assert not fingerprint(path, tmp_path).same(before)
    assert not fingerprint(path, tmp_path).same(before)
    (tmp_path / "b.gpkg").write_bytes(b"no geopackage")
    assert fingerprint(tmp_path / "b.gpkg", tmp_path).how == "whole"


def test_edits_that_a_gis_has_not_written_into_the_file_yet_are_seen(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr("landcover.fingerprint.LARGE", 2**10)
    monkeypatch.setattr("landcover.fingerprint.WHOLE", 2**10)
    path = write_polygons(tmp_path / "a.gpkg", [(0, 0, 9, 9, 1), (20, 0, 29, 9, 2)])
    with closing(sqlite3.connect(path)) as file:
        file.execute("PRAGMA journal_mode = WAL")
        file.commit()
        out = Stage("points", path, (), single=True)
        run, before = write_run(out, (), 0), fingerprint(path, tmp_path)
        made = taken(path, tmp_path)
        assert (before.how, run.outputs[0].how, made.how) == ("sampled", "rows", "made")
        file.execute("DELETE FROM labels WHERE fid = 2")
        file.commit()
        now = fingerprint(path, tmp_path)
        assert (now.bytes, now.mtime_ns, now.how) == (before.bytes, before.mtime_ns, "rows")
        assert not same_content(before, now, tmp_path)
        assert not taken(path, tmp_path).same(made)
        assert same_content(now, fingerprint(path, tmp_path), tmp_path)
    # in the file now, and no log beside it
    again = fingerprint(path, tmp_path)
    assert again.how == "sampled"
    assert same_content(now, again, tmp_path)


@pytest.mark.parametrize(
    ("name", "belong"),
    [
        ("l.shp", ["l.dbf", "l.shx", "l.prj", "l.cpg"]),
        ("L.SHP", ["L.DBF", "L.SHX"]),
        ("a.tif", ["a.tif.msk", "a.tfw"]),
        ("A.TIF", ["A.TIF.MSK", "a.tifw", "A.wld", "a.tab"]),
        ("a.tif", ["a.TFW", "A.WLD"]),
        ("a.jpg", ["a.jgw"]),
        ("a.gpkg", []),
    ],
)
@pytest.mark.parametrize("few", [0, 8])
def test_files_that_belong_to_another_are_found_in_any_case(tmp_path, monkeypatch, name, belong, few) -> None:
    monkeypatch.setattr(companions, "FEW", few)
    for other in (name, *belong, "b.dbf", "b.tif.msk", "a.txt", "l.txt"):
        (tmp_path / other).write_text("1")
    found = with_companions([tmp_path / name, "https://example.org/a.tif"])
    assert found == [str(tmp_path / other) for other in (name, *belong)] + ["https://example.org/a.tif"]
    assert with_companions([tmp_path / "nowhere" / name]) == [str(tmp_path / "nowhere" / name)]


def test_a_folder_is_listed_for_many_files_and_once(tmp_path, monkeypatch) -> None:
    images = [tmp_path / f"{number}.tif" for number in range(40)]
    for image in images:
        image.touch()
        image.with_suffix(".TFW").touch()
    listed = []
    plain = companions._listed
    monkeypatch.setattr(companions, "_listed", lambda folder: listed.append(folder) or plain(folder))
    together = with_companions(images)
    assert listed == [tmp_path]
    # of a folder that cannot be listed each is found all the same
    monkeypatch.setattr(companions, "_listed", lambda folder: None)
    assert with_companions(images) == together
    # image by image, as they are mapped: a folder of a whole state is not read for each
    monkeypatch.setattr(companions, "_listed", listed.append)
    assert [name for image in images for name in with_companions([image])] == together
    assert listed == [tmp_path]
    assert len(together) == 80
    # a disk that knows no case has one file under both names
    os.link(tmp_path / "7.TFW", tmp_path / "7.tfw")
    assert with_companions([images[7]]) == [str(images[7]), str(tmp_path / "7.TFW")]


def test_a_virtual_raster_is_followed_by_what_it_shows(tmp_path) -> None:
    for name in ("b.tif", "b.tif.msk", "c.tif"):
        (tmp_path / name).write_text("1")
    shown = '<VRTDataset><Source><SourceFilename relativeToVRT="1">{}</SourceFilename></Source>{}</VRTDataset>'
    warped = f'<GDALWarpOptions><SourceDataset relativeToVRT="0">{tmp_path}/c.tif</SourceDataset></GDALWarpOptions>'
    (tmp_path / "inner.vrt").write_text(
        shown.format("b.tif", "<SourceFilename>/vsicurl/http://x/d.tif</SourceFilename>")
    )
    (tmp_path / "outer.vrt").write_text(shown.format("inner.vrt", warped))
    found = with_companions([tmp_path / "outer.vrt"])
    local = [str(tmp_path / name) for name in ("outer.vrt", "inner.vrt", "b.tif", "b.tif.msk", "c.tif")]
    assert sorted(found) == sorted([*local, "/vsicurl/http://x/d.tif"])
    cells = '<Metadata><MDI key="LANDCOVER_CELLS_SHA256">1</MDI></Metadata>'
    for text in ("no XML", shown.format("b.tif", cells), shown.format("odd.vrt", "")):
        (tmp_path / "odd.vrt").write_text(text)
        assert with_companions([tmp_path / "odd.vrt"]) == [str(tmp_path / "odd.vrt")]


def test_a_sidecar_is_told_by_what_it_says_of_place_and_nodata(tmp_path) -> None:
    raster, sidecar = tmp_path / "a.tif", tmp_path / "a.tif.aux.xml"
    told = {}
    for name, inside in {
        "nothing": "", "statistics": '<Metadata><MDI key="STATISTICS_MEAN">1</MDI></Metadata>',
        "nodata": '<PAMRasterBand band="1"><NoDataValue>0</NoDataValue></PAMRasterBand>',
        "same": '<PAMRasterBand band="1">\n <Histograms/><NoDataValue> 0\n</NoDataValue>\n</PAMRasterBand>',
        "other": '<PAMRasterBand band="1"><NoDataValue>255</NoDataValue></PAMRasterBand>',
        "band": '<PAMRasterBand band="2"><NoDataValue>0</NoDataValue></PAMRasterBand>',
        "place": "<GeoTransform>0, 1, 0, 0, 0, -1</GeoTransform>", "crs": "<SRS>EPSG:26916</SRS>",
    }.items():  # fmt: skip
        sidecar.write_text(f"<PAMDataset>{inside}</PAMDataset>")
        assert (with_companions([raster]) == [str(raster)]) == (name in ("nothing", "statistics"))
        told[name] = fingerprint(sidecar, tmp_path).digest
    assert told["nothing"] == told["statistics"]
    assert told["nodata"] == told["same"]
    assert len(set(told.values())) == 6
    sidecar.write_text("no XML")
    assert with_companions([raster]) == [str(raster), str(sidecar)]


def test_a_folder_is_told_by_its_files_without_sidecars(tmp_path) -> None:
    folder = tmp_path / "in"
    (folder / "deep").mkdir(parents=True)
    (folder / "deep/a.tif").write_bytes(b"one")
    before = fingerprint(folder, tmp_path)
    assert (before.how, before.files, before.bytes) == ("tree", 1, 3)
    (folder / "deep/a.tif.aux.xml").write_text("statistics")
    assert fingerprint(folder, tmp_path).same(before)
    (folder / "b.tif").write_bytes(b"")
    assert not fingerprint(folder, tmp_path).same(before)
    _sized(folder / "b.tif", LARGE)
    listed = fingerprint(folder, tmp_path)
    assert listed.how == "listing"
    os.utime(folder / "b.tif", (1, 1))
    assert not fingerprint(folder, tmp_path).same(listed)


def test_what_is_beyond_a_network_is_told_by_its_name(tmp_path) -> None:
    assert fingerprint("https://a.example/b.tif", tmp_path).same(fingerprint("https://a.example/b.tif", tmp_path))
    assert fingerprint("https://a.example/b.tif", tmp_path).how == "name"


def test_paths_are_told_from_the_folder_of_the_record(tmp_path, monkeypatch) -> None:
    told = told_from(tmp_path / "raw/a.tif", tmp_path / "interim/mosaic")
    assert told == "../../raw/a.tif"
    assert located(told, tmp_path / "interim/mosaic") == tmp_path / "raw/a.tif"
    monkeypatch.chdir(tmp_path)
    assert shown(told, Path("interim/mosaic")) == "raw/a.tif"
    monkeypatch.chdir(tmp_path.parent)
    assert shown(told, tmp_path / "interim/mosaic") == f"{tmp_path.name}/raw/a.tif"


def test_a_record_lies_in_a_folder_and_beside_a_file(tmp_path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out/a").write_text("1")
    stage = Stage("chips", tmp_path / "out", (), {"split": {"seed": 3}})
    run = write_run(stage, (), 1.5)
    assert record_path(tmp_path / "out") == tmp_path / "out/run.json"
    assert record_path(tmp_path / "map.tif") == tmp_path / "map.tif.run.json"
    assert read_run(tmp_path / "out") == run
    assert (run.seed, run.seconds, run.version) == (3, 1.5, __version__)
    assert run.versions["landcover"] == __version__
    assert run.peak_memory > 1e6
    assert [part.path for part in run.outputs] == ["a"]
    record_path(tmp_path / "out").write_text("{}")
    assert read_run(tmp_path / "out") is None


def test_what_a_stage_made_is_told_by_its_content_not_by_when_it_was_made(tmp_path) -> None:
    out, stage = tmp_path / "out", Stage("chips", tmp_path / "out", ())
    out.mkdir()
    (out / "a").write_text("1")
    write_run(stage, (), 0)
    before = taken(out, tmp_path)
    assert before.how == "made"
    (out / "a").unlink()
    (out / "a").write_text("1")
    assert taken(out, tmp_path).same(before)
    write_run(stage, (), 0)
    assert taken(out, tmp_path).same(before)
    (out / "a").write_text("2")
    assert not taken(out, tmp_path).same(before)


def test_a_file_in_a_folder_that_a_stage_made_is_told_by_its_content(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr("landcover.fingerprint.WHOLE", 2**10)
    model = tmp_path / "models/unet/model.keras"
    model.parent.mkdir(parents=True)
    _sized(model, 2**21)
    write_run(Stage("train", model.parent, (), parts=("model.keras",)), (), 0)
    before = taken(model, tmp_path)
    assert (before.path, before.how) == ("models/unet/model.keras", "whole")
    # as a copy does
    os.utime(model, (1, 1))
    assert taken(model, tmp_path).same(before)
    (model.parent / "history.csv").write_text("1")
    assert taken(model.parent / "history.csv", tmp_path).path == "models/unet/history.csv"
    # between the samples
    _sized(model, 2**21, (PIECE + 10, b"x"))
    os.utime(model, (2, 2))
    assert not taken(model, tmp_path).same(before)


def test_labels_say_in_their_tags_what_they_were_made_of(tmp_path, noise) -> None:
    write_image(tmp_path / "data/raw/naip/a.tif", noise(128, 128))
    write_polygons(tmp_path / "data/raw/labels.gpkg", [(0, 0, 60, 60, 1), (64, 0, 128, 128, 2)])
    config = load_config(None, [f"paths.data={tmp_path / 'data'}", "chips.size=32", "chips.stride=32"])
    prepare(config)
    run = read_run(config.paths.labels)
    assert run is not None
    with rasterio.open(config.paths.labels) as dataset:
        told = dataset.tags()["LANDCOVER_RUN"]
    assert run.inputs[1].digest in told
    assert '"labels.gpkg"' in told
    assert str(tmp_path) not in told
    assert [part.path for part in run.inputs] == ["mosaic", "../raw/labels.gpkg"]
