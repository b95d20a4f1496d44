"""Bands as something to look at."""

import numpy as np
import pytest

from landcover.stretch import stretched


@pytest.mark.parametrize(("low", "high"), [(20, 60), (0, 30), (230, 255)])
def test_noise_in_dark_woods_or_on_bright_roofs_is_not_blown_up(low, high) -> None:
    bands = np.random.default_rng(0).integers(low, high, (64, 64, 3)).astype(np.uint8)
    shown = stretched(bands)
    assert shown.dtype == np.uint8
    assert 1.5 < np.ptp(shown.astype(float)) / np.ptp(bands.astype(float)) < 2.1
    assert (shown.mean() < 128) == (bands.mean() < 128)


def test_what_has_contrast_or_is_of_other_units_fills_all_levels() -> None:
    bands = np.random.default_rng(0).integers(20, 240, (64, 64, 3)).astype(np.uint8)
    for of_units in (bands, bands * np.uint16(10), bands.astype(np.float32) / 2550):
        shown = stretched(of_units)
        assert (shown.min(), shown.max()) == (0, 255)


def test_where_nothing_is_it_is_white() -> None:
    bands = np.full((4, 4, 3), 90, np.uint8)
    there = np.arange(16).reshape(4, 4) > 3
    bands[~there] = 0
    shown = stretched(bands, there)
    assert (shown[~there] == 255).all()
    assert len(np.unique(shown[there])) == 1
    assert shown[there].max() < 255
