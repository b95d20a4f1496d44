"""What would go wrong: in the images, the labels, the outputs and on this machine. Nothing is written."""

import warnings
from collections.abc import Sequence

from landcover.config import Config
from landcover.doctor.alignment import check_shift
from landcover.doctor.chips import check_chips
from landcover.doctor.environment import check_environment
from landcover.doctor.finding import Finding, guarded
from landcover.doctor.images import check_images
from landcover.doctor.labels import check_labels
from landcover.doctor.named import check_named
from landcover.doctor.outputs import check_folders, check_model
from landcover.doctor.reference import check_reference
from landcover.doctor.table import as_text
from landcover.progress import Progress, silent

__all__ = ["Finding", "as_text", "doctor", "fails"]


def doctor(config: Config, progress: Progress = silent) -> list[Finding]:
    """Look at the machine and at all that a configuration names. What is broken becomes a finding, not an exception.

    Memory does not grow with the images: they are looked at in overviews or in places.
    """
    with warnings.catch_warnings():
        # what rasterio and pyogrio warn of is said here in findings
        warnings.simplefilter("ignore")
        found = check_environment(config.classify.memory)
        images, scenes = check_images(config.mosaic, config.classify.collar, progress)
        told, labels = check_labels(config, scenes)
        found += [*images, *told]
        where = ", ".join(config.labels.source)
        if labels is not None and labels.cells():
            found += guarded("chips.background", where, lambda: check_chips(labels, config.scheme, config.chips, where))
            found += guarded("labels.shift", where, lambda: check_shift(labels, scenes, where, progress))
        found += guarded("reference.file", ", ".join(config.assess.reference), lambda: check_reference(config, scenes))
        found += check_named(config)
        found += guarded("outputs.folder", str(config.paths.data), lambda: check_folders(config, scenes))
        return found + guarded("model.file", str(config.classify.model), lambda: check_model(config, scenes))


def fails(findings: Sequence[Finding]) -> bool:
    """Whether a stage would fail."""
    return any(found.severity == "error" for found in findings)
