"""How near `landcover train` comes to the bare training step.

One run, on the same chips, net, batch and precision, by turns: steps of a training as users run it, its chips read
and unpacked from HDF5, varied, its figures worked out; and as many of `train_on_batch`, without metrics, on arrays in
memory. The ratio is the median of the turns. What comes at the end of an epoch stands beside it: validation,
checkpoint and pictures.

    python benchmarks/train.py data/processed
"""

import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import click
import numpy as np

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


SEGMENT = 15
"""Steps of one kind before it is the other's turn: a machine's speed changes within minutes."""


@click.command(help=__doc__)
@click.argument("processed", type=click.Path(path_type=Path, exists=True))
@click.option("--batch", default=2, show_default=True)
@click.option("--segments", default=12, show_default=True, help="Turns of 15 steps; the first is not counted.")
@click.option("--precision", "precisions", multiple=True, default=["float32"], show_default=True)
@click.option("--scale", default=0.3, show_default=True, help="train.augmentation.scale, the dearest of all.")
def main(processed: Path, batch: int, segments: int, precisions: tuple[str, ...], scale: float) -> None:
    from landcover.scheme import ClassScheme
    from landcover.settings import Paths, TrainSettings
    from landcover.splitreport import read_report

    # chips have classes, and no colours
    scheme = ClassScheme.model_validate([c.model_dump() | {"color": "#808080"} for c in read_report(processed).scheme])
    print(f"{'':<10}{'bare':>12}{'train':>12}{'ratio':>8}{'least':>8}{'most':>8}{'feeding':>12}{'end of epoch':>14}")
    for precision in precisions:
        augmentation = {"scale": scale, "brightness": 0.3, "contrast": 0.3, "band_brightness": 0.15, "gamma": 0.3}
        settings = TrainSettings.model_validate(
            {"batch": batch, "chips_per_epoch": segments * SEGMENT * batch, "epochs": 1, "precision": precision}
            | {"augmentation": augmentation}
        )
        with tempfile.TemporaryDirectory() as temporary:
            (Path(temporary) / "data").mkdir()
            (Path(temporary) / "data/processed").symlink_to(processed.absolute())
            paths = Paths(data=Path(temporary) / "data", models=Path(temporary) / "models")
            alone, ours, feeding, end = measure(paths, settings, scheme)
        ratios = alone / ours
        speeds = [SEGMENT * batch / np.median(seconds) for seconds in (alone, ours)]
        print(
            f"{precision:<10}{speeds[0]:>10.2f}/s{speeds[1]:>10.2f}/s{np.median(ratios):>8.3f}{ratios.min():>8.3f}"
            f"{ratios.max():>8.3f}{feeding:>10.0f}/s{end:>12.1f} s"
        )


def measure(paths: Any, settings: Any, scheme: Any) -> tuple[Any, Any, float, float]:
    """Seconds of each segment of the step alone and of a training; chips a second of the feeding alone, in one thread;
    and seconds from the last step to the end of an epoch."""
    from landcover.train.chipset import open_chips
    from landcover.train.fit import fit
    from landcover.train.length import settled
    from landcover.train.task import prepare_task

    chips = open_chips(paths, scheme)
    task = prepare_task(chips, settled(settings, chips), scheme)
    started = time.monotonic()
    batches = [task.feed[n] for n in range(20)]
    feeding = len(batches) * settings.batch / (time.monotonic() - started)
    learner = task.learner
    learner.compile(optimizer=learner.optimizer, loss=learner.loss)
    learner.train_on_batch(*batches[0])
    alone: list[float] = []
    ours: list[float] = []
    began = [0.0, 0.0]

    @contextmanager
    def progress(label: str, total: float, unit: str) -> Iterator[Any]:
        steps = count(1)

        def advance(amount: float, note: str = "") -> None:
            began[1] = time.monotonic()
            if next(steps) % SEGMENT:
                return
            ours.append(began[1] - began[0])
            for step in range(SEGMENT):
                learner.train_on_batch(*batches[step % len(batches)])
            began[0] = time.monotonic()
            alone.append(began[0] - began[1])

        yield advance

    def on_epoch(figures: dict[str, Any], epochs: int) -> None:
        began.append(time.monotonic() - began[0])

    fit(paths, settings, scheme, progress=progress, on_epoch=on_epoch)
    chips.close()
    # the first segment compiles
    return np.array(alone[1:]), np.array(ours[1:]), feeding, began[2]


if __name__ == "__main__":
    main()
