import base64
import json
import re
import shutil
from html.parser import HTMLParser
from io import BytesIO
from pathlib import Path

import numpy as np
import pyogrio
import pytest
import rasterio
from conftest import textured, write_image, write_polygons
from PIL import Image

from landcover.assess import assess, rebuild_report
from landcover.assess.measures import Estimate
from landcover.assess.points import points
from landcover.assess.report import _interval, _margin, _split, _table, charts
from landcover.assess.report.charts import Bar, accuracy_bars, area_bars, curves
from landcover.assess.report.views import image_view
from landcover.assess.table import with_interval
from landcover.config import Config
from landcover.errors import ImageError, LandcoverError
from landcover.settings import PointSettings
from landcover.splitreport import Side, SplitReport, write_report

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
CLASSES = np.kron(np.array([[1, 2, 7], [2, 7, 1], [7, 1, 2]]), np.ones((100, 100))).astype(np.uint8)


@pytest.fixture
def config(tmp_path, scheme) -> Config:
    paths = {"data": tmp_path / "data", "models": tmp_path / "models", "reports": tmp_path / "reports"}
    awkward = [c.model_dump() for c in scheme]
    awkward[2]["name"] = 'bare </script> & "open" land'
    return Config.model_validate({"scheme": awkward, "paths": paths})


@pytest.fixture
def assessed(tmp_path, config) -> Path:
    """The folder of an assessment with an image."""
    shown = write_image(tmp_path / "map.tif", CLASSES[None], nodata=0)
    image = write_image(tmp_path / "image.tif", textured(300, 300))
    truth = write_polygons(
        tmp_path / "r.gpkg", [(0, 0, 90, 90, 1), (110, 0, 190, 90, 2), (200, 0, 290, 90, 1), (0, 110, 90, 190, 2)]
    )
    settings = config.model_copy(update={"assess": config.assess.model_copy(update={"image": image})})
    return assess(settings, shown, [str(truth)]).path


class Seen(HTMLParser):
    """The elements that reach out of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.links += [v for k, v in attrs if k in ("src", "href") and v and not v.startswith("data:")]


def test_the_page_holds_all_that_it_shows(assessed) -> None:
    text = (assessed / "report.html").read_text()
    seen = Seen()
    seen.feed(text)
    assert seen.links == []
    assert "default-src 'none'" in text
    assert text.count("data:image/jpeg;base64,") == 1
    # what is in a name ends no element
    assert text.count("</script>") == text.count("<script")
    assert "bare &lt;/script&gt;" in text
    for part in ("Pontius", "SHA-256", "bootstrap over 4 polygons", "Image and map"):
        assert part in text
    # what few readers want is folded, and the record has all of it
    record = json.loads((assessed / "accuracy.json").read_text())
    seen_at_once = re.sub(r"<details>.*?</details>", "", text, flags=re.DOTALL)
    for used in record["provenance"]["inputs"]:
        assert f"<code>{used['sha256'][:12]}…</code>" in text
        assert used["path"] in seen_at_once
        assert used["sha256"] not in text
        assert used["sha256"][:12] not in seen_at_once
    assert record["provenance"]["versions"]["numpy"] not in seen_at_once
    # nor what others reached elsewhere, of the classes that are theirs
    assert "Alabama" in text
    assert "Alabama" not in seen_at_once
    table = re.search(r'<table id="article">.*?</table>', text, re.DOTALL)
    assert table
    rows = [re.findall(r"<t[hd][^>]*>([^<]*)<", row) for row in re.findall("<tr>(.*?)</tr>", table[0], re.DOTALL)[1:]]
    water = record["classes"]["water"]
    own = [f"{100 * water[key]['value']:.1f}" for key in ("users_accuracy", "producers_accuracy")]
    assert rows[0] == ["water", own[0], "90.8", own[1], "89.9"]
    assert [row[0] for row in rows] == ["water", "forest"]


def test_the_figures_are_those_of_the_record(assessed) -> None:
    text = (assessed / "report.html").read_text()
    record = json.loads((assessed / "accuracy.json").read_text())
    shown = re.search(r'data-figure="overall_accuracy">([\d.]+)&nbsp;%', text)
    assert shown is not None
    assert float(shown[1]) == pytest.approx(100 * record["overall_accuracy"]["value"], abs=0.05)
    lead = re.search(r'<p class="lead">(.*?)</p>', text, re.DOTALL)
    assert lead
    assert "Green: map and reference agree; pink: they do not." in text
    # no sign of per cent may stand alone on a line
    assert not re.search(r"\d\s%(?! of the map)", lead[1].replace("&nbsp;", "_"))
    cells = re.findall(r'data-class="forest" data-figure="(\w+)">([\d.]+)', text)
    assert {k: float(v) for k, v in cells} == {
        key: pytest.approx(100 * record["classes"]["forest"][key]["value"], abs=0.05)
        for key in ("users_accuracy", "producers_accuracy", "f1", "iou")
    }


def test_a_row_with_next_to_nothing_stays_pale(scheme) -> None:
    rows = _table([[9000, 0, 0], [1, 29, 0], [0, 0, 970]], scheme)["rows"]
    assert [[share for _, share in row["cells"]] for row in rows] == [[1, 0, 0], [0.01, 0.29, 0], [0, 0, 1]]
    assert [share for _, share in _table([[0] * 3] * 3, scheme)["rows"][0]["cells"]] == [0, 0, 0]


def test_the_report_is_made_anew_from_the_record(config, assessed) -> None:
    page = assessed / "report.html"
    first = page.read_text()
    page.unlink()
    settings = config.model_copy(
        update={"assess": config.assess.model_copy(update={"image": assessed.parents[1] / "image.tif"})}
    )
    assert rebuild_report(settings, assessed.parents[1] / "map.tif") == page
    assert page.read_text() == first


def test_the_legend_tells_shares_of_the_map_not_of_what_the_sample_covers(tmp_path, config) -> None:
    """Half of the points cannot be judged: the shares of the map stay what they are."""
    shown = write_image(tmp_path / "m.tif", CLASSES[None], nodata=0)
    points(shown, PointSettings(size=90, rare=30), config.scheme, tmp_path / "p.gpkg")
    frame = pyogrio.read_dataframe(tmp_path / "p.gpkg", layer="points")
    frame["GrndTruth"] = np.where(frame["Point"] <= 45, frame["Classified"], 0).astype(np.int32)
    pyogrio.write_dataframe(frame, tmp_path / "p.gpkg", layer="points")
    made = assess(config, shown, [str(tmp_path / "p.gpkg")])
    text = (made.path / "report.html").read_text()
    assert re.findall(r'class="share">([\d.]+) %', text) == ["33.3"] * 3
    assert re.search(r'data-figure="part"> on [\d.]+ % of the map \([\d.]+ of 9.000 ha\)', text)
    # counts, and below them what they are by the design
    record = json.loads((made.path / "accuracy.json").read_text())
    table = text.split('id="proportions"')[1].split("</table>")[0]
    cells = [float(v) for v in re.findall(r"<td[^>]*>([\d.]+)</td>", table.split("<tbody>")[1])]
    rows = [[100 * v for v in (*row, sum(row))] for row in record["contingency"]["area_proportions"]]
    assert cells[:12] == pytest.approx([v for row in rows for v in row], abs=0.006)
    assert "each point counts for the ground that it stands for" in table
    areas = text.split('id="areas"')[1].split("</table>")[0]
    assert "cannot tell" in areas
    shown_by_sample = [float(v) for v in re.findall(r'data-figure="hectares">([\d.]+)<', areas)]
    assert sum(shown_by_sample) == pytest.approx(9, abs=0.01)


def test_pixels_have_no_table_of_areas(assessed) -> None:
    text = (assessed / "report.html").read_text()
    assert 'id="proportions"' not in text
    assert 'id="areas"' not in text
    assert re.findall(r'class="share">([\d.]+) %', text) == ["33.3"] * 3


def test_the_picture_of_the_map_is_the_map(tmp_path, assessed, config) -> None:
    text = (assessed / "report.html").read_text()
    uri = re.search(r'id="printed-map" alt="The map" src="(data:image/png;base64,[^"]+)"', text)
    assert uri is not None
    picture = Image.open(BytesIO(base64.b64decode(uri[1].split(",")[1])))
    assert (np.asarray(picture) == CLASSES).all()
    forest = np.asarray(picture.convert("RGB"))[CLASSES == 2]
    assert (forest == config.scheme.find(2).rgb).all()


def test_without_an_image_the_map_stands_alone(tmp_path, config) -> None:
    shown = write_image(tmp_path / "m.tif", CLASSES[None])
    made = assess(config, shown, [str(write_polygons(tmp_path / "r.gpkg", [(0, 0, 90, 90, 1)]))])
    text = (made.path / "report.html").read_text()
    assert 'id="swipe"' not in text
    assert "landcover report --image" in text
    assert "data:image/jpeg" not in text


def test_what_a_report_cannot_be_made_of_is_told(tmp_path, config, assessed) -> None:
    with pytest.raises(LandcoverError, match="run `landcover assess` first"):
        rebuild_report(config, tmp_path / "other.tif")
    away = write_image(tmp_path / "away.tif", textured(50, 50), column=9000)
    settings = config.model_copy(update={"assess": config.assess.model_copy(update={"image": away})})
    with pytest.raises(ImageError, match="is it the image of this map"):
        rebuild_report(settings, tmp_path / "map.tif")
    (assessed / "accuracy.json").write_text('{"map": "x"}')
    with pytest.raises(LandcoverError, match="run `landcover assess` again"):
        rebuild_report(config, tmp_path / "map.tif")


def test_an_image_that_cannot_be_read_costs_no_figures(tmp_path, config, caplog) -> None:
    broken = tmp_path / "broken.tif"
    broken.write_bytes(write_image(tmp_path / "whole.tif", textured(300, 300)).read_bytes()[:5000])
    shown = write_image(tmp_path / "m.tif", CLASSES[None])
    truth = str(write_polygons(tmp_path / "r.gpkg", [(0, 0, 90, 90, 1)]))
    with rasterio.open(shown, "r+") as dataset:
        dataset.update_tags(LANDCOVER_IMAGE=str(broken))
    made = assess(config, shown, [truth])
    assert "the report shows no image" in caplog.text
    assert (made.path / "report.html").exists()
    settings = config.model_copy(update={"assess": config.assess.model_copy(update={"image": broken})})
    with pytest.raises(ImageError, match="broken"):
        assess(settings, shown, [truth], overwrite=True)
    assert (made.path / "accuracy.json").exists()


def test_a_map_that_has_changed_gets_no_report(tmp_path, config, assessed) -> None:
    write_image(tmp_path / "map.tif", np.roll(CLASSES, 1)[None], nodata=0)
    with pytest.raises(LandcoverError, match="is not what was assessed"):
        rebuild_report(config, tmp_path / "map.tif")


@pytest.mark.parametrize(
    "pixels",
    [
        np.random.default_rng(0).random((1, 300, 300)).astype(np.float32) * 0.3,
        np.random.default_rng(0).integers(0, 4000, (3, 300, 300)).astype(np.uint16),
        np.where(np.arange(300) < 20, np.nan, np.random.default_rng(0).random((3, 300, 300))).astype(np.float32),
    ],
)
def test_images_of_any_kind_are_stretched(tmp_path, pixels) -> None:
    shown = write_image(tmp_path / "m.tif", CLASSES[None])
    uri = image_view(write_image(tmp_path / "i.tif", pixels), shown)
    picture = np.asarray(Image.open(BytesIO(base64.b64decode(uri.split(",")[1]))))
    assert picture.shape == (300, 300, 3)
    assert 90 < picture[:, 30:].mean() < 165


def test_an_interval_of_too_few_pieces_is_said_to_be_one_and_not_shown() -> None:
    for low, high in ((0.01, 0.99), (None, None)):
        assert _interval({"value": 0.8, "interval_95": [low, high]}) == "80.0 (too few)"
        ends = (np.array([np.nan if end is None else end]) for end in (low, high))
        assert with_interval(Estimate(np.array([0.8]), np.array([0.1]), *ends), 0) == "80.0 (too few)"
    assert _interval({"value": 0.8, "interval_95": [0.09, 0.98]}) == "80.0 (9.0 to 98.0)"
    assert with_interval(Estimate(*np.array([[0.8], [0.1], [0.09], [0.98]])), 0) == "80.0 (9.0-98.0)"


def test_charts_say_what_is_not_known() -> None:
    drawn = accuracy_bars([Bar("a & b", None, None, None, 1), Bar("c", 0.5, 0.4, 0.6, 2)], "t")
    assert "not known" in drawn
    assert "a &amp; b" in drawn
    assert "c: 50.0 (40.0 to 60.0)" in drawn
    assert curves([{"epoch": 1.0, "loss": 0.5, "val_loss": 0.7}], "loss", "loss").count("<polyline") == 2


def test_an_error_that_is_none_has_no_margin() -> None:
    assert _margin({"standard_error": 1e-17}) is None
    assert _margin({"standard_error": 0.5}) == pytest.approx(0.98, abs=0.001)


def test_charts_show_whole_names_and_lines_on_bars_of_any_colour(browser) -> None:
    name = "harvested, open or bare land"
    bars = [
        Bar("forest", 0.9, 0.7, 0.95, 2),
        Bar(name, 0.5, 0.4, 0.6, 1),
        Bar("Wasserflächenrandbebauung", 0.5, 0.2, 0.6, 3),
    ]
    style = (Path(charts.__file__).parent / "page.css").read_text()
    page = browser.new_page(viewport={"width": 640, "height": 400})
    page.set_content(
        f"<style>:root {{ --class-1: #1b1f24; --class-2: #1b1f24; --class-3: #1b1f24 }} {style}</style>"
        f"<body style='padding: 0'>{accuracy_bars(bars, 't')}{area_bars(bars, [0.3, 0.3, 0.3], 't')}"
    )
    drawn = page.eval_on_selector_all(
        "svg",
        """charts => charts.map(chart => [...chart.querySelectorAll(".name")].map(text => {
             const box = text.getBBox(); return [text.textContent, box.x, box.y, box.y + box.height]; }))""",
    )
    for names in drawn:
        assert " ".join(text for text, *_ in names[1:3]) == name
        assert "".join(text for text, *_ in names[3:]) == "Wasserflächenrandbebauung"
        assert min(x for _, x, _, _ in names) >= 0
        tops, ends = [top for *_, top, _ in names], [end for *_, end in names]
        assert all(end <= top + 2 for end, top in zip(ends, tops[1:], strict=False))
    # the line of an interval is dark as the bar is, with light on both sides
    picture = np.asarray(Image.open(BytesIO(page.locator(".bar").nth(0).screenshot())).convert("L")).astype(int)
    column = picture[:, picture.shape[1] - 12]
    assert (column > 200).sum() >= 2
    assert (np.diff(np.flatnonzero(column < 80)) > 1).sum() == 2


@pytest.fixture
def browser():
    path = next((found for name in BROWSERS if (found := shutil.which(name))), None)
    if path is None:
        pytest.skip("no Chromium is installed (Debian: apt-get install chromium)")
    playwright = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
    with playwright.sync_playwright() as started:
        opened = started.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield opened
        opened.close()


def test_on_paper_stand_the_pictures_and_whole_tables_without_any_script(browser, assessed) -> None:
    """A browser that prints does not wait for a script."""
    page = browser.new_context(java_script_enabled=False, viewport={"width": 680, "height": 900}).new_page()
    page.goto((assessed / "report.html").as_uri())
    page.emulate_media(media="print")
    picture = np.asarray(Image.open(BytesIO(page.locator("#printed-map").screenshot())).convert("RGB")).reshape(-1, 3)
    for colour in ([31, 120, 180], [27, 120, 55], [253, 191, 111]):
        assert (picture == colour).all(axis=1).mean() > 0.1
    picture = np.asarray(Image.open(BytesIO(page.locator("#printed-image").screenshot())).convert("L"))
    assert picture.std() > 20
    for table in page.locator("table").all():
        box = table.bounding_box()
        assert box["x"] + box["width"] <= 681


@pytest.mark.parametrize(("width", "height"), [(1280, 900), (390, 844)])
def test_in_a_browser_the_line_moves_and_nothing_leaves_the_page(browser, assessed, width, height) -> None:
    page = browser.new_page(viewport={"width": width, "height": height})
    said, asked = [], []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    page.goto((assessed / "report.html").as_uri())
    page.wait_for_selector("body[data-ready=yes]")

    def colour(share: float) -> list[int]:
        """In the middle of the height, at a share of the width of the picture."""
        return page.evaluate(
            """share => { const c = document.getElementById("canvas"), side = Math.min(c.width, c.height);
               const x = (c.width - side) / 2 + share * side;
               return [...c.getContext("2d").getImageData(x, c.height / 2, 1, 1).data.slice(0, 3)]; }""",
            share,
        )

    forest, water = [27, 120, 55], [31, 120, 180]
    # the middle row of the map is forest, bare land, water
    assert colour(0.1) != forest
    assert colour(0.9) == water
    page.evaluate("() => { const s = document.getElementById('swipe'); s.value = 0; s.oninput(); }")
    assert colour(0.1) == forest
    page.evaluate("() => { const s = document.getElementById('swipe'); s.value = 1000; s.oninput(); }")
    assert colour(0.9) != water
    page.evaluate("() => { const s = document.getElementById('swipe'); s.value = 0; s.oninput(); }")
    plain = page.evaluate("document.getElementById('printed-map').src")
    page.click('.legend button[data-value="2"]')
    assert colour(0.1) == forest
    assert min(colour(0.9)) > 220
    page.click('.legend button[data-value="2"]')
    page.click("#safe")
    assert colour(0.1) == [230, 159, 0]
    assert page.evaluate("document.getElementById('printed-map').src") != plain
    page.click("#in")
    page.focus("#canvas")
    page.keyboard.press("ArrowLeft")
    page.click("#whole")
    assert colour(0.9) == [0, 114, 178]
    # on a phone nothing but tables is wider than the screen
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    # the browser advises on reading pixels back, which this test does
    assert [text for text in said if "willReadFrequently" not in text] == []
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []
    record = json.loads((assessed / "accuracy.json").read_text())
    table = page.eval_on_selector_all(
        "#contingency tbody tr", "rows => rows.map(r => [...r.querySelectorAll('td')].map(c => c.textContent))"
    )
    counts = [[int(cell.replace(",", "")) for cell in row[:-1]] for row in table[:-1]]
    assert counts == record["contingency"]["counts"]


def test_of_chips_that_nobody_knows_the_place_of_no_shared_ground_is_told(tmp_path, scheme) -> None:
    side = Side(chips=5, pixels=dict.fromkeys(scheme.names, 9), hectares={})
    told = {"key": "k", "scheme": scheme, "train": side, "validation": side, "dropped": 0, "shared_pixels": 0}
    write_report(tmp_path, SplitReport(method="random", nearest=None, placed=False, **told))
    shown = _split(tmp_path / "split.json", "k", scheme)
    assert shown == {"sentence": shown["sentence"], "sides": [], "total": 0}
    assert "where the chips lie is not known" in shown["sentence"]


@pytest.mark.parametrize(
    ("metres", "told"), [(0.0, "the sides touch"), (0.6, "at least 0.6 m apart"), (1234.5, "at least 1,234.5 m apart")]
)
def test_how_far_the_sides_of_a_split_are_apart_is_said(tmp_path, scheme, metres, told) -> None:
    side = Side(chips=1, pixels={}, hectares={})
    report = SplitReport(method="blocks", key="k", scheme=scheme, train=side, validation=side, dropped=0,
                         shared_pixels=0, nearest=metres)  # fmt: skip
    write_report(tmp_path, report)
    assert _split(tmp_path / "split.json", "k", scheme)["sentence"].endswith(told)
