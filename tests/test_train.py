import csv
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from contextlib import closing
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from keras.layers import Conv2D
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

import landcover
from landcover.chipstore import Chip, StoreInfo, create_store
from landcover.cli import main
from landcover.cli import summary as tell
from landcover.config import Config
from landcover.errors import Interrupted, LabelError, LandcoverError, ModelError, OutputExists
from landcover.files import only_one
from landcover.model import load_network, read_card
from landcover.provenance import read_run
from landcover.settings import NetSettings, Paths, TrainAugmentation, TrainSettings
from landcover.splitreport import Side, SplitReport, write_report
from landcover.train import devices, find_current, train
from landcover.train.augmentation import share_kept
from landcover.train.checkpoint import load_state, save_state
from landcover.train.chipset import open_chips, statistics
from landcover.train.fit import fit
from landcover.train.length import settled
from landcover.train.plan import plan
from landcover.train.task import prepare_task

pytestmark = pytest.mark.usefixtures("undrawn")

QUICK = TrainSettings(
    epochs=4, batch=4, patience=9, precision="float32", learning_rate=0.003, net=NetSettings(depth=2, filters=4)
)

DENSE, SPARSE = (1, 1, 1, 1, 2, 2, 2, 7), (1, 1, 1, 2, 2, 7, 0, 0)
"""The classes of the eighths of a chip."""

PLAIN = QUICK.model_copy(update={"net": NetSettings(depth=2, filters=4, dropout=(0.0,))})
"""Without chance in the network, whose course depends on the devices."""


def _stores(
    folder: Path,
    scheme,
    number: int = 8,
    size: int = 32,
    classes=(1, 2, 7, 0),
    held=(1, 2, 7, 0),
    method: str = "blocks",
    stride: int | None = None,
    rows: tuple[int, ...] = (),
) -> Paths:
    """Chips whose classes differ by brightness, some of each chip unlabelled; `held` are those of validation. Of each
    chip so many `rows` have labels, in turn."""
    random = np.random.default_rng(0)
    info = StoreInfo(scheme.named, size, 4, "uint8", (1.0, 1.0), method, "k")
    paths = Paths(data=folder / "data", models=folder / "models")
    for side, shown, top in ((paths.train, classes, 0), (paths.validation, held, 2 * size)):
        with create_store(side / "water.h5", info) as writer:
            for n in range(number):
                label = np.repeat(random.permutation(shown), size // len(shown))[None].repeat(size, axis=0)
                grey = np.array([0, 40, 120, 0, 0, 0, 0, 220])[label]
                image = np.clip(grey[..., None] + random.normal(0, 5, (*label.shape, 4)), 1, 255).astype(np.uint8)
                if rows:
                    label[rows[n % len(rows)] :] = 0
                writer.append(Chip(image, label.astype(np.uint8), (n * (stride or size), top, size, size), f"{n}.tif"))
    _report(paths, scheme, number, method=method)
    return paths


def _report(paths: Paths, scheme, number: int, **changes: object) -> None:
    one = Side(chips=number, pixels={}, hectares={})
    told = {"method": "blocks", "key": "k", "train": one, "validation": one, "dropped": 0, "shared_pixels": 0}
    write_report(paths.stacks, SplitReport(**{**told, "scheme": scheme, "nearest": 32.0, **changes}))  # type: ignore[arg-type]


def _history(folder: Path) -> list[dict[str, str]]:
    with (folder / "history.csv").open() as file:
        return list(csv.DictReader(file))


def _same_but_for_time(one: list[dict[str, str]], other: list[dict[str, str]]) -> None:
    assert [row["epoch"] for row in one] == [row["epoch"] for row in other]
    for a, b in zip(one, other, strict=True):
        for key in a.keys() - {"seconds", "chips_per_second"}:
            assert float(a[key]) == pytest.approx(float(b[key]), rel=1e-4), key


@pytest.mark.parametrize(
    ("shown", "settings", "prior"),
    [
        (DENSE, {}, "labels"),
        (SPARSE, {}, "equal"),
        (SPARSE, {"class_prior": "labels"}, "labels"),
        (DENSE, {"class_prior": "equal"}, "equal"),
        (SPARSE, {"class_weights": {"water": 2.0}}, "equal"),
        (DENSE, {"class_weights": {}, "balance": "equal"}, "labels"),
        (SPARSE, {"class_weights": {"water": 2.0}, "class_prior": "equal"}, "equal"),
    ],
)
def test_labels_tell_how_frequent_classes_are_where_they_cover_the_ground(
    tmp_path, scheme, shown, settings, prior
) -> None:
    with closing(open_chips(_stores(tmp_path, scheme, classes=shown), scheme)) as chips:
        task = prepare_task(chips, QUICK.model_copy(update=settings), scheme)
    assert task.prior == prior
    # what the loss adds to each class shows in what a net that knows nothing loses by a pixel of it
    logits = np.zeros((1, 1, 1, 4), np.float32)
    lost = [float(np.ravel(task.learner.loss(np.array([[[n]]]), logits))[0]) for n in (1, 2, 3)]
    known, automatic = task.statistics, "class_weights" not in settings
    divisor = known.shown.sum() * share_kept(QUICK.augmentation)
    added = np.exp(-np.array(lost) * divisor / task.weights)
    wanted = known.shown * (np.array(task.weights) if automatic else 1) / (known.pixels if prior == "labels" else 1)
    assert (added / added.sum()).tolist() == pytest.approx((wanted / wanted.sum()).tolist(), rel=1e-4)


@pytest.fixture(scope="module")
def trained(tmp_path_factory, scheme) -> Paths:
    """With the article's net, and augmentation and dropout at work."""
    paths = _stores(tmp_path_factory.mktemp("train"), scheme)
    fit(paths, QUICK.model_copy(update={"epochs": 6, "net": NetSettings()}), scheme)
    return paths


def test_training_learns_and_writes_everything(trained, scheme) -> None:
    folder = trained.models / "unet"
    names = ["curves.png", "history.csv", "metrics.json", "model.keras", "tensorboard", "validation"]
    assert sorted(p.name for p in folder.iterdir()) == names
    assert [p.name for p in trained.models.iterdir()] == ["unet"]
    metrics, history = json.loads((folder / "metrics.json").read_text()), _history(folder)
    assert [row["epoch"] for row in history] == ["1", "2", "3", "4", "5", "6"]
    assert float(history[-1]["val_loss"]) < float(history[0]["val_loss"])
    means = [float(row["val_mean_iou"]) for row in history]
    assert metrics["epoch"] == 1 + int(np.argmax(means))
    assert metrics["val_mean_iou"] == pytest.approx(max(means))
    best = history[metrics["epoch"] - 1]
    assert metrics["val_mean_iou"] == pytest.approx(np.mean(list(metrics["val_iou"].values())))
    assert metrics["val_iou"]["bare land"] == pytest.approx(float(best["val_iou_bare_land"]))
    assert 0 < float(best["val_accuracy"]) <= 1
    assert float(history[-1]["learning_rate"]) < 1e-6 < float(history[0]["learning_rate"])
    assert metrics["split"] == "blocks"
    improved = [n for n in range(6) if means[n] > max([*means[:n], -1])]
    assert sorted(p.name for p in (folder / "validation").iterdir()) == [f"epoch_{n + 1:04d}.png" for n in improved]


def test_tensorboard_shows_each_epoch_once(trained) -> None:
    events = EventAccumulator(str(trained.models / "unet/tensorboard"), {"tensors": 0}).Reload()
    steps = {tag: [event.step for event in events.Tensors(tag)] for tag in events.Tags()["tensors"]}
    assert steps["validation/mean_iou"] == steps["training/loss"] == [1, 2, 3, 4, 5, 6]


def test_the_model_file_is_self_sufficient_and_holds_the_best_weights(trained, scheme) -> None:
    from landcover.train.batches import Batches
    from landcover.train.chipset import open_chips
    from landcover.train.metrics import MeanIoU

    path = trained.models / "unet/model.keras"
    card = read_card(path)
    assert (card.scheme, card.bands, card.dtype, card.halo, card.multiple) == (scheme, 4, "uint8", 96, 16)
    assert card.pixels == {"water": 2048, "forest": 2048, "bare land": 2048}
    network, chips = load_network(path), open_chips(trained, scheme)
    check, metric = Batches(chips.validation, scheme, 4, card.mean), MeanIoU(3)
    for index in range(len(check)):
        images, targets = check[index]
        metric.update_state(targets, network.predict_on_batch(images))
    chips.close()
    assert metric.scores().mean_iou == pytest.approx(card.scores["val_mean_iou"], abs=1e-6)


def test_training_stops_when_nothing_gets_better(tmp_path, scheme) -> None:
    paths = _stores(tmp_path, scheme)
    made = fit(
        paths, QUICK.model_copy(update={"epochs": 30, "patience": 2, "monitor": "loss", "learning_rate": 1e-12}), scheme
    )
    losses = [float(row["val_loss"]) for row in _history(paths.models / "unet")]
    assert made.epochs == len(losses) < 30
    assert made.epoch == 1 + int(np.argmin(losses)) == made.epochs - 2


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory, scheme) -> Path:
    paths = _stores(tmp_path_factory.mktemp("whole"), scheme)
    fit(paths, QUICK, scheme)
    return paths.models / "unet"


def test_killed_after_the_last_checkpoint_the_history_is_whole(tmp_path, scheme, uninterrupted, monkeypatch) -> None:
    from landcover.train.record import Record

    paths = _stores(tmp_path, scheme)
    told = Record.add

    def cut(self, history, best):
        if len(history) == QUICK.epochs:
            raise _Cut
        told(self, history, best)

    monkeypatch.setattr(Record, "add", cut)
    with pytest.raises(_Cut):
        fit(paths, QUICK, scheme)
    monkeypatch.undo()
    fit(paths, QUICK, scheme, resume=True)
    _same_but_for_time(_history(paths.models / "unet"), _history(uninterrupted))


def test_a_finished_training_is_not_lost_before_it_has_its_name(tmp_path, scheme, monkeypatch) -> None:
    paths = _stores(tmp_path, scheme)
    short = QUICK.model_copy(update={"epochs": 1})

    def cut(*names):
        raise _Cut

    monkeypatch.setattr("landcover.train.fit.replace_folder", cut)
    with pytest.raises(_Cut):
        fit(paths, short, scheme)
    monkeypatch.undo()
    with pytest.raises(LandcoverError, match="go on with --resume"):
        fit(paths, short, scheme)
    assert fit(paths, short, scheme, resume=True).epochs == 1


def test_two_processes_do_not_train_in_one_place(tmp_path, scheme) -> None:
    from landcover.files import only_one

    paths = _stores(tmp_path, scheme)
    with only_one(paths.models / "unet.training"), pytest.raises(LandcoverError, match="another process is at work"):
        fit(paths, QUICK, scheme)


def test_a_validation_that_misses_pixels_is_a_fault(tmp_path, scheme, monkeypatch) -> None:
    from landcover.train.batches import Batches

    paths = _stores(tmp_path, scheme)
    monkeypatch.setattr(Batches, "__len__", lambda self: 1)
    with pytest.raises(LandcoverError, match=r"counted 3,072 labelled pixels of 6,144"):
        fit(paths, QUICK, scheme)


class _Cut(Exception):
    """As sudden as a kill."""


def _cut_in_epoch(number: int):
    from contextlib import contextmanager

    @contextmanager
    def progress(label, total, unit):
        def advance(amount, note=""):
            if note.startswith(f"epoch {number} ") and total:
                raise _Cut

        yield advance

    return progress


def test_a_training_that_was_cut_off_goes_on_as_if_nothing_had_been(tmp_path, scheme, uninterrupted) -> None:
    paths = _stores(tmp_path, scheme)
    working = paths.models / "unet.training"
    with pytest.raises(_Cut):
        fit(paths, QUICK, scheme, progress=_cut_in_epoch(2))
    with pytest.raises(LandcoverError, match=r"unet\.training: a training that was cut off: go on with --resume"):
        fit(paths, QUICK, scheme)
    with pytest.raises(LandcoverError, match=r"train\.batch \(4, now 2\): set it back"):
        fit(paths, QUICK.model_copy(update={"batch": 2}), scheme, resume=True)
    with pytest.raises(_Cut):
        fit(paths, QUICK, scheme, resume=True, progress=_cut_in_epoch(4))
    whole = (working / "checkpoint.npz").read_bytes()
    (working / "checkpoint.npz").write_bytes(whole[:1000])
    with pytest.raises(LandcoverError, match=r"checkpoint\.npz: cannot be read .*: start anew with --overwrite"):
        fit(paths, QUICK, scheme, resume=True)
    (working / "checkpoint.npz").write_bytes(whole)
    assert len(_history(working)) == 3
    read_card(working / "model.keras")
    fit(paths, QUICK, scheme, resume=True)
    assert not working.exists()
    _same_but_for_time(_history(paths.models / "unet"), _history(uninterrupted))
    one, other = (
        load_network(folder / "model.keras").get_weights() for folder in (paths.models / "unet", uninterrupted)
    )
    for a, b in zip(one, other, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-4)
    with pytest.raises(LandcoverError, match="is finished"):
        fit(paths, QUICK, scheme, resume=True)


def test_the_time_that_is_told_is_of_the_epochs_before_it_was_cut_off_too(tmp_path, scheme) -> None:
    paths = _stores(tmp_path, scheme)
    told = {"scheme": [c.model_dump() for c in scheme], "paths": paths.model_dump(), "train": QUICK.model_dump()}
    config = Config.model_validate(told)
    with pytest.raises(_Cut):
        train(config, progress=_cut_in_epoch(2))
    model, working = paths.models / "unet", paths.models / "unet.training"
    unfinished = read_run(working)
    assert unfinished is not None
    assert unfinished.seconds == round(float(_history(working)[0]["seconds"]), 1)
    state = load_state(working / "checkpoint.npz")
    state.history[0]["seconds"] = 5000.0
    save_state(working / "checkpoint.npz", state)
    train(config, resume=True)
    run = read_run(model)
    assert run is not None
    assert run.seconds == json.loads((model / "metrics.json").read_text())["seconds"]
    assert run.seconds == pytest.approx(sum(float(row["seconds"]) for row in _history(model)), abs=0.06)
    assert run.seconds > 5000


def test_killed_between_model_and_checkpoint_nothing_is_lost(tmp_path, scheme, uninterrupted) -> None:
    paths = _stores(tmp_path, scheme)
    code = """
import os, sys
sys.path.insert(0, sys.argv[2])
from test_train import QUICK, Paths, fit
from landcover.scheme import ClassScheme
import landcover.train.watch as watch
from pathlib import Path
kept = watch.save_state
def killed(path, state):
    if len(state.history) == 3:
        os.kill(os.getpid(), 9)
    kept(path, state)
watch.save_state = killed
folder = Path(sys.argv[1])
scheme = ClassScheme.model_validate_json(sys.argv[3])
fit(Paths(data=folder / "data", models=folder / "models"), QUICK, scheme)
"""
    command = [sys.executable, "-c", code, str(tmp_path), str(Path(__file__).parent), scheme.model_dump_json()]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert len(_history(paths.models / "unet.training")) == 2
    fit(paths, QUICK, scheme, resume=True)
    _same_but_for_time(_history(paths.models / "unet"), _history(uninterrupted))


@pytest.mark.timeout(600)
def test_killed_five_times_at_random_moments_it_becomes_what_it_would_have_become(tmp_path, scheme) -> None:
    long, paths = QUICK.model_copy(update={"epochs": 20}), _stores(tmp_path, scheme)
    undisturbed = fit(_stores(tmp_path / "other", scheme), long, scheme)
    code = """
import os, sys, threading
from contextlib import contextmanager
sys.path.insert(0, sys.argv[2])
from test_train import Paths, TrainSettings, fit
from landcover.scheme import ClassScheme
from pathlib import Path
steps = iter(range(int(sys.argv[5])))
die = threading.Timer(float(sys.argv[6]), os.kill, (os.getpid(), 9))
@contextmanager
def progress(label, total, unit):
    def advance(amount, note=""):
        # far fewer steps than are left to do, then a moment more
        if next(steps, None) is None and not die.is_alive():
            die.start()
    yield advance
folder = Path(sys.argv[1])
fit(
    Paths(data=folder / "data", models=folder / "models"), TrainSettings.model_validate_json(sys.argv[4]),
    ClassScheme.model_validate_json(sys.argv[3]), resume=True, progress=progress,
)
"""
    given = [str(tmp_path), str(Path(__file__).parent), scheme.model_dump_json(), long.model_dump_json()]
    random = np.random.default_rng()
    moments = [(str(random.integers(6)), str(random.uniform(0, 0.1))) for _ in range(5)]
    for moment in moments:
        done = subprocess.run([sys.executable, "-c", code, *given, *moment], capture_output=True, text=True)
        assert done.returncode == -signal.SIGKILL, (moments, done.stderr)
    made = fit(paths, long, scheme, resume=True)
    _same_but_for_time(_history(paths.models / "unet"), _history(undisturbed.path.parent))
    tables = [
        json.loads((model.parent / "metrics.json").read_text())["val_table"] for model in (made.path, undisturbed.path)
    ]
    assert tables[0] == tables[1], moments


def test_a_number_of_epochs_that_was_left_open_is_not_blamed_for_other_chips(tmp_path, scheme, monkeypatch) -> None:
    monkeypatch.setattr("landcover.train.length.ENOUGH", {"muon": 24})
    paths, left = _stores(tmp_path, scheme), QUICK.model_copy(update={"epochs": "auto"})
    with pytest.raises(_Cut):
        fit(paths, left, scheme, progress=_cut_in_epoch(2))
    shutil.rmtree(paths.data)
    _stores(tmp_path, scheme, number=12)
    with pytest.raises(LandcoverError, match="began with other chips, or others held out"):
        fit(paths, left, scheme, resume=True)
    assert fit(paths, left, scheme, overwrite=True).epochs == 2


def test_the_network_computes_in_the_precision_that_is_asked_for(tmp_path, scheme) -> None:
    with closing(open_chips(_stores(tmp_path, scheme), scheme)) as chips:
        for precision in ("float32", "bfloat16"):
            task = prepare_task(chips, settled(QUICK, chips), scheme, precision)
            first = next(layer for layer in task.learner.layers if isinstance(layer, Conv2D))
            assert first.compute_dtype == precision
            assert {weight.dtype for weight in task.learner.trainable_weights} == {"float32"}


def test_a_loss_is_the_mean_of_labels_that_are_left_when_chips_are_resized(tmp_path, scheme) -> None:
    target, logits = np.ones((1, 32, 32), np.uint8), np.zeros((1, 32, 32, 4), np.float32)
    with closing(open_chips(_stores(tmp_path, scheme), scheme)) as chips:
        one, other = (
            prepare_task(chips, settled(QUICK.model_copy(update={"augmentation": varied}), chips), scheme, "float32")
            for varied in (TrainAugmentation(scale=0), TrainAugmentation(scale=0.5))
        )
        ratio = float(one.learner.loss(target, logits)[0] / other.learner.loss(target, logits)[0])
    assert ratio == pytest.approx(share_kept(TrainAugmentation(scale=0.5)))


def test_resume_without_anything_begins(tmp_path, scheme, caplog) -> None:
    paths = _stores(tmp_path, scheme)
    assert fit(paths, QUICK.model_copy(update={"epochs": 1}), scheme, resume=True).epochs == 1
    assert "unet.training: there is no whole epoch to go on from: the training starts anew" in caplog.text


def test_a_finished_run_is_kept(trained, scheme) -> None:
    with pytest.raises(OutputExists):
        fit(trained, TrainSettings(epochs=1), scheme)


def test_what_is_left_beside_a_finished_model_goes_and_what_goes_on_stays(tmp_path, scheme, caplog) -> None:
    paths = _stores(tmp_path, scheme)
    listed = [c.model_dump() for c in scheme]
    small = {"epochs": 2, "batch": 4, "precision": "float32", "net": {"depth": 2, "filters": 2}}
    config = Config.model_validate({"scheme": listed, "paths": paths.model_dump(), "train": small})
    train(config)
    model, working = paths.models / "unet", paths.models / "unet.training"
    before = sorted(p.name for p in model.iterdir())

    def left(*names: str) -> None:
        for name in names:
            place = paths.models / name
            place.parent.mkdir(exist_ok=True)
            place.touch()

    left("unet/checkpoint.npz", ".lock-unet.training", "unet.training/.partial-history.csv", ".former-unet/model.keras")
    with only_one(working):
        # a training is at work
        assert find_current(config) == model
        assert working.exists()
    assert find_current(config) == model
    assert [p.name for p in paths.models.iterdir()] == ["unet"]
    assert sorted(p.name for p in model.iterdir()) == before
    assert "--resume" not in caplog.text
    with pytest.raises(_Cut):
        train(config, overwrite=True, progress=_cut_in_epoch(2))
    goes_on = f"{working} goes on with --resume --overwrite, and replaces it in the end"
    assert find_current(config) == model
    assert goes_on in caplog.text
    with pytest.raises(OutputExists, match=re.escape(f"train.seed: 0 -> 3; {goes_on}")):
        find_current(config.model_copy(update={"train": config.train.model_copy(update={"seed": 3})}))
    with pytest.raises(LandcoverError, match=r"go on with --resume --overwrite, which replaces .*unet in the end"):
        fit(paths, config.train, scheme)
    (working / "validation/epoch_0002.png").touch()
    (working / "validation/.partial-epoch_0002.png").touch()
    train(config, overwrite=True, resume=True, progress=_cut_in_epoch(1))
    assert [p.name for p in paths.models.iterdir()] == ["unet"]
    assert not (model / "validation/.partial-epoch_0002.png").exists()
    assert all(p.stat().st_size for p in (model / "validation").iterdir())


def test_a_model_that_was_not_described_yet_is_when_train_is_called_again(tmp_path, scheme, monkeypatch) -> None:
    (tmp_path / "unet").mkdir()
    shown = []
    monkeypatch.setattr("landcover.train.find_current", lambda config: tmp_path / "unet")
    monkeypatch.setattr("landcover.cli.train.describe_model", shown.append)
    assert CliRunner().invoke(main, ["train"]).output == f"{tmp_path / 'unet'}: is up to date\n"
    assert shown == [tmp_path / "unet/model.keras"]
    (tmp_path / "unet/model.stac.json").touch()
    CliRunner().invoke(main, ["train"])
    assert len(shown) == 1


def test_a_finished_run_lives_until_the_new_one_is_whole(tmp_path, scheme, uninterrupted) -> None:
    paths = _stores(tmp_path, scheme)
    short = QUICK.model_copy(update={"epochs": 2})
    fit(paths, short, scheme)
    before = (paths.models / "unet/history.csv").read_bytes()
    with pytest.raises(_Cut):
        fit(paths, QUICK, scheme, overwrite=True, progress=_cut_in_epoch(2))
    assert (paths.models / "unet/history.csv").read_bytes() == before
    fit(paths, QUICK, scheme, overwrite=True, resume=True)
    _same_but_for_time(_history(paths.models / "unet"), _history(uninterrupted))
    assert [p.name for p in paths.models.iterdir()] == ["unet"]


def test_interrupted_says_what_is_kept(tmp_path, scheme) -> None:
    paths = _stores(tmp_path, scheme)

    def stop(figures, epochs):
        raise KeyboardInterrupt

    best = paths.models / "unet.training/model.keras"
    told = rf"epoch 1 is kept: go on with --resume; the best one so far, epoch 1, is in {re.escape(str(best))}$"
    with pytest.raises(Interrupted, match=told):
        fit(paths, QUICK, scheme, on_epoch=stop)
    assert read_card(best).scores["epoch"] == 1
    with pytest.raises(ModelError, match=rf"its training has not ended: .* name the best one so far, {best}"):
        read_card(paths.models / "unet/model.keras")


def test_a_loss_that_is_no_number_names_the_chips_and_keeps_the_best(tmp_path, scheme, monkeypatch) -> None:
    paths = _stores(tmp_path, scheme)
    from landcover.train.batches import Batches

    taken = Batches.__getitem__

    def broken(self, index):
        images, targets = taken(self, index)
        if self._settings is not None and self._epoch == 2 and index == 1:
            images[:] = np.nan
        return images, targets

    monkeypatch.setattr(Batches, "__getitem__", broken)
    told = (
        r"step 2 of epoch 3, on the chips water\.h5\[\d\] \(\d\.tif\), .*lower train\.learning_rate; .*training/model"
    )
    with pytest.raises(LandcoverError, match=told):
        fit(paths, QUICK, scheme)
    assert read_card(paths.models / "unet.training/model.keras").scores["epoch"] <= 2
    monkeypatch.undo()
    assert fit(paths, QUICK, scheme, resume=True).epochs == 4


def test_weights_that_the_last_step_broke_are_told_with_its_chips(tmp_path, scheme, monkeypatch) -> None:
    paths = _stores(tmp_path, scheme)
    from landcover.train.batches import Batches

    taken, named = Batches.__getitem__, []

    def broken(self, index):
        images, targets = taken(self, index)
        if self._settings is None:
            images = images * np.nan
        else:
            named[:] = self.names(index)
        return images, targets

    monkeypatch.setattr(Batches, "__getitem__", broken)
    with pytest.raises(LandcoverError, match=r"no number after epoch 1, whose last chips were water.*no epoch") as told:
        fit(paths, QUICK, scheme)
    assert ", ".join(named) in str(told.value)


def test_a_full_disk_leaves_the_last_checkpoint(tmp_path, scheme, monkeypatch) -> None:
    paths = _stores(tmp_path, scheme)
    whole = np.savez
    written = []

    def full(file, **arrays):
        if written:
            file.write(b"0" * 1000)
            raise OSError(28, "No space left on device")
        written.append(file)
        whole(file, **arrays)

    monkeypatch.setattr(np, "savez", full)
    with pytest.raises(LandcoverError, match=r"checkpoint\.npz: cannot be written \(No space left on device\)"):
        fit(paths, QUICK, scheme)
    monkeypatch.undo()
    assert fit(paths, QUICK, scheme, resume=True).epochs == 4


def test_what_is_not_there_is_named_and_left_out_of_the_mean(tmp_path, scheme, caplog) -> None:
    caplog.set_level("INFO")
    paths = _stores(tmp_path, scheme, classes=(1, 2, 2, 0), held=(1, 1, 0, 0))
    made = fit(paths, QUICK.model_copy(update={"epochs": 1}), scheme)
    assert "1 epoch at most, each of 8 chips; 8 chips to validate, too few to tell well which epoch" in caplog.text
    assert "no training pixel of bare land" in caplog.text
    assert "no validation pixel of forest, bare land" in caplog.text
    assert made.iou["forest"] is None
    assert made.figures["val_mean_iou"] == pytest.approx(made.iou["water"])


def test_one_chip_a_side_is_enough_to_run(tmp_path, scheme) -> None:
    paths = _stores(tmp_path, scheme, number=1)
    assert fit(paths, QUICK.model_copy(update={"epochs": 1}), scheme).epochs == 1


def test_no_chips_no_training(tmp_path, scheme) -> None:
    with pytest.raises(LabelError, match="holds no chips"):
        fit(Paths(data=tmp_path, models=tmp_path), TrainSettings(), scheme)
    assert list(tmp_path.iterdir()) == []


def test_chips_must_fit_the_depth_of_the_net(tmp_path, scheme) -> None:
    paths = _stores(tmp_path, scheme, number=1, size=40)
    with pytest.raises(LandcoverError, match=r"train\.net\.depth: a net of depth 5 needs chips of a multiple of 16 px"):
        fit(paths, TrainSettings(epochs=1), scheme)


def test_data_without_a_true_report_on_its_split_is_refused(tmp_path, scheme) -> None:
    paths = _stores(tmp_path, scheme, number=4)
    report = paths.stacks / "split.json"
    text = report.read_text()
    report.unlink()
    with pytest.raises(LabelError, match=r"split\.json: no such file"):
        fit(paths, QUICK, scheme)
    report.write_text(text[:40])
    with pytest.raises(LabelError, match="is no report on a split"):
        fit(paths, QUICK, scheme)
    _report(paths, scheme, 4, key="another")
    with pytest.raises(LabelError, match="is not of these chips"):
        fit(paths, QUICK, scheme)
    _report(paths, scheme, 5)
    with pytest.raises(LabelError, match=r"tells of \(5, 5\) chips a side, there are \(4, 4\)"):
        fit(paths, QUICK, scheme)


def test_chips_that_share_ground_are_refused_whatever_the_report_says(tmp_path, scheme) -> None:
    paths = _stores(tmp_path, scheme, number=4)
    info = StoreInfo(scheme.named, 32, 4, "uint8", (1.0, 1.0), "blocks", "k")
    (paths.validation / "water.h5").unlink()
    with create_store(paths.validation / "water.h5", info) as writer:
        for n in range(4):
            label = np.ones((32, 32), np.uint8)
            writer.append(Chip(np.ones((32, 32, 4), np.uint8), label, (96 + 30 + 40 * n, 31, 32, 32), "a.tif"))
    with pytest.raises(LabelError, match=r"share 2 pixels, the report on the split says 0"):
        fit(paths, QUICK, scheme)


def test_a_random_split_marks_every_figure(tmp_path, scheme) -> None:
    paths = _stores(tmp_path, scheme, method="random")
    made = fit(paths, QUICK.model_copy(update={"epochs": 1}), scheme)
    assert made.leaking
    folder = paths.models / "unet"
    assert json.loads((folder / "metrics.json").read_text())["split"] == "leaking split"
    assert [row["split"] for row in _history(folder)] == ["leaking split"]
    for line in (tell.epoch(made.figures, 1), *tell.trained(made).splitlines()):
        assert "leaking split" in line or "validation" not in line
    events = EventAccumulator(str(folder / "tensorboard"), {"tensors": 0}).Reload()
    assert all("leaking split" in tag for tag in events.Tags()["tensors"])
    assert read_card(folder / "model.keras").split == "random"


def test_chips_of_two_splits_are_not_mixed(tmp_path, scheme) -> None:
    paths = _stores(tmp_path, scheme)
    paths.augmented.mkdir()
    other = StoreInfo(scheme.named, 32, 4, "uint8", (1.0, 1.0), "blocks", "another")
    with create_store(paths.augmented / "water.h5", other) as writer:
        writer.append(Chip(np.ones((32, 32, 4), np.uint8), np.ones((32, 32), np.uint8), (0, 0, 32, 32), "a.tif"))
    with pytest.raises(LabelError, match=r"augmented/water\.h5: is not of the same chips as .*train/water\.h5"):
        fit(paths, TrainSettings(epochs=1), scheme)


def test_what_is_no_model_is_refused(tmp_path) -> None:
    with pytest.raises(ModelError, match="no such model"):
        read_card(tmp_path / "x.keras")
    (tmp_path / "x.keras").write_text("no model")
    with pytest.raises(ModelError, match="is not a model"):
        read_card(tmp_path / "x.keras")


def test_plan_folds_and_resume_from_the_command_line(tmp_path, scheme, monkeypatch) -> None:
    monkeypatch.setattr("landcover.train.plan.TRIAL", 0.1)
    paths = _stores(tmp_path, scheme)
    listed = ", ".join(f"{{value: {c.value}, name: {c.name}, color: '{c.color}'}}" for c in scheme)
    config = tmp_path / "c.yaml"
    config.write_text(
        f"scheme: [{listed}]\npaths: {{data: {paths.data}, models: {paths.models}}}\n"
        "train: {epochs: 1, batch: 4, net: {depth: 2, filters: 4}}\n"
    )

    def train(*options: str) -> str:
        done = CliRunner().invoke(main, ["train", "-c", str(config), "--precision", "float32", *options])
        return f"{done.exit_code} {done.output}"

    assert "steps: 1 epochs of 2, 2 in all" in train("--plan")
    assert train("--plan", "--folds", "2").startswith("2 ")
    assert train("--plan", "--set", "train.net.depth=7").startswith("1 Error: train.net.depth: a net of depth 7")
    assert not paths.models.exists()
    assert "0 " in train("--folds", "2")[:2]
    assert (paths.models / "unet-folds/folds.csv").exists()
    assert "epoch 1 of 1" in train("--resume")
    assert train("--resume") == f"0 {paths.models / 'unet'}: is up to date\n"


def test_a_plan_looks_at_a_few_chips_and_tells_of_all(tmp_path, scheme, monkeypatch, caplog) -> None:
    monkeypatch.setattr("landcover.train.plan.TRIAL", 0.01)
    monkeypatch.setattr("landcover.train.plan.LOOKED_AT", 3)
    looked_at = []

    def counted(chips, *rest):
        looked_at.append(len(chips))
        return statistics(chips, *rest)

    monkeypatch.setattr("landcover.train.task.statistics", counted)
    made = plan(_stores(tmp_path, scheme, number=10, held=(1, 2, 0, 0)), QUICK, scheme)
    assert looked_at == [3]
    assert (made.chips, made.validation, made.steps) == (10, 10, 2)
    # what a few chips lack is not told of all
    assert "Note: no" not in caplog.text


def test_a_plan_is_measured_and_writes_nothing(tmp_path, scheme, monkeypatch) -> None:
    monkeypatch.setattr("landcover.train.plan.TRIAL", 0.2)
    paths = _stores(tmp_path, scheme, number=10)
    made = plan(paths, QUICK, scheme)
    assert (made.chips, made.validation, made.steps, made.epochs) == (10, 10, 2, 4)
    assert made.seconds >= 8 * made.step_seconds > 0
    assert made.memory > 10**8
    assert not paths.models.exists()


def test_two_devices_train_as_one(tmp_path, scheme) -> None:
    """Also where one has more labels than the other; but for clipping, which is of each part by itself."""
    paths = _stores(tmp_path, scheme, rows=(32, 2))
    code = """
import sys
import tensorflow as tf
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
import keras
keras.distribution.list_devices = lambda kind: ["cpu:0", "cpu:1"]
sys.path.insert(0, sys.argv[2])
from contextlib import suppress
from test_train import PLAIN, Path, Paths, fit
made, plain = [], tf.distribute.MirroredStrategy
tf.distribute.MirroredStrategy = lambda devices: made.append(len(devices)) or plain(devices)
from landcover.scheme import ClassScheme
from landcover.train.rates import NoFall, find_rate
folder, scheme = Path(sys.argv[1]), ClassScheme.model_validate_json(sys.argv[3])
paths = Paths(data=folder / "data", models=folder / "models")
free = PLAIN.model_copy(update={"clip": 1000.0})
fit(paths, free, scheme)
with suppress(NoFall):
    find_rate(paths, free, scheme, steps=4)
assert made == [2, 2], made
"""
    command = [sys.executable, "-c", code, str(tmp_path), str(Path(__file__).parent), scheme.model_dump_json()]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert (paths.models / "unet-rates.png").exists()
    other = _stores(tmp_path / "one", scheme, rows=(32, 2))
    fit(other, PLAIN.model_copy(update={"clip": 1000.0}), scheme)
    two, one = _history(paths.models / "unet"), _history(other.models / "unet")
    for a, b in zip(two, one, strict=True):
        for key in ("loss", "mean_iou", "val_loss", "val_mean_iou", "val_accuracy"):
            assert float(a[key]) == pytest.approx(float(b[key]), abs=0.001), key


def test_there_are_no_more_devices_than_chips_in_a_step(monkeypatch, caplog) -> None:
    monkeypatch.setattr(devices, "_gpus", lambda: ["gpu:0", "gpu:1", "gpu:2"])
    with devices.all_devices(1):
        assert "of 3 GPUs 1 will train: a step has 1 chip: raise train.batch" in caplog.text


@pytest.mark.skipif(find_spec("jax") is None, reason="JAX is not installed")
def test_a_step_runs_on_jax() -> None:
    code = """
from functools import partial
import keras, numpy as np
from landcover.train.losses import masked_crossentropy
from landcover.train.metrics import MeanIoU
from landcover.train.unet import build_unet, logits_of

network = logits_of(build_unet(4, 2))
metric = MeanIoU(2)
network.compile("adam", partial(masked_crossentropy, weights=[1.0, 1.0]), metrics=[metric])
random = np.random.default_rng(0)
images, targets = random.uniform(0, 255, (2, 32, 32, 4)).astype("float32"), random.integers(0, 3, (2, 32, 32))
loss = network.train_on_batch(images, targets.astype("uint8"))[0]
print(keras.backend.backend(), np.isfinite(loss), metric.scores().mean_iou > 0)
"""
    env = os.environ | {"KERAS_BACKEND": "jax"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=env)
    assert done.stdout.split() == ["jax", "True", "True"], done.stderr


def test_no_layer_of_tensorflow_is_needed() -> None:
    for path in (Path(landcover.__file__).parent / "train").glob("*.py"):
        # spreading over devices is the one thing that Keras leaves to each backend
        assert path.name == "devices.py" or "tensorflow" not in path.read_text(), path
