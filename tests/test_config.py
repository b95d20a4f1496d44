import re
from pathlib import Path

import pytest
import yaml
from pydantic import BaseModel

from landcover.config import Config, load_config
from landcover.errors import ConfigError

ROOT = Path(__file__).parents[1]


def test_default_yaml_names_every_key_with_the_value_that_the_program_uses() -> None:
    written = yaml.safe_load((ROOT / "configs/default.yaml").read_text())
    assert load_config(ROOT / "configs/default.yaml") == Config()
    del written["scheme"]
    _check_keys(written, Config.model_fields.keys() - {"scheme"}, Config)


def _check_keys(written: dict, expected: set[str], model: type[BaseModel]) -> None:
    assert set(written) == set(expected), model
    for key in expected:
        kind = model.model_fields[key].annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            _check_keys(written[key], kind.model_fields.keys(), kind)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("train.loss=foo", "train.loss"),
        ("train.epochs=many", "train.epochs"),
        ("train.net.dropout=[1.5]", "train.net.dropout"),
        ("train.balance=x", "train.balance"),
        ("train.name=a/b", "train.name"),
        ("train.name=unet.training", "names that end in .training"),
        ("train.augmentation.gama=0.1", "did you mean gamma"),
        (
            "train.name=2024-12-31",
            "train.name: Input should be a valid string (it is the date 2024-12-31): put it in quotes",
        ),
        ("train.name=2024-31-12", """is not valid YAML: put it in quotes: 'train.name="2024-31-12"'"""),
        ("mosaic.images=*.tif", """is not valid YAML: put it in quotes: 'mosaic.images="*.tif"'"""),
        ("mosaic.images=[a.tif", "is not valid YAML: close what it opens"),
        (
            "mosaic.images=my: images",
            "should be a list (it is {'my': 'images'}): text with a colon and a space in it is put",
        ),
        ("train.epochs.x=3", "epochs has no keys: write --set train.epochs=VALUE"),
        ("labels.reclassify=x", "expected pairs, as in {0: 6} (it is 'x')"),
        ("train.name=12", "(it is 12): put it in quotes"),
    ],
)
def test_a_mistake_over_the_default_file_is_told_where_it_is(override: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_config(ROOT / "configs/default.yaml", [override])
    assert str(caught.value).startswith(f"--set {override}: ")
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("chips:\n  sizee: 256\n", "line 2: unknown key chips.sizee: did you mean size?"),
        ("chip:\n  size: 256\n", "line 1: unknown key chip: did you mean chips?"),
        ("paths: {data: x}\nchips:\n  stride: abc\n", "line 3: chips.stride"),
        ("chips: {size: 256\n", "not valid YAML"),
        ("chips: {size: 256}\nchips: {size: 512}\n", "line 2: chips stands twice"),
        (
            'scheme:\n- {value: 0, name: a, color: "#000000"}\n- {value: 2, name: b, color: "#000000"}\n',
            "line 2: scheme.0.value",
        ),
        (
            'scheme:\n- {value: 1, name: a, color: "#000000"}\n- {value: 300, name: b, color: "#000000"}\n',
            "line 3: scheme.1.value",
        ),
        (
            'scheme:\n- {value: 1, name: a, color: "#000000"}\n- {value: 1, name: b, color: "#000000"}\n',
            "have the same value",
        ),
        (
            'scheme:\n- {value: 1, name: a, color: "#000000"}\n- {value: 2, name: A, color: "#000000"}\n',
            "have the same name",
        ),
        ("labels:\n  reclassify: {0: 9}\n", "line 2: labels.reclassify: 0 goes to 9"),
        ("augment: {classes: [swamp]}\n", "'swamp' is no class of the scheme"),
        ("train: {class_weights: {1: -2}}\n", "line 1: train.class_weights"),
        ("train: {class_weights: {1: 0}}\n", "line 1: train.class_weights"),
        ("train: {class_weights: {1: .nan}}\n", "line 1: train.class_weights"),
        ("classify: {memory: lots}\n", "line 1: classify.memory: write a size such as 2GB or 500MB (it is 'lots')"),
        ("chips: 256\n", "line 1: chips: expected settings under it, such as size"),
        ("train: {name: ..}\n", "line 1: train.name"),
        ("mosaic: {images: []}\n", "line 1: mosaic.images"),
        ("mosaic: &a {images: *a}\n", "refers to itself"),
        ("train:\n  name: 2024-31-12\n", "line 2: '2024-31-12' is no timestamp: put it in quotes, if it is text"),
        ("train: &a {net: *a, name: !!int x}\n", "line 1: 'x' is no int: put it in quotes, if it is text"),
        ("[" * 3000, "brackets in brackets, too many"),
    ],
)
def test_mistakes_are_told_by_file_and_line(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "c.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load_config(path)
    assert str(path) in str(caught.value)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_value_below_a_key_that_takes_none_is_told_without_a_file_too(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    for override, told in (
        ("train.epochs.x=3", "train.epochs: should be 'auto' or a valid integer (it is {'x': 3})"),
        ("train.class_weights={5: -1}", "train.class_weights.5: Input should be greater than 0 (it is -1)"),
        (
            "train.loss=foo",
            "train.loss: should be 'crossentropy', 'focal' or 'dice' or a valid dictionary (it is 'foo')",
        ),
    ):
        with pytest.raises(ConfigError, match=f"^{re.escape(f'--set {override}: {told}')}$"):
            load_config(None, [override])


def test_what_is_not_named_follows_paths_and_name() -> None:
    config = load_config(None, ["paths.data=mine", "paths.models=nets", "train.name=v2", "labels.source=a.gpkg"])
    assert config.mosaic.images == (str(Path("mine/raw/naip")),)
    assert config.labels.source == ("a.gpkg",)
    assert config.classify.model == Path("nets/v2/model.keras")
    assert config.assess.reference == (str(Path("mine/raw/reference.gpkg")),)


def test_command_line_goes_over_yaml(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text("chips: {size: 128, stride: 32}\n")
    config = load_config(path, ["chips.stride=16", "labels.reclassify={0: 6}"])
    assert (config.chips.size, config.chips.stride, config.labels.reclassify) == (128, 16, {0: 6})
    with pytest.raises(ConfigError, match=r"--set chips\.strid=16: unknown key"):
        load_config(path, ["chips.strid=16"])


@pytest.mark.parametrize(
    ("text", "size"), [("2GB", 2e9), ("1.5 g", 1.5e9), ("500MB", 5e8), ("3e9", None), (7000, 7000)]
)
def test_memory_is_a_size(text: str | int, size: float | None) -> None:
    if size is None:
        with pytest.raises(ConfigError, match="write a size"):
            load_config(None, [f"classify.memory='{text}'"])
    else:
        assert load_config(None, [f"classify.memory={text}"]).classify.memory == size
