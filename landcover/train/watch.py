"""What happens beside the steps of a training: figures told, the best weights kept, the state saved, the end found."""

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np

from landcover.errors import LandcoverError
from landcover.progress import Advance
from landcover.scheme import ClassScheme
from landcover.train.checkpoint import Epoch, State, save_state, values
from landcover.train.length import Settled
from landcover.train.phases import frozen_epochs
from landcover.train.record import Record
from landcover.train.result import LEAKING
from landcover.train.task import Task
from landcover.train.unfinished import CHECKPOINT


class Watch(keras.callbacks.Callback):
    """Follows a training from `state` on, and keeps that true. An epoch counts once its checkpoint is written."""

    def __init__(
        self,
        settings: Settled,
        scheme: ClassScheme,
        task: Task,
        state: State,
        folder: Path,
        record: Record,
        advance: Advance,
        on_epoch: Callable[[Epoch, int], None],
        on_best: Callable[[State], None],
    ) -> None:
        super().__init__()
        self.state = state
        self._settings, self._scheme, self._task, self._folder = settings, scheme, task, folder
        self._record, self._advance, self._on_epoch, self._on_best = record, advance, on_epoch, on_best

    def on_epoch_begin(self, epoch: int, logs: Epoch | None = None) -> None:
        self._epoch, self._began = epoch + 1, time.monotonic()
        self._task.feed.begin(epoch)

    def on_train_batch_end(self, batch: int, logs: Epoch | None = None) -> None:
        loss = (logs or {})["loss"]
        if not np.isfinite(loss):
            chips = ", ".join(self._task.feed.names(batch))
            raise LandcoverError(
                f"the loss became no number at step {batch + 1} of epoch {self._epoch}, on the chips {chips}: look at "
                f"these, or lower train.learning_rate; {self._kept()}"
            )
        self._advance(
            self._settings.chips_a_step,
            f"epoch {self._epoch} of {self._settings.epochs}, loss {loss:.3f}, mean IoU {(logs or {})['mean_iou']:.3f}",
        )

    def _kept(self) -> str:
        if not self.state.history:
            return "no epoch was finished"
        if self._settings.monitor == "none":
            return f"where it stood after epoch {len(self.state.history)} is in {self._folder / CHECKPOINT}"
        return f"the weights of epoch {self.state.best + 1}, the best so far, are in {self._folder / 'model.keras'}"

    def on_epoch_end(self, epoch: int, logs: Epoch | None = None) -> None:
        trained = time.monotonic() - self._began
        checked = self._task.checker.evaluate(self._task.check, verbose=0, return_dict=True)
        told = (logs or {}) | {f"val_{key}": value for key, value in checked.items()}
        if not np.isfinite(told["val_loss"]):
            # the loss of every step was a number: weights that are none come of the last
            last = ", ".join(self._task.feed.names(len(self._task.feed) - 1))
            raise LandcoverError(
                f"the validation loss is no number after epoch {epoch + 1}, whose last chips were {last}: look at "
                f"these, or lower train.learning_rate; {self._kept()}"
            )
        scores = self._task.metric.scores()
        counted = sum(map(sum, scores.table))
        if counted != self._task.held:
            raise LandcoverError(
                f"validation counted {counted:,} labelled pixels of {self._task.held:,}: a fault of the program's"
            )
        figures: Epoch = {
            "epoch": epoch + 1,
            "loss": told["loss"],
            "mean_iou": told["mean_iou"],
            "val_loss": told["val_loss"],
            "val_mean_iou": scores.mean_iou,
            "val_accuracy": scores.accuracy,
            **{f"val_iou_{c.slug}": iou for c, iou in zip(self._scheme, scores.iou, strict=True)},
            "learning_rate": float(keras.ops.convert_to_numpy(self.model.optimizer.learning_rate)),
            "seconds": round(time.monotonic() - self._began, 2),
            "chips_per_second": round(self._task.feed.chips / max(trained, 1e-9), 3),
            **({"split": LEAKING} if self._task.leaking else {}),
        }
        state = replace(self.state, history=[*self.state.history, figures])
        if self._rank(figures) > self._rank(state.history[state.best]) or epoch == 0:
            state.best, state.best_weights, state.best_table = epoch, self.model.get_weights(), scores.table
            # where the last epoch is kept whatever it is, only that one needs a model
            if self._settings.monitor != "none" or self._ends(state):
                self._on_best(state)
        state.variables, state.optimizer = values(self.model.variables), values(self.model.optimizer.variables)
        save_state(self._folder / CHECKPOINT, state)
        self.state = state
        self._record.add(state.history, state.best)
        self._on_epoch(figures, self._settings.epochs)
        self.model.stop_training = self.finished

    def _rank(self, figures: Epoch) -> float:
        ranks = {"mean_iou": figures["val_mean_iou"], "loss": -figures["val_loss"], "none": figures["epoch"]}
        return float(ranks[self._settings.monitor])

    @property
    def finished(self) -> bool:
        """Whether the last epoch is behind, or the best one so far behind that training stops."""
        return self._ends(self.state)

    def _ends(self, state: State) -> bool:
        done = len(state.history)
        # while a backbone stands still, nothing is waited for in vain
        since = max(state.best + 1, frozen_epochs(self._settings))
        return done >= self._settings.epochs or (done > 0 and done - since >= self._settings.patience)
