import json
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio
import pytest
import rasterio
from affine import Affine
from click.testing import CliRunner
from conftest import CRS, ORIGIN, write_image
from shapely.geometry import MultiPoint

from landcover.area import pixel_areas
from landcover.assess import as_text, assess
from landcover.assess.compare import compare
from landcover.assess.points import points
from landcover.assess.survey import draw, survey
from landcover.cli import main
from landcover.cli.summary import compared
from landcover.cli.summary import points as drawn
from landcover.config import Config, load_config
from landcover.errors import ConfigError, ImageError, LabelError, LandcoverError
from landcover.settings import PointSettings

SHARES = {1: 0.1, 2: 0.6, 7: 0.3}


@pytest.fixture
def config(tmp_path, scheme) -> Config:
    paths = {"data": tmp_path / "data", "models": tmp_path / "models", "reports": tmp_path / "reports"}
    return Config.model_validate({"scheme": scheme, "paths": paths})


@pytest.fixture
def classes() -> np.ndarray:
    """2,100 x 2,300 pixels, more than a cell a side, with a hole."""
    drawn = np.random.default_rng(3).choice(list(SHARES), (2100, 2300), p=list(SHARES.values())).astype(np.uint8)
    drawn[:500, 2000:] = 0
    return drawn


@pytest.fixture
def shown(tmp_path, classes) -> Path:
    return write_image(tmp_path / "map.tif", classes[None], tiled=True, nodata=0)


def _drawn(shown: Path, config: Config, **settings) -> tuple[Path, gpd.GeoDataFrame]:
    out = shown.with_name("points.gpkg")
    points(shown, PointSettings(**settings), config.scheme, out, overwrite=True)
    return out, pyogrio.read_dataframe(out, layer="points")


def _judge(path: Path, values: np.ndarray, field: str = "GrndTruth") -> Path:
    """The points of a file, filled in."""
    done = path.with_name("judged.gpkg")
    if path != done:
        shutil.copy(path, done)
    frame = pyogrio.read_dataframe(path, layer="points")
    frame[field] = values if field == "ClassName" else values.astype(np.int32)
    pyogrio.write_dataframe(frame, done, layer="points", driver="GPKG")
    return done


def test_points_lie_on_pixels_of_their_class_and_the_file_tells_the_design(tmp_path, config, shown, classes) -> None:
    out, frame = _drawn(shown, config, size=300, rare=60)
    assert frame["Classified"].value_counts().to_dict() == {1: 60, 2: 160, 7: 80}
    columns = (frame.geometry.x - ORIGIN[0]).to_numpy()
    rows = (ORIGIN[1] - frame.geometry.y).to_numpy()
    assert set(columns % 1) == set(rows % 1) == {0.5}
    assert (classes[rows.astype(int), columns.astype(int)] == frame["Classified"]).all()
    assert len(set(zip(rows, columns, strict=True))) == 300
    assert (frame["GrndTruth"] == -1).all()
    assert (frame["ClassName"].fillna("") == "").all()
    # the numbers do not tell the class: the classes are mixed
    assert len(set(frame.sort_values("Point")["Classified"].head(30))) == 3
    strata = pyogrio.read_dataframe(out, layer="strata").set_index("Name")
    assert strata["Pixels"].to_dict() == {
        name: int((classes == value).sum()) for name, value in (("water", 1), ("forest", 2), ("bare land", 7))
    }
    assert strata["Share"].sum() == pytest.approx(1)
    assert strata["Hectares"]["water"] == pytest.approx((classes == 1).sum() / 1e4)
    style = out.with_suffix(".qml").read_text()
    for text in ('attr="GrndTruth"', 'value="-1"', 'label="bare land"', "253,191,111,255", 'type="ValueMap"'):
        assert text in style, text
    assert _drawn(shown, config, size=300, rare=60)[1].equals(frame)
    assert not _drawn(shown, config, size=300, rare=60, seed=1)[1].equals(frame)


def test_every_pixel_of_a_class_is_as_likely_as_any_other(shown, classes) -> None:
    known = survey(shown)
    places = np.concatenate([draw(shown, known, {1: 500}, seed)[1] for seed in range(20)])
    whole = np.argwhere(classes == 1)
    for axis in (0, 1):
        expected = np.quantile(whole[:, axis], [0.25, 0.5, 0.75])
        # 10,000 points: quartiles are known to about 1 % of the side
        assert np.quantile(places[:, axis], [0.25, 0.5, 0.75]) == pytest.approx(expected, abs=40)


def test_the_other_designs(config, shown, classes) -> None:
    _, frame = _drawn(shown, config, size=400, sampling="random")
    assert len(frame) == 400
    assert (frame["Classified"] == 2).mean() == pytest.approx(0.6, abs=0.1)
    assert (frame["Stratum"] == 0).all()
    out, frame = _drawn(shown, config, size=400, sampling="systematic")
    assert len(frame) == pytest.approx(400, abs=30)
    assert (frame["Classified"] > 0).all()
    steps = np.diff(np.unique(frame.geometry.x))
    assert steps.max() - steps.min() <= 1
    made = assess(config, shown, [str(_judge(out, frame["Classified"].to_numpy()))]).result
    assert "systematic" in made.design
    assert float(made.estimates.overall.value) == 1


def test_without_a_size_there_are_enough_points_for_the_error_to_reach(config, shown) -> None:
    _, frame = _drawn(shown, config, target_error=0.02, expected={"forest": 0.95, 1: 0.7}, allocation="proportional")
    # (0.6 x 0.95 x 0.05 + 0.1 x 0.7 x 0.3 + 0.3 x 0.85 x 0.15) / 0.0004
    assert len(frame) == pytest.approx(219, abs=3)
    _, random = _drawn(shown, config, target_error=0.02, expected=0.9, sampling="random")
    assert len(random) == pytest.approx(0.09 / 0.0004, abs=2)
    made = points(shown, PointSettings(target_error=0.02), config.scheme, shown.with_name("q.gpkg"))
    assert made.error == pytest.approx(0.02, abs=2e-4)


def test_judged_points_give_the_figures_of_the_whole_map(config, shown, classes) -> None:
    out, frame = _drawn(shown, config, size=600)
    truth = np.where((frame["Classified"] == 2) & (frame["Point"] % 5 == 0), 7, frame["Classified"])
    truth[frame["Point"] <= 20] = -1
    made = assess(config, shown, [str(_judge(out, truth))])
    result = made.result
    assert result.counts.sum() == 580
    assert dict(result.left_out) == {"not judged yet": 20}
    weight = {v: (classes == v).sum() / (classes > 0).sum() for v in SHARES}
    share = (truth == 7)[(frame["Classified"] == 2) & (truth > 0)].mean()
    assert float(result.estimates.overall.value) == pytest.approx(1 - weight[2] * share)
    record = json.loads((made.path / "accuracy.json").read_text())
    area = record["classes"]["bare land"]["hectares"]
    ground = (classes > 0).sum() / 1e4
    assert area["value"] == pytest.approx((weight[7] + weight[2] * share) * ground)
    assert area["interval_95"][0] < area["value"] < area["interval_95"][1]
    assert record["classes"]["bare land"]["mapped_hectares"] == pytest.approx(weight[7] * ground)
    assert record["total_hectares"] == pytest.approx(ground)
    assert any("rests on few points" in note and "forest (0)" in note for note in result.notes)
    text = as_text(result)
    assert "left out: 20 points not judged yet" in text
    assert "stratified random sample" in text
    for name in ("contingency.csv", "area_proportions.csv", "measures.csv", "table.md", "table.tex"):
        assert (made.path / name).stat().st_size, name


def test_names_do_as_well_as_codes_and_contradictions_are_told(config, shown) -> None:
    out, frame = _drawn(shown, config, size=60)
    names = {1: "Water", 2: "forest", 7: "bare land"}
    named = np.array([names[v] for v in frame["Classified"]], object)
    made = assess(config, shown, [str(_judge(out, named, "ClassName"))]).result
    assert float(made.estimates.overall.value) == 1
    both = _judge(_judge(out, named, "ClassName"), np.full(len(frame), 2))
    with pytest.raises(LabelError, match=r"feature \d+ is 2 by GrndTruth and (Water|bare land) by ClassName"):
        assess(config, shown, [str(both)], overwrite=True)
    named[np.argsort(frame["Point"])[:3]] = "watr"
    told = r"watr \(3 points: 1, 2, 3; did you mean water\?\); allowed are 1 water, 2 forest, 7 bare"
    with pytest.raises(LabelError, match=told):
        assess(config, shown, [str(_judge(out, named, "ClassName"))], overwrite=True)


def test_points_of_another_map_are_told(tmp_path, config, shown, classes) -> None:
    out, frame = _drawn(shown, config, size=300)
    judged = str(_judge(out, frame["Classified"].to_numpy()))
    other = np.where((classes == 2) & (np.arange(2300) % 4 == 0), 7, classes).astype(np.uint8)
    made = assess(config, write_image(tmp_path / "other.tif", other[None]), [judged]).result
    assert "drawn from another map of the same ground, map.tif" in made.notes[0]
    # of the strata of the first map a quarter of the forest is now wrong
    assert float(made.estimates.overall.value) == pytest.approx(0.85, abs=0.05)
    part = write_image(tmp_path / "part.tif", classes[None, :1500])
    made = assess(config, part, [judged]).result
    assert "another map, map.tif, of 4,680,000 pixels; part.tif has 3,300,000" in made.notes[0]
    assert dict(made.left_out)["outside the map or where it shows nothing"] > 50


def test_a_point_that_was_moved_is_told(config, shown) -> None:
    out, frame = _drawn(shown, config, size=60)
    moved = frame.copy()
    moved["GrndTruth"] = moved["Classified"]
    index = int(np.flatnonzero(moved["Classified"] == 1)[0])
    other = int(np.flatnonzero(moved["Classified"] == 2)[0])
    moved.loc[index, "geometry"] = moved.geometry.iloc[other]
    pyogrio.write_dataframe(moved, out, layer="points", driver="GPKG")
    with pytest.raises(LabelError, match="is not where it was drawn"):
        assess(config, shown, [str(out)])


def test_points_of_other_origin_need_no_design(tmp_path, config, shown, classes) -> None:
    random = np.random.default_rng(0)
    rows, columns = random.integers(600, 2000, (2, 200))
    frame = gpd.GeoDataFrame(
        {"landcover": [{1: "water", 2: "forest", 7: "bare land"}[v] for v in classes[rows, columns].tolist()]},
        geometry=gpd.points_from_xy(ORIGIN[0] + columns + 0.3, ORIGIN[1] - rows - 0.3),
        crs=CRS,
    ).to_crs("EPSG:4326")
    frame.to_file(tmp_path / "own.geojson")
    made = assess(config, shown, [str(tmp_path / "own.geojson")]).result
    assert (made.counts.sum(), float(made.estimates.overall.value)) == (200, 1)
    assert "within each class of the map" in made.design
    settings = config.model_copy(update={"assess": config.assess.model_copy(update={"sampling": "random"})})
    assert assess(settings, shown, [str(tmp_path / "own.geojson")], True).result.design == "simple random sample"


def test_what_cannot_be_estimated_is_said_in_one_line(tmp_path, config, shown, classes) -> None:
    out, frame = _drawn(shown, config, size=60)
    with pytest.raises(LabelError, match="none of its 150 points is judged"):
        assess(config, shown, [str(out)])
    judged = str(_judge(out, frame["Classified"].to_numpy()))
    with pytest.raises(LabelError, match="a sample of points is one file"):
        assess(config, shown, [judged, judged.replace("judged", "points")])
    away = write_image(tmp_path / "away.tif", classes[None, :100, :100], column=50_000)
    with pytest.raises(LabelError, match=r"none of its judged points lies on .*away\.tif"):
        assess(config, away, [judged])
    with pytest.raises(ImageError, match="shows no class anywhere"):
        points(
            write_image(tmp_path / "none.tif", classes[None] * 0), PointSettings(), config.scheme, tmp_path / "p.gpkg"
        )
    with pytest.raises(ConfigError, match=r"points\.expected: 'watr' is no class"):
        load_config(None, ["points.expected={watr: 0.5}"])


def test_points_that_somebody_judged_are_never_replaced(config, shown) -> None:
    out, frame = _drawn(shown, config, size=60)
    with pytest.raises(LandcoverError, match="exists already"):
        points(shown, PointSettings(), config.scheme, out)
    some = np.where(frame["Point"] == 1, 2, -1)
    shutil.copy(_judge(out, some), out)
    with pytest.raises(LandcoverError, match="1 of its points are judged"):
        points(shown, PointSettings(), config.scheme, out, overwrite=True)


def test_one_class_in_all_points_is_no_crash(config, shown) -> None:
    out, frame = _drawn(shown, config, size=60)
    made = assess(config, shown, [str(_judge(out, np.full(len(frame), 2)))]).result
    assert np.isnan(made.estimates.producers.value[[0, 2]]).all()
    assert any("no point is truly water, bare land" in note for note in made.notes)
    text = as_text(made)
    assert "nan" not in text
    assert "NaN" not in json.dumps(made.record())


def test_areas_are_those_on_the_ground(tmp_path, config) -> None:
    """A degree is shorter in the north: of two halves of equal pixels the northern one is smaller."""
    path = tmp_path / "degrees.tif"
    values = np.repeat(np.array([[1], [2]], np.uint8), 200, axis=0).repeat(100, axis=1)
    profile = {"driver": "GTiff", "count": 1, "height": 400, "width": 100, "dtype": "uint8", "crs": "EPSG:4326"}
    with rasterio.open(path, "w", transform=Affine(0.01, 0, -86, 0, -0.1, 60), **profile) as dataset:
        dataset.write(values, 1)
    known = survey(path)
    # quadrangles on the ellipsoid: 40 to 60 and 20 to 40 degrees north, one degree wide, in 1e6 km2
    assert known.square_metres[1] == pytest.approx(1.5896e11, rel=2e-3)
    assert known.square_metres[2] == pytest.approx(2.1310e11, rel=5e-3)
    out, frame = _drawn(path, config, size=200, allocation="proportional")
    made = assess(config, path, [str(_judge(out, frame["Classified"].to_numpy()))]).result
    assert made.estimates.area.value[0] == pytest.approx(
        known.square_metres[1] / sum(known.square_metres.values()), abs=0.03
    )
    assert made.total_m2 == pytest.approx(pixel_areas(known.grid).sum() * 100)


@pytest.mark.parametrize(("epsg", "x", "y", "metres"), [(3857, -9.58e6, 3.9e6, 0.70089), (2225, 6e6, 2e6, 0.0929)])
def test_a_projection_that_swells_is_seen_through(tmp_path, epsg, x, y, metres) -> None:
    # by geodesics around a square of 100 m: 0.70089; of California's feet 0.3048006 squared
    path = tmp_path / "p.tif"
    profile = {"driver": "GTiff", "count": 1, "height": 4, "width": 4, "dtype": "uint8", "crs": f"EPSG:{epsg}"}
    with rasterio.open(path, "w", transform=Affine(1, 0, x, 0, -1, y), **profile) as dataset:
        dataset.write(np.ones((4, 4), np.uint8), 1)
    assert survey(path).square_metres[1] == pytest.approx(16 * metres, rel=1e-3)


def test_what_nobody_judged_is_left_out_of_areas_too(config, shown, classes) -> None:
    out, frame = _drawn(shown, config, size=300)
    truth = np.where(frame["Classified"] == 2, -1, frame["Classified"])
    made = assess(config, shown, [str(_judge(out, truth))]).result
    assert any("no judged point in forest" in note for note in made.notes)
    rest = (np.isin(classes, [1, 7])).sum() / 1e4
    assert made.total_m2 == pytest.approx(rest * 1e4)
    record = made.record()["classes"]
    assert record["water"]["hectares"]["value"] == pytest.approx((classes == 1).sum() / 1e4)
    assert record["forest"]["hectares"]["value"] is None
    assert record["forest"]["f1"]["value"] is None
    assert float(made.measures.mean_iou) == 1


def test_points_off_the_map_stay_in_the_sample(tmp_path, config) -> None:
    """A map of two strata; of the second, a second map shows only a tenth, and that wrongly."""
    first = np.repeat(np.array([[1], [2]], np.uint8), 200, axis=0).repeat(100, axis=1)
    second = first.copy()
    second[220:] = 0
    paths = write_image(tmp_path / "a.tif", first[None]), write_image(tmp_path / "b.tif", second[None])
    out, frame = _drawn(paths[0], config, size=800, allocation="equal")
    judged = str(_judge(out, np.full(len(frame), 1)))
    made = assess(config, paths[1], [judged]).result
    # 20,000 pixels right, 2,000 wrong
    assert float(made.estimates.overall.value) == pytest.approx(20_000 / 22_000, abs=0.035)
    found = compare(config, *paths, [judged])
    assert found.differences["overall accuracy"].first == pytest.approx(20_000 / 22_000, abs=0.035)
    assert any("b.tif shows nothing at" in note for note in found.notes)
    assert found.spoken == pytest.approx(22 / 40, abs=0.05)
    assert "% of A, by" in compared(found)


def test_reclassification_is_of_labels_not_of_what_a_person_filled_in(config, shown) -> None:
    out, frame = _drawn(shown, config, size=60)
    labels = config.labels.model_copy(update={"reclassify": {1: 2, 2: 1, 0: 7}})
    swapped = config.model_copy(update={"labels": labels})
    truth = np.where(frame["Point"] == 1, 0, frame["Classified"])
    made = assess(swapped, shown, [str(_judge(out, truth))]).result
    assert float(made.estimates.overall.value) == 1
    assert dict(made.left_out) == {"judged 0, cannot tell": 1}
    # the ground that the point stands for is of no class, and in no area
    pixels = survey(shown).pixels[int(frame["Classified"][frame["Point"] == 1].iloc[0])]
    of_its_class = (frame["Classified"] == frame["Classified"][frame["Point"] == 1].iloc[0]).sum()
    assert made.total_m2 == pytest.approx(sum(survey(shown).pixels.values()) - pixels / of_its_class)


def test_a_sample_that_lost_its_design_or_its_points_is_told(tmp_path, config, shown) -> None:
    out, frame = _drawn(shown, config, size=60)
    frame["GrndTruth"] = frame["Classified"]
    frame.to_file(tmp_path / "saved.geojson")
    half = tmp_path / "half.gpkg"
    pyogrio.write_dataframe(frame, half, layer="points")
    pyogrio.write_dataframe(pyogrio.read_dataframe(out, layer="strata"), half, layer="strata", append=True)
    with pytest.raises(LabelError, match="has lost one of its tables"):
        assess(config, shown, [str(half)], overwrite=True)
    fewer = tmp_path / "fewer.gpkg"
    shutil.copy(out, fewer)
    pyogrio.write_dataframe(frame.iloc[10:], fewer, layer="points")
    made = assess(config, shown, [str(fewer)], overwrite=True).result
    assert any("10 points of the sample no longer in the file" in note for note in made.notes)
    twice = tmp_path / "twice.gpkg"
    shutil.copy(out, twice)
    pyogrio.write_dataframe(pd.concat([frame, frame.iloc[:5]]), twice, layer="points")
    with pytest.raises(LabelError, match=r"point \d+ is there twice"):
        assess(config, shown, [str(twice)], overwrite=True)
    field = config.model_copy(update={"assess": config.assess.model_copy(update={"field": "Classified"})})
    with pytest.raises(LabelError, match="Classified is what the map shows"):
        assess(field, shown, [str(fewer)], overwrite=True)


def test_a_point_moved_within_its_class_is_told(config, shown, classes) -> None:
    out, frame = _drawn(shown, config, size=60)
    frame["GrndTruth"] = frame["Classified"]
    same = frame.index[frame["Classified"] == 2]
    frame.loc[same[0], "geometry"] = frame.geometry[same[1]]
    pyogrio.write_dataframe(frame, out, layer="points", driver="GPKG")
    with pytest.raises(LabelError, match="is not where it was drawn"):
        assess(config, shown, [str(out)])


def test_the_no_data_value_of_a_map_is_no_class(tmp_path, config, classes) -> None:
    other = write_image(tmp_path / "n.tif", np.where(classes == 0, 255, classes)[None], nodata=255, tiled=True)
    _, frame = _drawn(other, config, size=200)
    assert set(frame["Classified"]) == {1, 2, 7}
    assert set(survey(other).pixels) == {1, 2, 7}
    truth = write_image(tmp_path / "t.tif", np.ones_like(classes)[None])
    made = assess(config, other, [str(truth)]).result
    assert dict(made.left_out) == {"no data in the map": int((classes == 0).sum())}


def test_a_multipoint_of_one_point_is_a_point(tmp_path, config, shown) -> None:
    out, frame = _drawn(shown, config, size=60)
    frame["GrndTruth"] = frame["Classified"]
    several = frame.set_geometry([MultiPoint([point]) for point in frame.geometry], crs=frame.crs)
    done = tmp_path / "multi.gpkg"
    shutil.copy(out, done)
    pyogrio.write_dataframe(several, done, layer="points", driver="GPKG")
    assert float(assess(config, shown, [str(done)]).result.estimates.overall.value) == 1


def test_a_file_that_another_program_holds_is_told_and_an_empty_one(tmp_path, config, shown, monkeypatch) -> None:
    # GDAL waits for five seconds, and tries more than once
    monkeypatch.setenv("SQLITE_BUSY_TIMEOUT", "50")
    out, frame = _drawn(shown, config, size=60)
    judged = _judge(out, frame["Classified"].to_numpy())
    for path, call in (
        (judged, lambda: assess(config, shown, [str(judged)])),
        (out, lambda: points(shown, PointSettings(), config.scheme, out, overwrite=True)),
    ):
        # locks are of processes: another one has to hold it
        code = (
            "import sqlite3, sys; held = sqlite3.connect(sys.argv[1], isolation_level=None); "
            "held.execute('BEGIN EXCLUSIVE'); print('held', flush=True); input()"
        )
        command = [sys.executable, "-c", code, str(path)]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
            assert holder.stdout.readline() == "held\n"
            with pytest.raises(LabelError, match=r"another program is writing to it: .* close it in QGIS or ArcGIS"):
                call()
            holder.communicate("\n")
    (tmp_path / "empty.gpkg").write_bytes(b"")
    with pytest.raises(LabelError, match=r"empty\.gpkg: is empty, 0 bytes"):
        assess(config, shown, [str(tmp_path / "empty.gpkg")])
    # GDAL warns of it, and a warning is no line of ours
    with closing(sqlite3.connect(tmp_path / "none.gpkg")) as other:
        other.execute("CREATE TABLE a (b)")
    with pytest.raises(LabelError, match=r"none\.gpkg: cannot be opened as vector data"):
        assess(config, shown, [str(tmp_path / "none.gpkg")])


def test_more_points_than_asked_for_are_explained(tmp_path, config, shown, monkeypatch) -> None:
    def told(**settings: object) -> str:
        made = points(shown, PointSettings(**settings), config.scheme, tmp_path / "p.gpkg", overwrite=True)
        return drawn(made)

    text = told(size=60)
    assert "60 points were asked for, 150 were drawn: each class gets at least 50 (points.rare; --allocation" in text
    assert "asked for" not in told(size=150)
    assert "so many of the net fell on the map" in told(size=97, sampling="systematic")
    assert "more than anybody judges" not in text
    monkeypatch.setattr("landcover.assess.allocation.MANY", 149)
    assert "note: 150 points are more than anybody judges" in told(size=60)


def test_an_allocation_without_strata_is_refused(tmp_path, shown) -> None:
    with pytest.raises(ConfigError, match=r"allocation.*of stratified samples: .* where sampling is random"):
        load_config(None, ["points.sampling=random", "points.allocation=equal"])
    command = ["points", str(shown), "-o", str(tmp_path / "p.gpkg"), "--sampling", "random", "--allocation"]
    for allocation in ("equal", "olofsson"):
        result = CliRunner().invoke(main, [*command, allocation])
        assert result.exit_code == 2
        assert "of stratified samples" in result.stderr or "of points by class" in result.stderr
    assert not (tmp_path / "p.gpkg").exists()
    assert "points.rare" in CliRunner().invoke(main, ["points", "--help"]).output


def test_only_a_geopackage_of_ours_is_replaced(tmp_path, config, shown) -> None:
    with pytest.raises(LandcoverError, match=r"name it \.gpkg"):
        points(shown, PointSettings(), config.scheme, tmp_path / "p.shp")
    other = tmp_path / "other.gpkg"
    gpd.GeoDataFrame({"a": [1]}, geometry=gpd.points_from_xy([0], [0]), crs=CRS).to_file(other, layer="points")
    with pytest.raises(LandcoverError, match="is no file that `landcover points` wrote"):
        points(shown, PointSettings(), config.scheme, other, overwrite=True)


def test_what_assess_would_refuse_is_refused_before_anybody_judges(tmp_path, config, classes, scheme) -> None:
    strange = write_image(tmp_path / "nine.tif", np.where(classes == 2, 9, classes)[None])
    with pytest.raises(LabelError, match=r"nine\.tif: holds values that are not in the scheme: 9"):
        points(strange, PointSettings(size=60), config.scheme, tmp_path / "p.gpkg")
    other = write_image(tmp_path / "other.tif", classes[None])
    with rasterio.open(other, "r+") as dataset:
        dataset.update_tags(LANDCOVER_SCHEME=scheme.model_dump_json().replace("bare land", "crops"))
    with pytest.raises(LabelError, match="7 is crops in the map and bare land in the scheme"):
        points(other, PointSettings(size=60), config.scheme, tmp_path / "p.gpkg")
    assert not (tmp_path / "p.gpkg").exists()
