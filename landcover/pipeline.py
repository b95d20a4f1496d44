"""The stages of a configuration: what each reads, depends on and writes, without opening a file of data."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from landcover.catalogue import find_kind
from landcover.companions import with_companions
from landcover.config import Config
from landcover.errors import ImageError, LabelError
from landcover.fingerprint import located
from landcover.modelcode import code_files
from landcover.owncode import source_files
from landcover.provenance import read_run
from landcover.settings.train import OF_PIXELS
from landcover.sources import RASTER_SUFFIXES, VECTOR_SUFFIXES, expand
from landcover.stage import Stage

MOSAIC = "mosaic.vrt"


def sample_stage(config: Config, seed: int, size: int) -> Stage:
    settings = {"sample": {"seed": seed, "size": size}, **_sections(config, "scheme")}
    return Stage("sample", config.paths.data / "raw", (), settings, code="sample")


def map_path(folder: Path, image: str | Path) -> Path:
    """Where the map of an image goes unless told otherwise: <image>_landcover.tif in a folder. A mosaic is called as
    the folder that it is in."""
    path = Path(image)
    return folder / f"{path.absolute().parent.name if path.name == MOSAIC else path.stem}_landcover.tif"


def mosaic_stage(config: Config, images: Sequence[str] = (), out: Path | None = None) -> Stage:
    """Of the images that are named, in the folder `out`, or of those and the one of the configuration. Raises
    ImageError where there is no image."""
    settings = config.mosaic.model_copy(update={"images": tuple(images)}) if images else config.mosaic
    paths = tuple(with_companions(expand(settings.images, RASTER_SUFFIXES, ImageError)))
    return Stage(
        "mosaic", out or config.paths.mosaic, paths, {"mosaic": settings.model_dump(mode="json")}, code="prepare.mosaic"
    )


def labels_stage(config: Config) -> Stage:
    """Raises LabelError where there are no labels."""
    sources = with_companions(expand(config.labels.source, (*VECTOR_SUFFIXES, *RASTER_SUFFIXES), LabelError))
    inputs = (str(config.paths.mosaic), *sources)
    sections = _sections(config, "labels", "scheme")
    return Stage("labels", config.paths.labels, inputs, sections, single=True, code="prepare.labels")


def chips_stage(config: Config, exports: Sequence[Path] = ()) -> Stage:
    paths, sections = config.paths, _sections(config, "chips", "split", "scheme")
    if exports:
        sections["labels"] = {"reclassify": config.labels.model_dump(mode="json")["reclassify"]}
        inputs = tuple(map(str, exports))
        return Stage("chips --from-esri", paths.chips, inputs, sections, code="prepare.from_esri")
    return Stage("chips", paths.chips, (*_shown(paths.mosaic), str(paths.labels)), sections, code="prepare.chips")


def stack_stage(config: Config) -> Stage:
    paths = config.paths
    parts = (paths.train.name, paths.validation.name, "split.json")
    sections = _sections(config, "scheme")
    return Stage("stack", paths.stacks, (str(paths.chips),), sections, parts, code="prepare.stack")


def augment_stage(config: Config) -> Stage:
    paths = config.paths
    sections = _sections(config, "augment", "scheme")
    return Stage("augment", paths.augmented, (str(paths.stacks),), sections, code="prepare.augment")


PREPARE = (mosaic_stage, labels_stage, chips_stage, stack_stage, augment_stage)
"""The stages of `prepare`, in order."""


def train_stage(config: Config) -> Stage:
    paths = config.paths
    kind = find_kind(config.train.model)
    parts = (kind.file, "history.csv", "metrics.json")
    sections, out = {"train": config.train.told(), **_sections(config, "scheme")}, paths.models / config.train.name
    if kind.family == "pixels":
        sections["train"] = {key: value for key, value in sections["train"].items() if key in OF_PIXELS}
        return Stage("train", out, (str(paths.stacks),), sections, parts, code="train.pixels")
    inputs = [str(paths.stacks), str(paths.augmented)]
    if config.train.backbone.weights is not None:
        inputs.append(str(config.train.backbone.weights))
    if kind.source:
        inputs += map(str, source_files(kind))
    return Stage("train", out, tuple(inputs), sections, parts, code="train.fit")


def benchmark_stage(config: Config) -> Stage:
    paths = config.paths
    sections = _sections(config, "train", "benchmark", "split", "scheme")
    parts = ("benchmark.csv", "benchmark.json", "benchmark.png")
    inputs = (str(paths.stacks), str(paths.augmented))
    return Stage("benchmark", paths.reports / "benchmark", inputs, sections, parts, code="benchmark")


def classify_stage(config: Config, image: str, out: Path, confidence: Path) -> Stage:
    """`confidence`: where that of the map goes, if it is asked for."""
    settings = config.classify
    mosaic = Path(image).parent
    shown = _shown(mosaic) if Path(image).name == MOSAIC and read_run(mosaic) else with_companions([image])
    area = with_companions([settings.aoi]) if settings.aoi else []
    code = map(str, code_files(settings.model, settings.code))
    inputs = (str(settings.model), *shown, *area, *code)
    parts = (out.name, confidence.name) if settings.confidence else (out.name,)
    sections = _sections(config, "classify", *(["scheme"] if config.own_scheme else []))
    return Stage("classify", out, inputs, sections, parts, True, "classify.predict")


def assess_stage(config: Config, shown: Path, reference: Sequence[str]) -> Stage:
    settings = _sections(config, "assess", "scheme")
    settings["labels"] = config.labels.model_dump(mode="json", include={"field", "reclassify"})
    image = [] if config.assess.image is None else [str(config.assess.image)]
    inputs = tuple(with_companions([str(shown), *reference, *image]))
    parts = ("accuracy.json", "contingency.csv", "measures.csv")
    return Stage("assess", config.paths.reports / shown.stem, inputs, settings, parts, code="assess")


def check_stage(config: Config, out: Path) -> Stage:
    """Of `labels --check`."""
    paths = config.paths
    inputs = (*_shown(paths.mosaic), str(paths.labels), str(config.classify.model))
    sections = _sections(config, "labels", "scheme", "classify")
    return Stage("labels --check", out, inputs, sections, single=True, code="assess.suspects")


def export_stage(model: Path, to: str, out: Path) -> Stage:
    folder = to in ("emd", "savedmodel")
    return Stage("export", out, (str(model),), {"export": {"to": to}}, single=not folder, code="export")


def points_stage(config: Config, shown: Path, out: Path) -> Stage:
    return Stage("points", out, (str(shown),), _sections(config, "points", "scheme"), (), True, "assess.points")


def compare_stage(config: Config, first: Path, second: Path, reference: Sequence[str]) -> Stage:
    """Raises LabelError where there is no reference."""
    settings = _sections(config, "assess", "scheme")
    settings["labels"] = config.labels.model_dump(mode="json", include={"field", "reclassify"})
    out = config.paths.reports / f"{first.stem}_and_{second.stem}"
    sources = expand(reference, (*VECTOR_SUFFIXES, *RASTER_SUFFIXES), LabelError)
    inputs = tuple(with_companions([str(first), str(second), *sources]))
    return Stage("compare", out, inputs, settings, code="assess.compare")


def _sections(config: Config, *names: str) -> dict[str, Any]:
    return {name: getattr(config, name).model_dump(mode="json") for name in names}


def _shown(mosaic: Path) -> tuple[str, ...]:
    """A mosaic, which is only an index, and the images behind it with what belongs to them, as its record names
    them."""
    run = read_run(mosaic)
    images = [] if run is None else [str(located(image.path, mosaic)) for image in run.inputs]
    return (str(mosaic), *images)
