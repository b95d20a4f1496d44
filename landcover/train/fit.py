"""Training: from chip stores to model.keras."""

import json
import logging
import shutil
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np

from landcover.errors import Interrupted
from landcover.files import make_folder, only_one, recover, replace_folder, whole_file
from landcover.model import ModelCard, save_model
from landcover.progress import Progress, silent
from landcover.provenance import Recorder, record_path
from landcover.scheme import ClassScheme
from landcover.settings import Paths, TrainSettings
from landcover.splitreport import FEW
from landcover.train.batches import output_table
from landcover.train.checkpoint import Epoch, State, assign, load_state
from landcover.train.chipset import Chips, open_chips
from landcover.train.length import Settled, settled
from landcover.train.origin import METRICS, check_origin, origin_of
from landcover.train.phases import begin_phase, begins_phase, end_of_phase, frozen_epochs
from landcover.train.pictures import PICTURES, draw_chips, picture_name, typical_chips
from landcover.train.rates import Chosen, choose_rate
from landcover.train.record import Record
from landcover.train.result import Trained
from landcover.train.task import Task, check_fits, prepare_task
from landcover.train.unfinished import CHECKPOINT, check_free, training_folder
from landcover.train.watch import Watch
from landcover.words import counted

log = logging.getLogger(__name__)


def fit(
    paths: Paths,
    settings: TrainSettings,
    scheme: ClassScheme,
    overwrite: bool = False,
    resume: bool = False,
    progress: Progress = silent,
    on_epoch: Callable[[Epoch, int], None] = lambda epoch, epochs: None,
    recorder: Recorder | None = None,
) -> Trained:
    """Train a network on the stores under `paths`; writes models/<name>/ with model.keras, history.csv, curves.png,
    metrics.json, validation/ with pictures and tensorboard/.

    The weights kept are those of the epoch with the highest validation mean IoU, or the lowest loss; training stops
    when there was no better one for `patience` epochs. Until it ends, all is in models/<name>.training; a training
    that was cut off goes on from its last whole epoch with `resume`. `on_epoch`: called after each, with its figures
    and the number of all. Raises LabelError, OutputExists, and LandcoverError if the loss is no number or the disk is
    full.
    """
    out = paths.models / settings.name
    folder = training_folder(out)
    with closing(open_chips(paths, scheme)) as chips:
        known = settled(settings, chips)
        check_fits(known, chips.info)
        with only_one(folder):
            recover(out)
            check_free(out, overwrite, resume)
            if not resume:
                shutil.rmtree(folder, ignore_errors=True)
            elif not (folder / CHECKPOINT).exists():
                log.warning("Note: %s: there is no whole epoch to go on from: the training starts anew", folder)
            made = learn(chips, known, scheme, folder, progress, on_epoch, recorder)
            if recorder is not None:
                recorder.write(made.seconds, folder)
            # cut off here, there is a checkpoint too many, never a finished training without its name
            replace_folder(folder, out)
            (out / CHECKPOINT).unlink()
    return replace(made, path=out / "model.keras")


def learn(
    chips: Chips,
    settings: Settled,
    scheme: ClassScheme,
    folder: Path,
    progress: Progress = silent,
    on_epoch: Callable[[Epoch, int], None] = lambda epoch, epochs: None,
    recorder: Recorder | None = None,
) -> Trained:
    """Train in a folder, from its checkpoint if it holds one, until there are epochs enough. `recorder`: knows what the
    model says of its making, and records that of the best one so far; of the finished one it is the caller's to do."""
    origin = origin_of(chips, settings, scheme)
    state = load_state(folder / CHECKPOINT) if (folder / CHECKPOINT).exists() else None
    if state is not None:
        check_origin(folder, state.origin, origin)
    begun = Chosen(state.rate, state.precision) if state else choose_rate(chips, settings, scheme, folder, progress)
    paced, done = settings.model_copy(update={"learning_rate": begun.rate}), len(state.history) if state else 0
    task = prepare_task(chips, paced, scheme, begun.precision, epoch=done)
    learner = task.learner
    if state is None:
        if begun.why:
            log.info("Learning rate %.1e: %s (train.learning_rate)", begun.rate, begun.why)
        make_folder(folder)
        state = State(origin, task.precision, begun.rate, [], 0, [], [], [], [])
        if still := frozen_epochs(settings):
            log.info("The backbone stands still for %s", counted(still, "epoch"))
            if settings.backbone.weights is None:
                log.warning(
                    "Note: it has no weights from a training before: name train.backbone.weights, or leave out "
                    "--freeze-backbone"
                )
    else:
        log.info("Going on after epoch %d of %d", done, settings.epochs)
        assign(learner.variables, state.variables)
        if not begins_phase(done, settings):
            assign(learner.optimizer.variables, state.optimizer)
    log.info(
        "%s at most, each of %s; %s to validate%s", counted(settings.epochs, "epoch"),
        counted(task.feed.chips, "chip"), counted(len(chips.validation), "chip"),
        ", too few to tell well which epoch is best" if len(chips.validation) < FEW else "",
    )  # fmt: skip
    typical = typical_chips(chips.validation, scheme)

    def save(state: State, recorder: Recorder | None) -> None:
        # a record of another model than the one that lies there would be untrue
        record_path(folder).unlink(missing_ok=True)
        save_model(task.network, _card(chips, settings, scheme, task, state, recorder), folder / "model.keras")

    def keep(state: State) -> None:
        """Of the weights that the learner has now: model, record and pictures."""
        task.network.set_weights(learner.get_weights())
        so_far = None if recorder is None else _so_far(recorder, state, settings.epochs)
        save(state, so_far)
        if so_far is not None:
            so_far.write(_seconds(state), folder)
        _draw(chips, typical, scheme, task, state, folder)

    left = settings.epochs - len(state.history)
    record = Record(folder, state.history, state.best)
    with progress("training", left * task.feed.chips, "chips") as advance:
        watch = Watch(settings, scheme, task, state, folder, record, advance, on_epoch, keep)
        try:
            while not watch.finished:
                learner.fit(
                    task.feed, epochs=end_of_phase(done, settings), initial_epoch=done, callbacks=[watch],
                    shuffle=False, verbose=0,
                )  # fmt: skip
                done = len(watch.state.history)
                if not watch.finished:
                    log.info("From epoch %d on the backbone is trained, too", done + 1)
                    begin_phase(learner, paced, learner.loss, len(task.feed), done)
        except KeyboardInterrupt:
            kept = (
                f"{folder}: epoch {len(watch.state.history)} is kept: go on with --resume; the best one so far, epoch "
                f"{watch.state.best + 1}, is in {folder / 'model.keras'}"
            )
            raise Interrupted(kept if watch.state.history else "no epoch was finished, nothing is kept") from None
        except Exception as error:
            # what went wrong in a thread comes back in the words of the library that ran it
            raise (task.feed.failure or task.check.failure or error) from None
        finally:
            record.close()
            state = watch.state
            if not state.history:
                shutil.rmtree(folder, ignore_errors=True)
    task.network.set_weights(state.best_weights)
    save(state, recorder)
    best = state.history[state.best]
    iou = {c.name: best[f"val_iou_{c.slug}"] for c in scheme}
    _write_metrics(folder / METRICS, chips, settings, scheme, task, state, iou)
    return Trained(
        folder / "model.keras", state.best + 1, len(state.history), best, iou, "split" in best, _seconds(state)
    )


def _seconds(state: State) -> float:
    """Of all epochs, also of those before the training was cut off."""
    return round(sum(epoch["seconds"] for epoch in state.history), 1)


def _so_far(recorder: Recorder, state: State, epochs: int) -> Recorder:
    """Of the best model before the training has ended: nothing else in the folder is as it will stay."""
    stage = replace(recorder.stage, parts=("model.keras",))
    return replace(recorder, stage=stage, unfinished=f"epoch {state.best + 1} of {epochs}")


def _card(
    chips: Chips, settings: TrainSettings, scheme: ClassScheme, task: Task, state: State, recorder: Recorder | None
) -> ModelCard:
    info, known = chips.info, task.statistics
    return ModelCard(
        scheme=scheme, bands=info.bands, dtype=info.dtype, mean=known.mean, deviation=known.deviation,
        pixel_size=info.pixel_size, chip_size=info.size, halo=task.halo, multiple=task.multiple,
        split=info.split, model=settings.model,
        pixels=dict(zip(scheme.names, known.pixels.tolist(), strict=True)), scores=state.history[state.best],
        run=None if recorder is None else recorder.essence, learning_rate=state.rate,
    )  # fmt: skip


def _draw(chips: Chips, typical: list[int], scheme: ClassScheme, task: Task, state: State, folder: Path) -> None:
    figures = state.history[state.best]
    images, labels, shown = [], [], []
    values = np.array([0, *scheme.values], np.uint8)
    for number in typical:
        image, label = chips.validation.read(number)
        filled = np.where(image.any(axis=-1, keepdims=True), image, np.asarray(task.statistics.mean))
        scores = keras.ops.convert_to_numpy(task.learner(filled[None].astype(np.float32), training=False))
        images.append(image)
        labels.append(values[output_table(scheme)[label]])
        shown.append(values[scores[0, ..., 1:].argmax(axis=-1) + 1])
    leak = f", {figures['split']}" if "split" in figures else ""
    title = f"validation chips after epoch {figures['epoch']}, mean IoU {figures['val_mean_iou']:.3f}"
    make_folder(folder / PICTURES)
    draw_chips(images, labels, shown, scheme, title + leak, folder / PICTURES / picture_name(figures["epoch"]))


def _write_metrics(
    path: Path,
    chips: Chips,
    settings: TrainSettings,
    scheme: ClassScheme,
    task: Task,
    state: State,
    iou: dict[str, float | None],
) -> None:
    best = state.history[state.best]
    told = {key: value for key, value in best.items() if not key.startswith("val_iou_")} | {
        "val_iou": iou,
        "val_table": [list(row) for row in state.best_table],
        "epochs": len(state.history),
        "split": best.get("split", chips.info.split),
        "split_key": chips.info.split_key,
        "chips": {"train": len(chips.train), "copies": len(chips.copies), "validation": len(chips.validation)},
        "precision": task.precision,
        "max_learning_rate": state.rate,
        "parameters": task.network.count_params(),
        "class_weights": dict(zip(scheme.names, task.weights, strict=True)),
        "class_prior": task.prior,
        "seconds": _seconds(state),
        "origin": state.origin,
    }
    with whole_file(path) as temporary:
        temporary.write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")
