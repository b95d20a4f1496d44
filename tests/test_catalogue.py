from pathlib import Path
from types import SimpleNamespace

import pytest
from click.testing import CliRunner

from landcover.benchmark.trial import origin_of_trial
from landcover.catalogue import KINDS, find_kind
from landcover.cli import main
from landcover.cli.summary_runs import _settings
from landcover.config import load_config
from landcover.errors import ConfigError, LandcoverError
from landcover.export.stac_model import _parameters
from landcover.owncode import source_files
from landcover.pipeline import train_stage
from landcover.settings import BackboneSettings, TrainSettings
from landcover.stage import compared
from landcover.train.origin import check_origin, origin_of


def test_a_name_that_there_is_not_is_answered_with_the_nearest() -> None:
    with pytest.raises(
        ValueError, match=r"^no such model: did you mean unet, or one of your own, as module:function\?$"
    ):
        find_kind("u-net")
    with pytest.raises(ValueError, match=r"^known: unet, pspnet, deeplab"):
        find_kind("xyz")
    with pytest.raises(
        ConfigError, match=r"^--set train\.model=unets: train\.model: no such model: did you mean unet, "
    ):
        load_config(None, ["train.model=unets"])


def test_what_is_wrong_is_told_as_it_was_typed(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    told = CliRunner().invoke(main, ["train", "--model", "unets"])
    assert told.exit_code == 2
    assert told.stderr.startswith("Error: --model unets: train.model: no such model: did you mean unet, ")
    told = CliRunner().invoke(main, ["train", "--model", "pspnet", "--freeze-backbone", "many"])
    assert told.stderr.startswith("Error: --freeze-backbone many: train.backbone.frozen: ")
    told = CliRunner().invoke(main, ["benchmark", "--model", "unet", "--model", "psp"])
    assert told.stderr.startswith("Error: --model: no such model: did you mean pspnet, ")


def test_a_model_lies_where_its_name_says(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    config = load_config(None, ["train.model=unet"])
    assert config.train.name == "unet"
    assert config.classify.model.as_posix() == "models/unet/model.keras"
    assert load_config(None, ["train.name=deep"]).classify.model.as_posix() == "models/deep/model.keras"
    assert load_config(None, ["train.name=null"]).train.name == "unet"


def test_the_option_changes_what_follows_from_the_model(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("data").mkdir()
    # settings of one model are in nobody's way who tries another
    told = CliRunner().invoke(main, ["train", "--model", "unet", "--set", "train.backbone.width=0.35"]).stderr
    assert "data/processed" in told
    assert load_config(None, ["train.model=nets.wide:build"]).train.name == "wide"
    assert load_config(None, ["train.model=nets.wide:build"]).classify.code == "nets.wide:build"
    with pytest.raises(ConfigError, match="a network of your own is written module:function"):
        load_config(None, ["train.model=my net:build"])
    with pytest.raises(ConfigError, match=r"a module is named without \.py: nets:build"):
        load_config(None, ["train.model=nets.py:build"])


@pytest.mark.parametrize(("model", "number"), [("unet", 2), ("pspnet", 8), ("deeplab", 8), ("nets.wide:build", 4)])
def test_a_step_takes_what_its_network_needs(model, number) -> None:
    config = load_config(None, [f"train.model={model}"])
    assert config.train.chips_a_step == number
    assert config.train.model_copy(update={"batch": 3}).chips_a_step == 3
    # records have the number
    assert train_stage(config).settings["train"]["batch"] == number
    told = origin_of(SimpleNamespace(key="k"), config.train, config.scheme)
    assert told["train.batch"] == number
    # what nobody set is not told as set
    shown = " ".join(_settings(compared("train", train_stage(config).settings), None))
    assert ("train.batch" in shown) == (model != "unet")
    assert _parameters({"origin": told})["mlm:hyperparameters"]["batch"] == number


def test_a_network_of_ones_own_is_all_the_files_that_it_is_made_of(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    files = {
        "plain.py": "import keras\nfrom helper import wide\nfrom tools import blocks\nimport landcover.model",
        "helper.py": "def wide():\n    import deep.down.there",
        "tools/__init__.py": "", "tools/blocks.py": "from . import sizes",
        "tools/sizes.py": "import plain", "tools/unused.py": "",
        "deep/down/there.py": "a mistake", "landcover/model.py": "",
        "net/__init__.py": "", "net/build.py": "from .layers.wide import Wide\nfrom . import helper",
        "net/helper.py": "", "net/layers/wide.py": "", "net/chosen.py": "",
    }  # fmt: skip
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    plain = {"plain.py", "helper.py", "tools/__init__.py", "tools/blocks.py", "tools/sizes.py", "deep/down/there.py"}
    built = {name for name in files if name.startswith("net/")} - {"net/chosen.py"}
    for model, behind in (
        ("plain:build", plain),
        ("net.build:build", built),
        # a package may import its modules by names that are only known while it runs
        ("net:build", built | {"net/chosen.py"}),
        ("installed.elsewhere:build", set()),
    ):
        found = source_files(find_kind(model))
        assert {file.as_posix() for file in found} == behind
        assert len(found) == len(behind)
        config = load_config(None, [f"train.model={model}"])
        assert set(train_stage(config).inputs[2:]) == {str(file) for file in found}
        told = origin_of_trial(config, SimpleNamespace(key="k"), config.train)
        assert {key for key in told if key.endswith(".py")} == behind


def test_a_training_does_not_go_on_with_other_code_or_weights(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    files = {name: Path(name) for name in ("net.py", "helper.py", "own.weights.h5")}
    for path in files.values():
        path.write_text("import helper" if path.name == "net.py" else "")
    settings = TrainSettings(model="net:build", backbone=BackboneSettings(weights="own.weights.h5"))
    began = origin_of(SimpleNamespace(key="k"), settings, load_config(None, []).scheme)
    for name, path in files.items():
        before = path.read_text()
        path.write_text(before + "\n# another")
        now = origin_of(SimpleNamespace(key="k"), settings, load_config(None, []).scheme)
        with pytest.raises(LandcoverError, match=rf"began with another value of {name}"):
            check_origin(tmp_path, began, now)
        path.write_text(before)
    forest = settings.model_copy(update={"model": "random-forest"})
    assert not set(files) & set(origin_of(SimpleNamespace(key="k"), forest, load_config(None, []).scheme))


def test_a_training_goes_on_whatever_the_colours_and_not_with_other_classes(tmp_path) -> None:
    config = load_config(None, [])
    began = origin_of(SimpleNamespace(key="k"), config.train, config.scheme)
    scheme = [c.model_dump() for c in config.scheme]
    scheme[0]["color"] = "#123456"
    check_origin(tmp_path, began, began | {"the scheme": scheme})
    scheme[0]["name"] = "houses"
    with pytest.raises(LandcoverError, match="began with another value of the scheme"):
        check_origin(tmp_path, began, began | {"the scheme": scheme})


def test_all_models_are_listed() -> None:
    listed = CliRunner().invoke(main, ["models"]).stdout.splitlines()
    assert [line.split()[0] for line in listed[1:]] == [kind.name for kind in KINDS]
    assert "1,941,351" in listed[1]
