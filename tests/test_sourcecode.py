"""Which source files an output depends on."""

import shutil
from pathlib import Path

import pytest

from landcover import pipeline, sourcecode
from landcover.sourcecode import code_digest

STAGES = (
    "sample", "prepare.mosaic", "prepare.labels", "prepare.chips", "prepare.from_esri", "prepare.stack",
    "prepare.augment", "train.fit", "train.pixels", "classify.predict", "assess", "assess.points",
    "assess.compare", "assess.suspects", "export", "benchmark",
)  # fmt: skip


@pytest.fixture
def package(tmp_path, monkeypatch) -> Path:
    """A copy of the source files, to change."""
    shutil.copytree(sourcecode.PACKAGE, tmp_path / "landcover", ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(sourcecode, "PACKAGE", tmp_path / "landcover")
    _forget()
    yield tmp_path / "landcover"
    _forget()


def _forget() -> None:
    code_digest.cache_clear()
    sourcecode._read.cache_clear()


def _changed(package: Path, file: str) -> set[str]:
    """The stages that change with a file."""
    _forget()
    before = {name: code_digest(name) for name in STAGES}
    place = package / file
    text = place.read_text()
    place.write_text(text + "\nMORE = 1\n")
    _forget()
    after = {name: code_digest(name) for name in STAGES}
    place.write_text(text)
    return {name for name in STAGES if before[name] != after[name]}


def test_a_stage_changes_with_the_files_that_it_uses_and_no_others(package) -> None:
    with_vector = {name for name in STAGES if name.startswith(("prepare", "classify", "assess"))} - {"prepare.augment"}
    assert _changed(package, "assess/report/charts.py") == {"assess"}
    assert _changed(package, "cli/summary.py") == set()
    assert _changed(package, "uptodate.py") == set()
    # what is compared by itself, also where a module of it is imported
    assert _changed(package, "settings/train.py") == _changed(package, "settings/assess.py") == set()
    assert _changed(package, "prepare/labels.py") == {"prepare.labels"}
    assert _changed(package, "prepare/candidates.py") == {"prepare.chips", "prepare.from_esri", "prepare.stack"}
    assert _changed(package, "sample/roads.py") == {"sample"}
    trainings = {"train.fit", "train.pixels", "benchmark"}
    assert _changed(package, "chipstore.py") == {"prepare.stack", "prepare.augment", *trainings}
    # within a function, within brackets, and as a name of the package
    assert "classify.predict" in _changed(package, "classify/onnxmapper.py")
    assert "prepare.mosaic" in _changed(package, "vrt.py")
    assert _changed(package, "vector.py") == with_vector | {"benchmark"}


def test_line_ends_do_not_count(package) -> None:
    before = code_digest("prepare.labels")
    (package / "remap.py").write_bytes((package / "remap.py").read_bytes().replace(b"\n", b"\r\n"))
    _forget()
    assert code_digest("prepare.labels") == before


def test_without_source_files_nothing_is_told(package) -> None:
    shutil.rmtree(package)
    _forget()
    assert code_digest("prepare.labels") is None


def test_every_stage_names_a_module_that_is_there() -> None:
    named = {part.split('"')[0] for part in Path(pipeline.__file__).read_text().split('code="')[1:]}
    assert named | {"classify.predict", "assess.points"} == set(STAGES)
    assert all(code_digest(name) for name in STAGES)
