"""What happens beside the steps of a training: figures told, the best weights kept, the state saved, the end found."""

import time
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np

from landcover.errors import LandcoverError
from landcover.progress import Advance
from landcover.scheme import ClassScheme
from landcover.settings import TrainSettings
from landcover.train.batches import Batches
from landcover.train.checkpoint import FILE, Epoch, State, save_state, values
from landcover.train.metrics import MeanIoU
from landcover.train.record import Record


class Watch(keras.callbacks.Callback):
    """Follows a training from `state` on, and keeps that true. An epoch counts once its checkpoint is written."""

    def __init__(
        self,
        settings: TrainSettings,
        scheme: ClassScheme,
        feed: Batches,
        metric: MeanIoU,
        state: State,
        folder: Path,
        record: Record,
        advance: Advance,
        on_epoch: Callable[[Epoch], None],
        on_best: Callable[[State], None],
    ) -> None:
        super().__init__()
        self.state = state
        self._settings, self._scheme, self._feed, self._metric = settings, scheme, feed, metric
        self._folder, self._record, self._advance = folder, record, advance
        self._on_epoch, self._on_best = on_epoch, on_best

    def on_epoch_begin(self, epoch: int, logs: Epoch | None = None) -> None:
        self._epoch, self._began = epoch + 1, time.monotonic()
        self._trained = self._began
        self._feed.begin(epoch)

    def on_train_batch_end(self, batch: int, logs: Epoch | None = None) -> None:
        loss = (logs or {})["loss"]
        if not np.isfinite(loss):
            raise LandcoverError(
                f"the loss became no number at step {batch + 1} of epoch {self._epoch}, on the chips "
                f"{', '.join(self._feed.names(batch))}: look at these, or lower train.learning_rate; {self._kept()}"
            )
        self._advance(
            self._settings.batch,
            f"epoch {self._epoch} of {self._settings.epochs}, loss {loss:.3f}, mean IoU {(logs or {})['mean_iou']:.3f}",
        )
        self._trained = time.monotonic()

    def _kept(self) -> str:
        if not self.state.history:
            return "no epoch was finished"
        return f"the weights of epoch {self.state.best + 1}, the best so far, are in {self._folder / 'model.keras'}"

    def on_epoch_end(self, epoch: int, logs: Epoch | None = None) -> None:
        told = logs or {}
        if not np.isfinite(told["val_loss"]):
            raise LandcoverError(
                f"the validation loss is no number after epoch {epoch + 1}: lower train.learning_rate; {self._kept()}"
            )
        # the validation that has just ended left its counts in the metric
        scores = self._metric.scores()
        now, training = time.monotonic(), self._trained - self._began
        figures: Epoch = {
            "epoch": epoch + 1,
            "loss": told["loss"],
            "mean_iou": told["mean_iou"],
            "val_loss": told["val_loss"],
            "val_mean_iou": scores.mean_iou,
            "val_accuracy": scores.accuracy,
            **{f"val_iou_{c.slug}": iou for c, iou in zip(self._scheme, scores.iou, strict=True)},
            "learning_rate": float(keras.ops.convert_to_numpy(self.model.optimizer.learning_rate)),
            "seconds": round(now - self._began, 2),
            "chips_per_second": round(self._feed.chips / max(training, 1e-9), 3),
        }
        state = self.state
        state.history.append(figures)
        if self._rank(figures) > self._rank(state.history[state.best]) or epoch == 0:
            state.best, state.best_weights = epoch, self.model.get_weights()
            self._on_best(state)
        state.variables, state.optimizer = values(self.model.variables), values(self.model.optimizer.variables)
        save_state(self._folder / FILE, state)
        self._record.add(state.history, state.best)
        self._on_epoch(figures)
        self.model.stop_training = self.finished

    def _rank(self, figures: Epoch) -> float:
        return float(figures["val_mean_iou"] if self._settings.monitor == "mean_iou" else -figures["val_loss"])

    @property
    def finished(self) -> bool:
        """Whether the last epoch is behind, or the best one so far behind that training stops."""
        done = len(self.state.history)
        return done >= self._settings.epochs or (done > 0 and done - 1 - self.state.best >= self._settings.patience)
