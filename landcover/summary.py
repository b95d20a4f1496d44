"""What each stage made, in words: the lines that the commands print."""

from typing import TYPE_CHECKING

from landcover.prepare.split import DROPPED, TRAIN, VALIDATION
from landcover.scheme import ClassScheme

if TYPE_CHECKING:
    from collections.abc import Sequence

    from landcover.classify import Failed, Kept, Outside
    from landcover.classify.predict import Classified
    from landcover.prepare.augment import Augmented
    from landcover.prepare.chips import Chips
    from landcover.prepare.labels import Labels
    from landcover.prepare.mosaic import Mosaic
    from landcover.prepare.stack import Stacks
    from landcover.train.fit import Trained


def mosaic(made: "Mosaic") -> str:
    warped = f", {made.warped} of them warped onto its grid" if made.warped else ""
    return f"{made.path}: {made.scenes} image{'s' if made.scenes > 1 else ''}{warped}; {made.grid}"


def labels(made: "Labels", scheme: ClassScheme) -> str:
    listed = ", ".join(f"{c.name} {made.pixels[c.value]:,}" for c in scheme)
    field = f" (field {', '.join(made.fields)})" if made.fields else ""
    return f"{made.path}{field}: pixels of {listed}"


def notes(made: "Chips") -> list[str]:
    """What the labels did not allow."""
    return [f"Note: {text}" for text in made.unmet]


def chips(made: "Chips") -> str:
    n = made.chips
    taken = ", ".join(f"{name} {count:,}" for name, count in made.filtered.items())
    return (
        f"{made.path}: {n[TRAIN]:,} training and {n[VALIDATION]:,} validation chips from {made.seen:,} windows; "
        f"{n[DROPPED]:,} between the two sides left out; filters took: {taken}"
    )


def stacks(made: "Stacks", scheme: ClassScheme) -> str:
    """The table of chips and labelled pixels per class and side of the split."""
    width = max(len(name) for name in scheme.names) + 2
    lines = [
        f"{'':<{width}}{'training':>24}{'validation':>24}",
        f"{'class':<{width}}" + f"{'chips':>10}{'pixels':>14}" * 2,
    ]
    for c in scheme:
        cells = ((made.chips.get((s, c.value), 0), made.pixels.get((s, c.value), 0)) for s in (TRAIN, VALIDATION))
        lines.append(f"{c.name:<{width}}" + "".join(f"{n:>10,}{pixels:>14,}" for n, pixels in cells))
    return "\n".join(lines)


def augmented(made: "Augmented") -> str:
    listed = ", ".join(f"{name} {n:,}" for name, n in made.copies.items())
    return f"{made.path}: copies of {listed}" if listed else f"{made.path}: no class is rare, nothing to copy"


def epoch(figures: dict[str, float]) -> str:
    return (
        f"epoch {figures['epoch']:3.0f}  loss {figures['loss']:.4f}  mean IoU {figures['mean_iou']:.3f}  validation: "
        f"loss {figures['val_loss']:.4f}  mean IoU {figures['val_mean_iou']:.3f}  ({figures['seconds']:.0f} s)"
    )


def trained(made: "Trained") -> str:
    lines = ["validation IoU, per cent:"]
    lines += [f"  {name:<32}{'-' if iou is None else f'{100 * iou:.1f}':>6}" for name, iou in made.per_class.items()]
    warning = "; leaking split: these figures are too good" if made.split == "random" else ""
    lines.append(
        f"{made.path}: epoch {made.epoch} of {made.epochs}, validation loss {made.loss:.4f}, "
        f"mean IoU {made.mean_iou:.3f}{warning}"
    )
    return "\n".join(lines)


def classified(made: "Classified") -> str:
    """The share of each class, and the map."""
    total = sum(made.pixels.values())
    shares = ", ".join(f"{name} {100 * n / total:.1f}" for name, n in made.pixels.items())
    tiling = made.tiling
    return (
        f"per cent: {shares}\n{made.path}: {total:,} pixels mapped, {made.precision}, tiles of {tiling.rows} x "
        f"{tiling.columns} px, halo {tiling.halo} px" + (f"; {made.confidence}" if made.confidence else "")
    )


def many(results: "Sequence[Classified | Kept | Outside | Failed]") -> str:
    """One line an image: the pixels of its map, or why there is none; and how many of each kind."""
    from landcover.classify import Failed, Kept, Outside

    lines = []
    for made in results:
        if isinstance(made, Failed):
            lines.append(f"failed   {made.path}: {made.reason.removeprefix(f'{made.path}: ')}")
        elif isinstance(made, Outside):
            lines.append(f"outside  {made.path}: the area of interest does not touch it")
        elif isinstance(made, Kept):
            lines.append(f"kept     {made.path}: was made before from the same image, model and options")
        else:
            lines.append(f"mapped   {made.path}: {sum(made.pixels.values()):,} pixels")
    kinds = [line.split()[0] for line in lines]
    counts = ", ".join(f"{kinds.count(kind)} {kind}" for kind in dict.fromkeys(kinds))
    return "\n".join([*lines, counts])
