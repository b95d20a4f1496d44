"""What each stage made, in words: the lines that the commands print."""

from pathlib import Path
from typing import TYPE_CHECKING

from landcover.scheme import ClassScheme
from landcover.words import counted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from landcover.assess.compare import Comparison
    from landcover.assess.points import Drawn
    from landcover.classify import Result
    from landcover.classify.predict import Classified
    from landcover.prepare.augment import Augmented
    from landcover.prepare.chips import Chips
    from landcover.prepare.labels import Labels
    from landcover.prepare.mosaic import Mosaic
    from landcover.prepare.stack import Stacks
    from landcover.project import Project
    from landcover.splitreport import SplitReport
    from landcover.train.checkpoint import Epoch
    from landcover.train.folds import Folds
    from landcover.train.length import Length
    from landcover.train.rates import Rates
    from landcover.train.result import PixelPlan, Trained


def project(made: "Project") -> str:
    labels = [str(name) for name in made.written if name.suffix == ".gpkg"]
    drawn = f"{' and '.join(labels)} to draw in, in {made.crs} ({made.why}); " if labels else ""
    return f"{made.path}: {counted(len(made.written), 'files')} written; {drawn}README.md says how to go on"


def current(path: Path) -> str:
    return f"{path}: is up to date"


def mosaic(made: "Mosaic") -> str:
    warped = f", {made.warped} of them warped onto its grid" if made.warped else ""
    return f"{made.path}: {counted(made.scenes, 'image')}{warped}; {made.grid}"


def labels(made: "Labels", scheme: ClassScheme) -> str:
    listed = ", ".join(f"{c.name} {made.pixels[c.value]:,}" for c in scheme)
    field = f" (field {', '.join(made.fields)})" if made.fields else ""
    return f"{made.path}{field}: pixels of {listed}"


def notes(made: "Chips") -> list[str]:
    """What the labels did not allow."""
    from landcover.splitreport import FEW

    texts, held = list(made.unmet), made.report.validation.chips
    if 0 < held < FEW:
        texts.append(
            f"validation has no more than {counted(held, 'chip')}, which say little of which epoch is best, and of how "
            "good the map is: label more places, apart from one another, or raise split.validation"
        )
    return [f"Note: {text}" for text in texts]


def chips(made: "Chips") -> str:
    report = made.report
    taken = ", ".join(f"{name} {count:,}" for name, count in made.filtered.items())
    return (
        f"{made.path}: {report.train.chips:,} training and {report.validation.chips:,} validation chips of "
        f"{made.seen:,} that were looked at; {report.dropped:,} between the two sides left out; filters took: {taken}"
    )


def stacks(made: "Stacks") -> str:
    files = ", ".join(f"{side} {n:,}" for side, n in made.chips.items())
    return f"{made.path}: chips of {files}"


def split(report: "SplitReport") -> str:
    """The report on the split: chips, labelled pixels and ground of each class and side, and what lies between."""
    names = [c.name for c in report.scheme]
    width = max(map(len, names)) + 2
    sides = (report.train, report.validation)
    lines = [
        f"{'':<{width}}{'training':>26}{'validation':>26}",
        f"{'class':<{width}}" + f"{'pixels':>14}{'ha':>12}" * 2,
    ]
    for name in names:
        ground = [f"{s.hectares[name]:,.2f}" if name in s.hectares else "-" for s in sides]
        cells = zip((s.pixels[name] for s in sides), ground, strict=True)
        lines.append(f"{name:<{width}}" + "".join(f"{pixels:>14,}{area:>12}" for pixels, area in cells))
    lines.append(f"{'chips':<{width}}" + "".join(f"{s.chips:>14,}{'':>12}" for s in sides))
    known = f"{report.shared_pixels:,} pixels on both sides, {_apart(report)}"
    leak = "; LEAKING SPLIT: figures of it are too good" if report.leaks else ""
    if report.train.overlap:
        each = f"; a pixel of it is in {report.train.overlap:.1f} training chips" if report.train.overlap > 1 else ""
        lines.append(f"pixels: of all chips, overlaps each time; ha: of the labelled ground, once{each}")
    lines.append(f"split by {report.method}: {known if report.placed else 'where the chips lie is not known'}{leak}")
    return "\n".join(lines)


def _apart(report: "SplitReport") -> str:
    from landcover.splitreport import TOUCHING

    if report.nearest is None:
        return "one side is empty"
    if report.shared_pixels == 0 and report.nearest < TOUCHING:
        return "which touch"
    return f"nearest distance {report.nearest:,.1f} m"


def augmented(made: "Augmented") -> str:
    listed = ", ".join(f"{name} {n:,}" for name, n in made.copies.items())
    return f"{made.path}: copies of {listed}" if listed else f"{made.path}: no class is rare, nothing to copy"


def plan(made: "Length | PixelPlan") -> str:
    from landcover.train.length import Plan
    from landcover.train.result import PixelPlan

    if isinstance(made, PixelPlan):
        drawn = ", ".join(f"{name} {number:,}" for name, number in made.pixels.items())
        return (
            f"pixels: at most {sum(made.pixels.values()):,}, {made.features} features each: {drawn}\n"
            f"chips: {made.validation:,} to validate\n"
            "time: trained in one go, without steps to try"
        )
    before = f", after {made.sweep} that find a learning rate" if made.sweep else ""
    length = (
        f"chips: {made.chips:,} to train on, {made.copies:,} copies of them, {made.validation:,} to validate\n"
        f"steps: {made.epochs} epochs of {made.steps:,}, {made.epochs * made.steps:,} in all{before}; "
        f"an epoch shows {counted(made.shown, 'chip')}"
    )
    if not isinstance(made, Plan):
        return length
    return (
        f"net: {made.parameters:,} parameters, {made.precision}\n"
        f"{length}\n"
        f"time: {1000 * made.step_seconds:,.0f} ms a step, {duration(made.seconds)} in all, less if it stops early\n"
        f"main memory: {made.memory / 1e9:.1f} GB"
    )


def epoch(figures: "Epoch", epochs: int) -> str:
    left = (epochs - figures["epoch"]) * figures["seconds"]
    leak = f" ({figures['split']})" if "split" in figures else ""
    return (
        f"epoch {figures['epoch']:3d}  loss {figures['loss']:.4f}  mean IoU {figures['mean_iou']:.3f}  "
        f"validation{leak}: loss {figures['val_loss']:.4f}  mean IoU {figures['val_mean_iou']:.3f}  accuracy "
        f"{figures['val_accuracy']:.3f}  ({figures['chips_per_second']:.1f} chips/s, {duration(left)} left)"
    )


def duration(seconds: float) -> str:
    minutes = round(seconds / 60)
    if minutes < 2:
        return f"{seconds:.0f} s"
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h {minutes % 60} min"


def trained(made: "Trained") -> str:
    leak = " (leaking split)" if made.leaking else ""
    lines = [f"validation IoU, per cent{leak}:"]
    lines += [f"  {name:<32}{'-' if iou is None else f'{100 * iou:.1f}':>6}" for name, iou in made.iou.items()]
    figures = made.figures
    epoch = f"epoch {made.epoch} of {made.epochs}, " if made.epochs else ""
    lines.append(
        f"{made.path}: {epoch}validation{leak}: mean IoU {figures['val_mean_iou']:.3f}, "
        f"accuracy {figures['val_accuracy']:.3f}, loss {figures['val_loss']:.4f}"
    )
    return "\n".join(lines)


def rates(made: "Rates") -> str:
    rate = f"{made.suggested:.1e}"
    return (
        f"the loss fell most steeply at a rate of {rate}: try --set train.learning_rate={rate}\n"
        f"{made.path}: losses of {len(made.rates)} rates, from {made.rates[0]:.0e} to {made.rates[-1]:.0e}"
    )


def folds(made: "Folds", scheme: ClassScheme) -> str:
    """A row a fold, and one of all their pixels together; IoU of each class in the order of the scheme, per cent."""
    lines = [
        f"folds of {made.places}; IoU, per cent, of {', '.join(scheme.names)}:",
        f"{'fold':>5}{'train':>8}{'held out':>10}{'accuracy':>10}{'mean IoU':>10}",
    ]
    rows = [(f"{n:>5}{fold.train:>8,}{fold.held:>10,}", fold.scores) for n, fold in enumerate(made.folds, start=1)]
    for start, scores in [*rows, (f"{'all':>5}{'':>18}", made.pooled)]:
        iou = "".join(f"{'-' if v is None else f'{100 * v:.1f}':>7}" for v in scores.iou)
        lines.append(f"{start}{scores.accuracy:>10.3f}{scores.mean_iou:>10.3f}  {iou}")
    return "\n".join([*lines, f"{made.path}: folds.csv"])


def classified(made: "Classified") -> str:
    """The share of each class, and the map."""
    total = sum(made.pixels.values())
    shares = ", ".join(f"{name} {100 * n / total:.1f}" for name, n in made.pixels.items())
    tiling = made.tiling
    around = f"{2 * tiling.halo} px of two blended" if tiling.blended else f"halo {tiling.halo} px"
    seams = ""
    if made.borders and made.borders.interval:
        low, high = made.borders.interval
        known = f"{made.borders.ratio:.2f} ({low:.2f} to {high:.2f})"
        seams = f"; classes change {known} times as often across borders of tiles"
    elif made.borders:
        seams = "; too few tiles to say whether their borders show"
    return (
        f"per cent: {shares}\n{made.path}: {total:,} pixels mapped, {made.precision}, tiles of {tiling.columns} x "
        f"{tiling.rows} px, {around}{seams}" + (f"; {made.confidence}" if made.confidence else "")
    )


def many(results: "Sequence[Result]") -> str:
    """One line an image: the pixels of its map, or why there is none; and how many of each kind."""
    from landcover.classify import Failed, Kept, Outside, Spread

    lines = []
    for made in results:
        if isinstance(made, Failed):
            lines.append(f"failed   {made.path}: {made.reason.removeprefix(f'{made.path}: ')}")
        elif isinstance(made, Outside):
            lines.append(f"outside  {made.path}: the area of interest does not touch it")
        elif isinstance(made, Kept):
            lines.append(f"kept     {made.path}: is up to date, of the same image, model and options")
        else:
            cells = f" in {counted(made.cells, 'cell')}" if isinstance(made, Spread) else ""
            kept = f", {made.kept:,} of them done before" if isinstance(made, Spread) and made.kept else ""
            lines.append(f"mapped   {made.path}: {sum(made.pixels.values()):,} pixels{cells}{kept}")
    kinds = [line.split()[0] for line in lines]
    counts = ", ".join(f"{kinds.count(kind)} {kind}" for kind in dict.fromkeys(kinds))
    return "\n".join([*lines, counts])


def points(made: "Drawn") -> str:
    """A line a class, what to expect, and what to do now."""
    from landcover.assess.allocation import MANY

    total, pixels = sum(n for _, _, n in made.rows), sum(n for _, n, _ in made.rows)
    wide = max(len(name) for name, _, _ in made.rows) + 2
    lines = [
        f"{name:<{wide}}{100 * n / pixels:>6.2f} % of the map{found:>10,} point{'' if found == 1 else 's'}"
        for name, n, found in made.rows
    ]
    if made.asked is not None and made.asked != total:
        lines.append(f"{made.asked:,} points were asked for, {total:,} were drawn: {made.why}")
    if total > MANY:
        lines.append(
            f"note: {total:,} points are more than anybody judges one by one; without a size it is as many as "
            "points.target_error asks for"
        )
    lines.append(f"standard error of overall accuracy to expect: {100 * made.error:.1f} per cent")
    return "\n".join([
        *lines, f"{made.path}: {counted(total, 'point')}, {made.sampling}: judge them, and give them to assess"
    ])  # fmt: skip


def compared(made: "Comparison") -> str:
    """Which maps, on what share of the first; a line a measure, with a mark where the interval of the difference does
    not hold 0; McNemar's test, of points."""
    from landcover.assess.table import part_of

    heads = {"mean IoU": f"mean IoU of {made.averaged} of {made.classes}"} if made.averaged < made.classes else {}
    wide = max(len(heads.get(name, name)) for name in made.differences) + 2
    lines = [
        f"A {made.first}, B {made.second}{part_of(made.spoken, 'A') or ' on all of A'}, "
        f"by {counted(made.total, made.unit)}",
        f"{'per cent':<{wide}}{'A':>9}{'B':>9}{'B - A':>10}{'interval':>22}",
    ]
    for name, d in made.differences.items():
        values = "".join(f"{100 * v:>9.2f}" if v == v else f"{'-':>9}" for v in (d.first, d.second))
        gap = f"{100 * d.value + 0.0:>+10.2f}" if d.value == d.value else f"{'-':>10}"
        interval = f"{100 * d.low:+.2f} to {100 * d.high:+.2f}" if d.low == d.low else "-"
        mark = "  *" if d.low > 0 or d.high < 0 else ""
        lines.append(f"{heads.get(name, name):<{wide}}{values}{gap}{interval:>22}{mark}")
    lines += ["*: the interval does not hold 0", f"intervals: {made.intervals}"]
    if made.probability is not None:
        alone = [counted(number or 0, "point") for number in (made.only_first, made.only_second)]
        lines.append(
            f"McNemar: right in A alone are {alone[0]}, in B alone {alone[1]}; if both maps were as good, so unequal "
            f"numbers would come about with a probability of {made.probability:.2g}"
        )
    if made.left_out:
        lines.append("left out: " + ", ".join(f"{counted(n, made.unit)} {why}" for why, n in made.left_out))
    lines += [f"note: {note}" for note in made.notes]
    return "\n".join([*lines, f"{made.path}: comparison.json, difference.png"])
