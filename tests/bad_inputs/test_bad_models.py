"""Models that there are not, networks of one's own that are none, and stored models that nobody should load."""

import shutil
import sys
import zipfile
from pathlib import Path

import keras
import numpy as np
import pytest
import skops.io
from case import Case, cases, images_and_labels
from click.testing import CliRunner
from keras import layers
from sklearn.dummy import DummyClassifier

from landcover.cli import main
from landcover.model import ModelCard, read_card, save_model
from landcover.modelfile import ENTRY

NAIP = "data/raw/naip/west.tif"
MODEL = "models/unet/model.keras"
OWN = """
import keras
from keras import layers


def shape(bands, classes):
    image = keras.Input((None, None, bands))
    return keras.Model(image, layers.Dense(classes)(layers.GlobalAveragePooling2D()(image)))


def colour(bands, classes):
    image = keras.Input((None, None, 3))
    return keras.Model(image, layers.Conv2D(classes, 1)(image))


def count(bands, classes):
    image = keras.Input((None, None, bands))
    return keras.Model(image, layers.Conv2D(classes + 1, 1)(image))
"""


class _Own:
    """A type of somebody else's."""


def plug_in() -> None:
    """Installed beside the project, and broken."""
    info = Path("wide_net-1.0.dist-info")
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: wide-net\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[landcover.models]\nwide = wide_net:build\n")
    Path("wide_net.py").write_text("raise OSError('no licence')\n")


def other_weights() -> None:
    keras.Sequential([keras.Input((None, None, 3)), layers.Conv2D(4, 3)]).save_weights("w.weights.h5")


def card() -> ModelCard:
    return read_card(Path(MODEL))


def unsafe_pixels() -> None:
    estimator = DummyClassifier().fit(np.zeros((2, 3)), [1, 2])
    estimator.extra = _Own()
    skops.io.dump(estimator, "m.skops")
    with zipfile.ZipFile("m.skops", "a") as archive:
        archive.writestr(ENTRY, card().model_copy(update={"model": "random-forest", "radii": (2,)}).model_dump_json())


def unsafe_network() -> None:
    image = keras.Input((None, None, 4))
    save_model(keras.Model(image, layers.Lambda(lambda x: 2 * x)(image)), card(), Path("m.keras"))


LISTED = [
    Case("an unknown model", "train --model random-forrest", ("train.model", "random-forest"), code=2),
    Case("a model of no name", "train --model 1net:shape", ("my_net:build",), code=2),
    Case("no module of one's own", "train --model my_nett:shape", ("my_nett.py", "there is no module")),
    Case("no function of one's own", "train --model my_net:shap", ("my_net has no function shap", "shape")),
    Case("a network of another shape", "train --model my_net:shape", ("my_net:shape", "(batch, rows, columns, 3)")),
    Case("a network of other bands", "train --model my_net:colour", ("my_net:colour", "(batch, rows, columns, 4)")),
    Case("a network of other classes", "train --model my_net:count", ("my_net:count", "4 outputs for 3 classes")),
    Case("a plug-in that fails", "train --model wide", ("wide-net", "no licence"), plug_in),
    Case("weights of another network", "train --model deeplab --set train.backbone.weights=w.weights.h5",
         ("w.weights.h5", "mobilenetv2"), other_weights),
    Case("a frozen backbone of none", "train --freeze-backbone 2", ("--freeze-backbone", "unet", "deeplab"), code=2),
    Case("no number of epochs", "train --model pspnet --freeze-backbone=few", ("frozen", "few"), code=2),
    Case("a rate of no number", "train --set train.learning_rate=fast", ("learning_rate", "fast"), code=2),
    Case("a sweep for what has no rate", "train --model random-forest --find-lr", ("random-forest", "--find-lr")),
    Case("an unknown model of several", "benchmark --model unet --model forest", ("--model:", "random-forest"), code=2),
    Case("a model twice", "benchmark --model unet --model unet", ("--model: ", "twice"), code=2),
    Case("no time", "benchmark --minutes 0", ("--minutes", "landcover benchmark --help"), code=2),
    Case("folds that there are not", "benchmark --folds 99", ("99",)),
    Case("nothing to compare on", "benchmark --set paths.data=elsewhere", ("elsewhere", "landcover prepare")),
    Case("an unsafe model of pixels", f"classify {NAIP} -m m.skops", ("m.skops", "not loaded", "_Own"), unsafe_pixels),
    Case("an unsafe network", f"classify {NAIP} -m m.keras", ("m.keras", "not run", "Lambda"), unsafe_network),
]  # fmt: skip


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory, random_model: Path) -> Path:
    """Images, labels, chips, a model, and a module of one's own."""
    folder = tmp_path_factory.mktemp("prepared") / "project"
    folder.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        images_and_labels()
        done = CliRunner().invoke(main, ["prepare"])
        assert done.exit_code == 0, done.stderr
        Path(MODEL).parent.mkdir(parents=True)
        shutil.copy(random_model, MODEL)
        Path("my_net.py").write_text(OWN)
    return folder


@cases(LISTED)
def test_is_told_in_one_line(case: Case, prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(prepared, tmp_path / "project")
    monkeypatch.chdir(tmp_path / "project")
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path / "project")])
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    for name in ("my_net", "wide_net"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    case.check()
