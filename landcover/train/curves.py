"""The curves of a training, as a picture."""

from collections.abc import Sequence
from pathlib import Path

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from landcover.files import whole_file
from landcover.train.checkpoint import Epoch


def draw_curves(history: Sequence[Epoch], best: int, path: Path, warning: str = "") -> None:
    """Loss and mean IoU of training and validation by epoch; the epoch kept (from 0) is marked."""
    epochs = [h["epoch"] for h in history]
    figure = Figure(figsize=(10, 4), layout="constrained")
    panels = figure.subplots(1, 2)
    for panel, key, title in zip(panels, ("loss", "mean_iou"), ("loss", "mean IoU"), strict=True):
        panel.plot(epochs, [h[key] for h in history], marker=".", color="#1f78b4", label="training")
        panel.plot(epochs, [h[f"val_{key}"] for h in history], marker=".", color="#e31a1c", label="validation")
        panel.axvline(epochs[best], color="#888888", linestyle=":", label=f"best: epoch {epochs[best]}")
        panel.set(xlabel="epoch", ylabel=title)
        panel.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        panel.grid(alpha=0.3)
        panel.legend()
    if warning:
        figure.suptitle(warning, color="#c00000")
    with whole_file(path) as temporary:
        figure.savefig(temporary, dpi=120, format="png")
