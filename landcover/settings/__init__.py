"""The settings of each stage: one frozen model a section of the configuration."""

from landcover.settings.assess import AssessSettings, PointSettings
from landcover.settings.classify import ClassifySettings
from landcover.settings.prepare import AugmentSettings, ChipSettings, LabelSettings, MosaicSettings, SplitSettings
from landcover.settings.project import Paths, ProvenanceSettings
from landcover.settings.train import BackboneSettings, BenchmarkSettings, NetSettings, TrainAugmentation, TrainSettings

__all__ = [
    "AssessSettings",
    "AugmentSettings",
    "BackboneSettings",
    "BenchmarkSettings",
    "ChipSettings",
    "ClassifySettings",
    "LabelSettings",
    "MosaicSettings",
    "NetSettings",
    "Paths",
    "PointSettings",
    "ProvenanceSettings",
    "SplitSettings",
    "TrainAugmentation",
    "TrainSettings",
]
