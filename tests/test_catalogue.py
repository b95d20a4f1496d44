import pytest
from click.testing import CliRunner

from landcover.catalogue import KINDS, find_kind
from landcover.cli import main
from landcover.config import load_config
from landcover.errors import ConfigError


def test_a_name_that_there_is_not_is_answered_with_the_nearest() -> None:
    with pytest.raises(ValueError, match=r"^no such model: did you mean unet\?$"):
        find_kind("u-net")
    with pytest.raises(ValueError, match=r"^known: unet"):
        find_kind("xyz")
    with pytest.raises(
        ConfigError, match=r"^--set train\.model=unets: train\.model: no such model: did you mean unet\? "
    ):
        load_config(None, ["train.model=unets"])


def test_a_model_lies_where_its_name_says(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    config = load_config(None, ["train.model=unet"])
    assert config.train.name == "unet"
    assert config.classify.model.as_posix() == "models/unet/model.keras"
    assert load_config(None, ["train.name=deep"]).classify.model.as_posix() == "models/deep/model.keras"
    assert load_config(None, ["train.name=null"]).train.name == "unet"


def test_all_models_are_listed() -> None:
    listed = CliRunner().invoke(main, ["models"]).stdout.splitlines()
    assert [line.split()[0] for line in listed[1:]] == [kind.name for kind in KINDS]
    assert "1,941,351" in listed[1]
