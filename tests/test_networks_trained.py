"""Networks beside the U-Net, from chips to maps."""

import json
import re
import sys
from contextlib import closing, suppress
from pathlib import Path

import numpy as np
import pytest
from conftest import run, textured, write_image
from test_train import QUICK, _history, _same_but_for_time, _stores

from landcover.errors import Interrupted, LandcoverError
from landcover.model import load_network, read_card
from landcover.settings import BackboneSettings, NetSettings
from landcover.train.batches import Batches
from landcover.train.chipset import open_chips
from landcover.train.fit import fit
from landcover.train.metrics import MeanIoU
from landcover.train.rates import NoFall, find_rate, scatter, smoothed, steepest

pytestmark = pytest.mark.usefixtures("undrawn")

PAGE = Path(__file__).parents[1] / "docs/how-to/own-network.md"


def test_statistics_of_batches_go_on_where_a_training_was_cut_off(tmp_path, scheme) -> None:
    net = NetSettings(depth=2, filters=2, normalisation="batch", dropout=(0.0,))
    settings = QUICK.model_copy(update={"net": net, "epochs": 3})
    whole, cut = (_stores(tmp_path / name, scheme) for name in ("whole", "cut"))
    fit(whole, settings, scheme)

    def stop(figures: dict, epochs: int) -> None:
        if figures["epoch"] == 2:
            raise KeyboardInterrupt

    with pytest.raises(Interrupted):
        fit(cut, settings, scheme, on_epoch=stop)
    fit(cut, settings, scheme, resume=True)
    _same_but_for_time(_history(whole.models / "unet"), _history(cut.models / "unet"))
    one, other = (load_network(paths.models / "unet/model.keras").get_weights() for paths in (whole, cut))
    for a, b in zip(one, other, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-4)


def test_chips_that_a_network_cannot_take_are_refused(tmp_path, scheme) -> None:
    paths = _stores(tmp_path, scheme, size=24)
    settings = QUICK.model_copy(
        update={"model": "deeplab", "net": NetSettings(), "backbone": BackboneSettings(width=0.1)}
    )
    with pytest.raises(LandcoverError, match="deeplab needs chips of a multiple of 16 px, these have 24"):
        fit(paths, settings, scheme)


def _check_as_judged(network, card, paths, scheme) -> None:
    """The file holds the statistics of batch normalisation, too, that validation was counted with."""
    norm = next(layer for layer in network.layers if "norm" in layer.name and hasattr(layer, "moving_mean"))
    assert float(np.abs(norm.moving_mean).max()) > 0
    metric = MeanIoU(3)
    with closing(open_chips(paths, scheme)) as chips:
        check = Batches(chips.validation, scheme, 4, card.mean)
        for index in range(len(check)):
            images, targets = check[index]
            metric.update_state(targets, network.predict_on_batch(images))
    assert metric.scores().mean_iou == pytest.approx(card.scores["val_mean_iou"], abs=1e-6)


def test_the_documented_example_is_trained_mapped_and_exported(tmp_path, scheme, monkeypatch) -> None:
    paths = _stores(tmp_path, scheme)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.delitem(sys.modules, "my_net", raising=False)
    text = PAGE.read_text()
    Path("my_net.py").write_text(re.findall(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)[0])
    train = {"model": "my_net:build", "epochs": 1, "batch": 4, "precision": "float32"}
    Path("own.yaml").write_text(json.dumps({"scheme": scheme.model_dump(mode="json"), "train": train}))
    done = run("train", "--config", "own.yaml")
    assert done.exit_code == 0, done.stderr
    card, network = read_card(Path("models/my_net/model.keras")), load_network(Path("models/my_net/model.keras"))
    assert (card.halo, card.model) == (15, "my_net:build")
    _check_as_judged(network, card, paths, scheme)
    write_image(Path("a.tif"), textured(100, 100))
    done = run("classify", "a.tif", "--config", "own.yaml", "--set", "classify.precision=float32")
    assert done.exit_code == 0, done.stderr
    assert "halo 15 px" in done.stdout
    done = run("export", "--to", "onnx", "--config", "own.yaml")
    assert done.exit_code == 0, done.stderr
    # another network under the same name is another training
    Path("my_net.py").write_text(Path("my_net.py").read_text().replace("(2, 4, 8)", "(2, 4)"))
    done = run("train", "--config", "own.yaml")
    assert done.exit_code == 1
    assert "my_net.py" in done.stderr


def test_the_rate_at_which_the_loss_falls_most_steeply_is_suggested(tmp_path, scheme) -> None:
    rates = np.geomspace(1e-6, 1, 61)
    place = np.log10(rates)
    losses = 1 / (1 + np.exp(3 * (place + 3))) + np.where(place > -1.5, 3 * (place + 1.5), 0)
    assert steepest(rates, losses) == pytest.approx(1e-3, rel=0.3)
    with pytest.raises(LandcoverError, match="no learning rate made the loss fall"):
        steepest(rates, place)
    with pytest.raises(LandcoverError, match=r"fall clearly: take more chips a step \(train\.batch\)"):
        steepest(rates, losses, 0.3)
    # what differs from batch to batch is no fall, however deep the least of it lies
    random, memory, taken = np.random.default_rng(0), 0.9, []
    for _ in range(200):
        noise = random.normal(2, 0.3, 100)
        smooth = smoothed(noise, memory)
        with suppress(NoFall):
            taken.append(steepest(np.geomspace(1e-6, 1, 100), smooth, scatter(noise, smooth, memory)))
    assert len(taken) < 0.02 * 200
    noise = np.where(np.arange(100) > 70, 1.5, 2) + random.normal(0, 0.3, 100)
    smooth = smoothed(noise, memory)
    assert steepest(np.geomspace(1e-6, 1, 100), smooth, scatter(noise, smooth, memory)) > 1e-3
    paths = _stores(tmp_path, scheme)
    made = find_rate(paths, QUICK, scheme, steps=40)
    assert 1e-5 < made.suggested < 1
    assert made.path == paths.models / "unet-rates.png"
    assert [p.name for p in paths.models.iterdir()] == ["unet-rates.png"]
