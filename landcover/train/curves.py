"""The curves of a training, as a picture."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator


def draw_curves(history: Sequence[Mapping[str, float]], best: int, path: Path) -> None:
    """Loss and mean IoU of training and validation by epoch; the epoch kept (from 0) is marked."""
    epochs = [h["epoch"] for h in history]
    figure = Figure(figsize=(10, 4), layout="constrained")
    panels = figure.subplots(1, 2)
    for panel, key, title in zip(panels, ("loss", "mean_iou"), ("loss", "mean IoU"), strict=True):
        panel.plot(epochs, [h[key] for h in history], marker=".", color="#1f78b4", label="training")
        panel.plot(epochs, [h[f"val_{key}"] for h in history], marker=".", color="#e31a1c", label="validation")
        panel.axvline(epochs[best], color="#888888", linestyle=":", label=f"kept: epoch {epochs[best]:.0f}")
        panel.set(xlabel="epoch", ylabel=title)
        panel.xaxis.set_major_locator(MaxNLocator(integer=True))
        panel.grid(alpha=0.3)
        panel.legend()
    figure.savefig(path, dpi=120)
