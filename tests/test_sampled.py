"""What becomes of a sample that was not judged, kept or assessed as it was drawn."""

import csv
import json
import shutil
from pathlib import Path

import geopandas as gpd
import numpy as np
import pyogrio
import pytest
from conftest import CRS, ORIGIN, write_image

from landcover.assess import as_text, assess
from landcover.assess.amiss import areas_note
from landcover.assess.compare import compare
from landcover.assess.measures import Estimate
from landcover.assess.points import points
from landcover.assess.strata import probability
from landcover.cli.summary import compared
from landcover.config import Config
from landcover.errors import LabelError
from landcover.scheme import ClassScheme
from landcover.settings import PointSettings

SIDE = 400
CLASSES = np.random.default_rng(3).choice([1, 2, 7], (SIDE, SIDE), p=[0.04, 0.56, 0.4]).astype(np.uint8)
HECTARES = SIDE * SIDE / 1e4


@pytest.fixture
def config(tmp_path, scheme) -> Config:
    paths = {"data": tmp_path / "data", "models": tmp_path / "models", "reports": tmp_path / "reports"}
    return Config.model_validate({"scheme": scheme, "paths": paths})


@pytest.fixture
def shown(tmp_path) -> Path:
    return write_image(tmp_path / "map.tif", CLASSES[None], nodata=0)


def _drawn(shown: Path, config: Config, **settings) -> tuple[Path, gpd.GeoDataFrame]:
    out = shown.with_name("points.gpkg")
    points(shown, PointSettings(**settings), config.scheme, out, overwrite=True)
    return out, pyogrio.read_dataframe(out, layer="points")


def _judged(out: Path, frame: gpd.GeoDataFrame, truth: np.ndarray, field: str = "GrndTruth") -> str:
    done = out.with_name("judged.gpkg")
    shutil.copy(out, done)
    filled = frame.assign(**{field: truth if field == "ClassName" else truth.astype(np.int32)})
    pyogrio.write_dataframe(filled, done, layer="points", driver="GPKG")
    return str(done)


def _mistaken(frame: gpd.GeoDataFrame, becomes: int) -> np.ndarray:
    """As mapped, but for every fourth point."""
    return np.where(frame["Point"] % 4 == 0, becomes, frame["Classified"])


def _sampling(config: Config, sampling: str) -> Config:
    return config.model_copy(update={"assess": config.assess.model_copy(update={"sampling": sampling})})


def test_what_nobody_could_judge_flatters_the_map_and_is_said_to(config, shown) -> None:
    out, frame = _drawn(shown, config, size=300)
    wrong = assess(config, shown, [_judged(out, frame, np.where(frame["Point"] % 4 == 0, 7, frame["Classified"]))])
    hidden = frame["Classified"].ne(7) & (frame["Point"] % 4 == 0)
    judged = _judged(out, frame, np.where(hidden, 0, frame["Classified"]))
    made = assess(config, shown, [judged], overwrite=True)
    found, honest = made.result, float(wrong.result.estimates.overall.value)
    assert float(found.estimates.overall.value) == 1
    # the part that is spoken of is what is right, for nothing else is left
    assert found.spoken == pytest.approx(honest)
    assert found.total_m2 == pytest.approx(honest * SIDE * SIDE)
    share = 100 * hidden.mean()
    assert any(f"{hidden.sum()} of 300 judged points ({share:.1f} %) are 0, cannot tell" in n for n in found.notes)
    assert any(f"overall accuracy is not 100.0 but {100 * honest:.1f} %" in note for note in found.notes)
    text = as_text(found)
    assert f") on {100 * honest:.1f} % of the map ({honest * HECTARES:.2f} of {HECTARES:.2f} ha), mean IoU" in text
    record = json.loads((made.path / "accuracy.json").read_text())
    assert record["hectares_of_no_class"] == {"cannot tell": pytest.approx((1 - honest) * HECTARES)}
    classes = sum(c["hectares"]["value"] for c in record["classes"].values())
    assert classes + record["hectares_of_no_class"]["cannot tell"] == pytest.approx(HECTARES)
    assert f"on {100 * honest:.1f} % of the map" in (made.path / "report.html").read_text()


def test_areas_know_that_the_part_that_nobody_could_judge_is_an_estimate(config, shown) -> None:
    """All judged ground is forest, but how much ground was judged is itself known from 100 points only."""
    out, frame = _drawn(shown, config, size=100, sampling="random")
    found = assess(config, shown, [_judged(out, frame, np.where(frame["Point"] <= 20, 0, 2))]).result.estimates.area
    assert found is not None
    assert found.value[1] == pytest.approx(0.8)
    assert found.error[1] == pytest.approx((0.8 * 0.2 / 99) ** 0.5)


def test_a_few_points_that_nobody_could_judge_are_only_counted(config, shown) -> None:
    out, frame = _drawn(shown, config, size=300)
    found = assess(config, shown, [_judged(out, frame, np.where(frame["Point"] <= 2, 0, frame["Classified"]))]).result
    assert dict(found.left_out) == {"judged 0, cannot tell": 2}
    assert not any("cannot tell" in note for note in found.notes)
    assert "left out: 2 points judged 0, cannot tell" in as_text(found)


@pytest.mark.parametrize("field", ["GrndTruth", "ClassName"])
def test_what_is_none_of_the_classes_is_an_error_of_the_map(config, shown, field) -> None:
    out, frame = _drawn(shown, config, size=300)
    assert 'label="none of these"' in out.with_suffix(".qml").read_text()
    assert '"none of these" value="-2"' in out.with_suffix(".qml").read_text()
    truth = _mistaken(frame, -2)
    names = {1: "water", 2: "forest", 7: "bare land", -2: "None of these"}
    filled = truth if field == "GrndTruth" else np.array([names[v] for v in truth.tolist()], object)
    esri = config.model_copy(update={"assess": config.assess.model_copy(update={"esri": True})})
    made = assess(esri, shown, [_judged(out, frame, filled, field)])
    found = made.result
    weight = {v: (v == CLASSES).sum() / CLASSES.size for v in (1, 2, 7)}
    right = {v: float((truth == v)[frame["Classified"] == v].mean()) for v in weight}
    assert float(found.estimates.overall.value) == pytest.approx(sum(weight[v] * right[v] for v in weight))
    assert found.estimates.users.value.tolist() == pytest.approx(list(right.values()))
    assert found.estimates.producers.value.tolist() == [1, 1, 1]
    # the errors are of a class of which there is none in the map
    assert float(found.measures.quantity) == pytest.approx(1 - float(found.estimates.overall.value))
    assert float(found.measures.allocation) == pytest.approx(0)
    assert (found.spoken, found.counts.shape) == (pytest.approx(1), (3, 4))
    record = json.loads((made.path / "accuracy.json").read_text())
    none = record["none_of_these"]
    assert none["reference_points"] == int((truth == -2).sum())
    assert none["hectares"]["value"] == pytest.approx((1 - record["overall_accuracy"]["value"]) * HECTARES)
    assert record["contingency"]["column_names"] == ["water", "forest", "bare land", "none of these"]
    assert sum(found.estimates.area.value) == pytest.approx(1)
    text = as_text(found)
    assert text.splitlines()[1].endswith("7  none of these    total")
    assert any(line.startswith("none of these ") for line in text.splitlines())
    for name in ("contingency.csv", "area_proportions.csv", "table.md", "table.tex", "report.html"):
        assert "none of these" in (made.path / name).read_text(), name
    with (made.path / "confusion_matrix.csv").open() as file:
        rows = list(csv.reader(file))
    assert rows[0][1:5] == ["C_1", "C_2", "C_7", "C_none"]
    assert [row[0] for row in rows[1:5]] == ["C_1", "C_2", "C_7", "C_none"]
    assert rows[4][1:6] == ["0.0", "0.0", "0.0", "0.0", "0.0"]


def test_two_maps_are_both_wrong_where_there_is_none_of_the_classes(tmp_path, config, shown) -> None:
    out, frame = _drawn(shown, config, size=300)
    judged = _judged(out, frame, _mistaken(frame, -2))
    other = write_image(tmp_path / "other.tif", np.where(CLASSES == 1, 2, CLASSES)[None].astype(np.uint8))
    made = compare(config, shown, other, [judged])
    first = assess(config, shown, [judged]).result.estimates
    second = assess(config, other, [judged]).result.estimates
    found = made.differences
    assert found["overall accuracy"].first == pytest.approx(float(first.overall.value))
    assert found["overall accuracy"].second == pytest.approx(float(second.overall.value))
    assert found["F1 forest"].second == pytest.approx(second.f1.value[1])
    assert found["F1 bare land"].first == pytest.approx(first.f1.value[2])


def test_areas_fill_the_map_of_a_part_of_what_was_sampled(tmp_path, config, shown) -> None:
    out, frame = _drawn(shown, config, size=300)
    judged = _judged(out, frame, frame["Classified"].to_numpy())
    part = write_image(tmp_path / "part.tif", CLASSES[None, :170])
    found = assess(config, part, [judged]).result
    record = found.record()
    assert found.spoken == pytest.approx(1)
    assert sum(c["hectares"]["value"] for c in record["classes"].values()) == pytest.approx(1.7 * SIDE / 100)
    assert any("areas are brought to the 6.80 ha that the map shows" in note for note in found.notes)
    assert " of the map, mean" not in as_text(found)


def test_a_map_with_larger_pixels_than_the_one_that_was_sampled_is_no_larger(tmp_path, config, shown) -> None:
    out, frame = _drawn(shown, config, size=300)
    coarse = write_image(tmp_path / "coarse.tif", CLASSES[None, ::4, ::4], size=4)
    found = assess(config, coarse, [_judged(out, frame, frame["Classified"].to_numpy())]).result
    assert found.total_m2 == pytest.approx(SIDE * SIDE)
    assert float(found.estimates.area.value.sum()) == pytest.approx(1)


@pytest.mark.parametrize("rows", [100, 200])
def test_a_map_beyond_what_was_sampled_is_spoken_of_in_part(tmp_path, config, rows) -> None:
    whole = write_image(tmp_path / "whole.tif", CLASSES[None])
    sampled = write_image(tmp_path / "map.tif", CLASSES[None, :rows])
    out, frame = _drawn(sampled, config, size=200)
    found = assess(config, whole, [_judged(out, frame, frame["Classified"].to_numpy())]).result
    assert found.spoken == pytest.approx(rows / SIDE)
    assert f"on {100 * rows / SIDE:.1f} % of the map" in as_text(found)
    assert found.rest() == {"not known": pytest.approx(HECTARES * (1 - rows / SIDE))}
    # the classes of the ground that was sampled, as hectares
    expected = [(CLASSES[:rows] == v).sum() / CLASSES.size for v in (1, 2, 7)]
    assert found.estimates.area.value.tolist() == pytest.approx(expected)


def test_maps_that_show_nothing_together_are_not_compared_by_points(tmp_path, config, shown) -> None:
    out, frame = _drawn(shown, config, size=60)
    judged = _judged(out, frame, frame["Classified"].to_numpy())
    upper = write_image(tmp_path / "upper.tif", CLASSES[None, :170])
    lower = write_image(tmp_path / "lower.tif", CLASSES[None, 170:], row=170)
    told = rf"lower\.tif: shows nothing at the {(frame['Row'] < 170).sum()} judged points that lie on .*upper\.tif"
    with pytest.raises(LabelError, match=told):
        compare(config, upper, lower, [judged])


def test_a_map_of_a_part_of_what_was_sampled_and_of_ground_beyond_is_spoken_of_by_the_points(tmp_path, config) -> None:
    sampled = write_image(tmp_path / "map.tif", CLASSES[None, :200])
    beyond = write_image(tmp_path / "beyond.tif", CLASSES[None, 100:], row=100)
    out, frame = _drawn(sampled, config, size=200, sampling="random")
    found = assess(config, beyond, [_judged(out, frame, frame["Classified"].to_numpy())]).result
    shown = frame["Classified"].where(frame["Row"] >= 100, 0)
    # 300 rows, of which about 100 are of the 200 that were sampled
    expected = [200 / 300 * (shown == value).mean() for value in (1, 2, 7)]
    assert found.estimates.area.value.tolist() == pytest.approx(expected)
    assert found.spoken == pytest.approx(sum(expected))
    assert found.rest() == {"not known": pytest.approx(300 * SIDE / 1e4 * (1 - sum(expected)))}


def test_a_sample_without_its_tables_is_restored_from_what_is_left(tmp_path, config, shown) -> None:
    out, frame = _drawn(shown, config, size=300)
    truth = _mistaken(frame, 7)
    known = assess(config, shown, [_judged(out, frame, truth)]).result
    bare = frame.assign(GrndTruth=truth.astype(np.int32))
    for name in ("saved.geojson", "saved.shp", "saved.gpkg"):
        bare.to_file(tmp_path / name)
        found = assess(config, shown, [str(tmp_path / name)], overwrite=True).result
        assert found.design == known.design
        assert found.estimates.overall.value == known.estimates.overall.value
        assert found.estimates.area.value.tolist() == known.estimates.area.value.tolist()
        assert any("weights are restored from its fields and the pixels of map.tif" in n for n in found.notes), name
    bare[bare["Point"] > 30].to_file(tmp_path / "fewer.geojson")
    found = assess(config, shown, [str(tmp_path / "fewer.geojson")], overwrite=True).result
    assert any("at least 30 points of the sample are missing" in note for note in found.notes)
    _, frame = _drawn(shown, config, size=300, sampling="random")
    frame.assign(GrndTruth=frame["Classified"]).to_file(tmp_path / "random.shp")
    assert assess(config, shown, [str(tmp_path / "random.shp")], True).result.design == "simple random sample"


def test_a_sample_whose_weights_are_lost_is_refused_and_the_setting_named(tmp_path, config, shown) -> None:
    _, frame = _drawn(shown, config, size=300)
    frame.assign(GrndTruth=frame["Classified"]).to_file(tmp_path / "saved.geojson")
    other = write_image(tmp_path / "other.tif", np.where(CLASSES == 1, 2, CLASSES)[None].astype(np.uint8))
    with pytest.raises(LabelError, match=r"50 of 300 judged points .* set assess\.sampling to stratified"):
        assess(config, other, [str(tmp_path / "saved.geojson")])
    odd = frame.assign(GrndTruth=frame["Classified"], Stratum=frame["Stratum"].where(frame["Point"] > 5, 2))
    odd.to_file(tmp_path / "odd.geojson")
    with pytest.raises(LabelError, match="its strata are not the classes of"):
        assess(config, shown, [str(tmp_path / "odd.geojson")])
    said = assess(_sampling(config, "stratified"), other, [str(tmp_path / "saved.geojson")]).result
    assert any("50 of 300 points were drawn as another class" in note for note in said.notes)


def test_points_that_cannot_be_random_are_told(tmp_path, config, shown) -> None:
    """Water is 4 % of the map and a sixth of the points: taken as random, four times too much of it."""
    out, frame = _drawn(shown, config, size=300)
    frame.assign(GrndTruth=frame["Classified"]).to_file(tmp_path / "saved.geojson")
    found = assess(_sampling(config, "random"), shown, [str(tmp_path / "saved.geojson")]).result
    text = as_text(found)
    assert "THESE POINTS ARE NO RANDOM SAMPLE OF THE MAP: 16.7 % of them lie on water, which is 4.0 % of it" in text
    assert "set assess.sampling to stratified" in text
    for seed in range(5):
        out, frame = _drawn(shown, config, size=300, sampling="random", seed=seed)
        found = assess(config, shown, [_judged(out, frame, frame["Classified"].to_numpy())], overwrite=True).result
        assert "NO RANDOM SAMPLE" not in as_text(found)


def test_how_probable_a_sample_is() -> None:
    # ten throws of a coin, nine or ten of them alike: 22 of 1,024
    assert probability(np.array([9, 1]), np.array([0.5, 0.5])) == pytest.approx(22 / 1024, abs=0.004)
    assert probability(np.array([5, 5]), np.array([0.5, 0.5])) == 1
    # one point on a class that is a thousandth: the table of chi-square would call it impossible
    assert probability(np.array([99, 1]), np.array([0.999, 0.001])) == pytest.approx(0.095, abs=0.01)


def test_points_and_map_of_two_places_do_not_belong_together(tmp_path, config, shown) -> None:
    out, frame = _drawn(shown, config, size=300)
    judged = _judged(out, frame, frame["Classified"].to_numpy())
    moved = write_image(tmp_path / "moved.tif", CLASSES[None], column=-30, nodata=0)
    with pytest.raises(LabelError, match=r"judged points are not where .* do not belong together"):
        assess(config, moved, [judged])


def test_wrong_codes_name_their_points_and_what_is_allowed(config, shown) -> None:
    out, frame = _drawn(shown, config, size=300)
    truth = np.where(frame["Point"] <= 7, 99, frame["Classified"])
    truth[frame["Point"] == 8] = 5
    with pytest.raises(LabelError) as raised:
        assess(config, shown, [_judged(out, frame, truth)])
    order = frame.loc[frame["Point"] <= 7, "Point"].tolist()
    assert f"5 (1 point: 8), 99 (7 points: {', '.join(map(str, order[:5]))} and more)" in str(raised.value)
    assert "allowed are 1 water, 2 forest, 7 bare land, -2 none of these, 0 cannot tell" in str(raised.value)


def test_esris_table_of_a_stratified_sample_says_what_the_report_says(tmp_path, config, shown) -> None:
    out, frame = _drawn(shown, config, size=300)
    esri = config.model_copy(update={"assess": config.assess.model_copy(update={"esri": True})})
    # errors on the rare class, of which there are many points, count for little
    truth = np.where((frame["Classified"] == 1) & (frame["Point"] % 2 == 0), 2, frame["Classified"])
    made = assess(esri, shown, [_judged(out, frame, truth)])
    with (made.path / "confusion_matrix.csv").open() as file:
        rows = {row["ClassValue"]: row for row in csv.DictReader(file)}
    known = made.result.estimates
    assert float(rows["P_Accuracy"]["U_Accuracy"]) == pytest.approx(float(known.overall.value))
    assert float(rows["P_Accuracy"]["C_2"]) == pytest.approx(known.producers.value[1])
    assert float(rows["C_1"]["U_Accuracy"]) == pytest.approx(known.users.value[0])
    assert float(rows["Kappa"]["Kappa"]) == pytest.approx(float(made.result.measures.kappa))
    # of the points alone it would be another
    assert float(known.producers.value[1]) > made.result.counts[1, 1] / made.result.counts[:, 1].sum() + 0.05
    assert [float(rows["C_1"][c]) for c in ("C_1", "C_2", "C_7", "Total")] == [*made.result.counts[0], 50]
    assert "the counts do not give them" in as_text(made.result)
    # of a map whose classes are not the strata, users' accuracies too: what it shows as forest is of two strata
    other = write_image(tmp_path / "other.tif", np.where(CLASSES == 1, 2, CLASSES)[None].astype(np.uint8))
    made = assess(esri, other, [str(out.with_name("judged.gpkg"))])
    with (made.path / "confusion_matrix.csv").open() as file:
        rows = {row["ClassValue"]: row for row in csv.DictReader(file)}
    forest = float(made.result.estimates.users.value[1])
    assert float(rows["C_2"]["U_Accuracy"]) == pytest.approx(forest)
    assert forest > made.result.counts[1, 1] / made.result.counts[1].sum() + 0.05
    # nothing is mapped as water, so that there is no accuracy of it
    assert rows["C_1"]["U_Accuracy"] == ""


def test_what_is_not_known_is_a_dash_and_one_is_no_plural(config, shown) -> None:
    out, frame = _drawn(shown, config, size=300)
    first = frame.index[frame["Classified"] == 2][0]
    truth = np.where(frame["Classified"] == 1, -1, np.where(frame.index == first, 0, frame["Classified"]))
    made = assess(config, shown, [_judged(out, frame, truth)])
    text = as_text(made.result)
    assert "- to -" not in text
    assert "- to -" not in (made.path / "report.html").read_text()
    assert "left out: 50 points not judged yet, 1 point judged 0, cannot tell" in text
    assert "not known" in text
    nowhere = assess(config, shown, [_judged(out, frame, np.where(frame["Classified"] == 2, -2, -1))], overwrite=True)
    assert "no mean IoU, " in as_text(nowhere.result)
    assert "No mean IoU" in (nowhere.path / "report.html").read_text()
    one = frame[frame["Point"] <= 2].assign(GrndTruth=[2, -1])
    one[["GrndTruth", "geometry"]].to_file(out.with_name("one.gpkg"))
    assert ", 1 point\n" in as_text(assess(config, shown, [str(out.with_name("one.gpkg"))], overwrite=True).result)


def test_the_headline_of_a_comparison_says_what_it_is_of(tmp_path, config, shown) -> None:
    out, frame = _drawn(shown, config, size=300, sampling="random")
    other = write_image(tmp_path / "other.tif", np.where(CLASSES == 1, 2, CLASSES)[None].astype(np.uint8))
    truth = np.where(frame["Point"] <= 30, 0, frame["Classified"])
    text = compared(compare(config, shown, other, [_judged(out, frame, truth)]))
    assert text.splitlines()[0] == f"A {shown}, B {other} on 90.0 % of A, by 270 points"


def test_points_of_esris_own_making_are_taken_by_class(tmp_path, config, shown) -> None:
    """With Classified still -1, as when the points were made of the reference."""
    places = np.random.default_rng(0).integers(0, SIDE, (2, 100))
    frame = gpd.GeoDataFrame(
        {"Classified": np.full(100, -1), "GrndTruth": CLASSES[places[0], places[1]].astype(np.int32)},
        geometry=gpd.points_from_xy(ORIGIN[0] + places[1] + 0.5, ORIGIN[1] - places[0] - 0.5),
        crs=CRS,
    )
    frame.to_file(tmp_path / "esri.shp")
    found = assess(config, shown, [str(tmp_path / "esri.shp")]).result
    assert "within each class of the map" in found.design
    assert not any("another class" in note for note in found.notes)


def test_a_class_that_the_map_shows_much_too_much_of_is_named_with_its_area_by_the_sample(config, shown) -> None:
    """Half of what is mapped as forest is bare land."""
    out, frame = _drawn(shown, config, size=400)
    forest = frame["Classified"].eq(2)
    made = assess(
        config, shown, [_judged(out, frame, np.where(forest & (frame["Point"] % 2 == 0), 7, frame["Classified"]))]
    )
    area = made.result.estimates.area
    assert area is not None
    told = {
        name: f"{name} ({100 * made.result.mapped_share[i]:.1f} % of it, by the reference {100 * area.low[i]:.1f} to "
        f"{100 * area.high[i]:.1f})"
        for i, name in enumerate(config.scheme.names)
    }
    note = (
        f"the map shows too much {told['forest']} and too little {told['bare land']}: take areas by the reference, not "
        "those mapped"
    )
    assert json.loads((made.path / "accuracy.json").read_text())["areas_note"] == note
    text = as_text(made.result)
    assert text.count(f"note: {note}") == 1
    assert text.index("by the reference") < text.index(note) < text.index("overall accuracy")
    page = (made.path / "report.html").read_text()
    assert page.count(note) == 1
    assert page.index('id="areas"') < page.index(note)
    # of half of the map nothing is said of all of it
    half = np.where(frame["Point"] % 4 == 3, 0, np.where(forest & (frame["Point"] % 2 == 0), 7, frame["Classified"]))
    assert assess(config, shown, [_judged(out, frame, half)], overwrite=True).result.areas_note is None


def test_areas_are_remarked_only_where_chance_and_unseen_misses_do_not_explain_them() -> None:
    two = [{"value": 1, "name": "roof", "color": "#000000"}, {"value": 2, "name": "other", "color": "#ffffff"}]
    scheme = ClassScheme.model_validate(two)

    def note(mapped: float, *known: float, spoken: float = 1.0, missed: int = 9) -> str | None:
        """Of one class, whose share is `known` with its interval."""
        value, low, high = (np.array([share, np.nan]) for share in known)
        numbers = np.array([missed, missed])
        return areas_note(scheme, np.array([mapped, 0.5]), Estimate(value, value, low, high), spoken, numbers, 0.004)

    assert note(0.17, 0.11, 0.09, 0.13) == (
        "the map shows too much roof (17.0 % of it, by the reference 9.0 to 13.0): take areas by the reference, not "
        "those mapped"
    )
    # outside the interval, but not of all classes together
    assert note(0.132, 0.11, 0.10, 0.13) is None
    # surely more, but not by much
    assert note(0.55, 0.52, 0.515, 0.525) is None
    assert note(0.6, 0.52, 0.515, 0.525) is not None
    # what nobody could tell may be the rest
    assert note(0.17, 0.11, 0.09, 0.13, spoken=0.95) is None
    assert note(0.3, 0.11, 0.09, 0.13, spoken=0.89) is None
    # what is missed may have been seen by no point: 3 times 0.4 % of the map
    assert note(0.14, 0.11, 0.09, 0.13, missed=9) is not None
    assert note(0.14, 0.11, 0.09, 0.13, missed=4) is None
    assert note(0.05, 0.11, 0.09, 0.13, missed=4) is None
    assert "too little roof (5.0 % of it" in str(note(0.05, 0.11, 0.09, 0.13, missed=5))
