"""Anything at all in a configuration, and files that were cut short or have bits turned over: told in one line or
taken, but never a traceback."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml
from case import CONFIG, images_and_labels
from click.testing import CliRunner
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from landcover.cli import main
from landcover.config import load_config
from landcover.errors import ConfigError, LandcoverError, ModelError

Spoil = Callable[[bytes], bytes]
shares = st.floats(0, 1, exclude_max=True)
KEYS = [key for section in yaml.safe_load(CONFIG).values() if isinstance(section, dict) for key in section]
SECTIONS = ["scheme", "paths", "mosaic", "labels", "chips", "split", "augment", "train", "classify", "points", "assess"]
WORDS = [
    "2024-31-12", "2024-13-45", "2024-12-31", "2024-12-31T25:00:00Z", "!!int x", "!!int ''", "!!float x", "!!bool x",
    "!!timestamp x", "!!null x", "!!binary x", "0x", "1:90", "*.tif", "&a", "~", "a: b", "[" * 3000,
]  # fmt: skip
"""What PyYAML takes for something else than text."""

atoms = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.sampled_from(KEYS)
values = st.recursive(
    atoms,
    lambda below: st.lists(below, max_size=4) | st.dictionaries(st.sampled_from(KEYS) | st.text(max_size=9), below),
    max_leaves=8,
)


def fuzzed(examples: int) -> settings:
    """The same examples each time; no example may take a minute."""
    return settings(
        max_examples=examples,
        derandomize=True,
        deadline=60_000,
        database=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )


def cut(share: float) -> Spoil:
    return lambda content: content[: int(share * len(content))]


def flipped(places: list[tuple[float, int]]) -> Spoil:
    def spoil(content: bytes) -> bytes:
        changed = bytearray(content)
        for share, bit in places:
            changed[int(share * len(changed))] ^= 1 << bit
        return bytes(changed)

    return spoil


bits = st.tuples(shares | shares.map(lambda share: share / 100), st.integers(0, 7))
spoils = shares.map(cut) | st.lists(bits, min_size=1, max_size=20).map(flipped)


@fuzzed(200)
@given(st.dictionaries(st.sampled_from(SECTIONS) | st.text(max_size=9), values, max_size=4))
@example({"[": None})
@example({"train": {"a[b]": 1}})
def test_any_settings(tmp_path: Path, content: object) -> None:
    path = tmp_path / "c.yaml"
    path.write_text(yaml.safe_dump(content, allow_unicode=True), encoding="utf-8")
    _loaded(path)


@fuzzed(200)
@given(st.text() | st.text(alphabet="{}[]:,- \n#&*!|>'\"%@`?ab01.~\t"))
def test_any_text(tmp_path: Path, content: str) -> None:
    path = tmp_path / "c.yaml"
    path.write_text(content, encoding="utf-8", errors="surrogateescape")
    _loaded(path)


@fuzzed(100)
@given(st.binary(max_size=200))
def test_any_bytes(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "c.yaml"
    path.write_bytes(content)
    _loaded(path)


@fuzzed(200)
@given(spoils)
def test_the_default_file_with_bits_turned_over(tmp_path: Path, spoil: Spoil) -> None:
    path = tmp_path / "c.yaml"
    path.write_bytes(spoil(CONFIG.encode()))
    _loaded(path)


@fuzzed(200)
@given(st.text(max_size=30) | st.tuples(st.sampled_from(SECTIONS), st.sampled_from(KEYS), st.text(max_size=9)).map(
    lambda parts: "{}.{}={}".format(*parts)))  # fmt: skip
def test_any_override(override: str) -> None:
    with one_line_or_none(ConfigError):
        load_config(None, [override])


@pytest.mark.parametrize("word", WORDS, ids=range(len(WORDS)))
@pytest.mark.parametrize(
    "key", ["train.name", "assess.reference", "classify.model", "train.epochs", "labels.reclassify"]
)
def test_words_that_yaml_takes_for_something_else(tmp_path: Path, key: str, word: str) -> None:
    with one_line_or_none(ConfigError, f"--set {key}={word}"):
        load_config(None, [f"{key}={word}"])
    section, _, name = key.partition(".")
    (tmp_path / "c.yaml").write_text(f"{section}:\n  {name}: {word}\n")
    with one_line_or_none(ConfigError, "c.yaml"):
        load_config(tmp_path / "c.yaml")


def _loaded(path: Path) -> None:
    with one_line_or_none(ConfigError):
        load_config(path)


@contextmanager
def one_line_or_none(kind: type[LandcoverError], *words: str) -> Iterator[None]:
    told = None
    try:
        yield
    except kind as error:
        told = str(error)
    if told is not None:
        assert len(told.splitlines()) == 1
        assert all(word in told for word in words), told


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("prepared")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        images_and_labels()
        assert CliRunner().invoke(main, ["prepare"]).exit_code == 0
    return folder


@pytest.mark.parametrize(
    ("file", "command"),
    [
        ("data/raw/naip/east.tif", "mosaic"),
        ("data/raw/labels.gpkg", "labels"),
        ("data/interim/labels.tif", "chips"),
        ("data/interim/chips/chips.gpkg", "stack"),
        ("data/interim/chips/images/000000000.tif", "stack"),
        ("data/processed/train/water.h5", "augment"),
        ("data/processed/split.json", "chips"),
    ],
)
@fuzzed(25)
@given(spoil=spoils)
def test_a_spoilt_file(prepared: Path, tmp_path: Path, file: str, command: str, spoil: Spoil) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path)
        for part in ("data", "configs"):
            shutil.rmtree(part, ignore_errors=True)
            shutil.copytree(prepared / part, part)
        spoilt = Path(file)
        spoilt.write_bytes(spoil(spoilt.read_bytes()))
        result = CliRunner().invoke(main, [command, "--overwrite", "--quiet"])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    if result.exit_code:
        assert result.exit_code in (1, 2)
        assert len(result.stderr.splitlines()) == 1, result.stderr
        assert result.stderr.startswith("Error: ")


@fuzzed(30)
@given(spoil=spoils)
def test_a_spoilt_model(tiny_model: Path, tmp_path: Path, spoil: Spoil) -> None:
    from landcover.model import load_network, read_card

    path = tmp_path / "model.keras"
    path.write_bytes(spoil(tiny_model.read_bytes()))
    with one_line_or_none(ModelError, "model.keras"):
        read_card(path)
        load_network(path)
