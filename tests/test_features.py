import numpy as np
import pytest
from conftest import textured

from landcover.features import RADII, feature_names, features, features_at, radii_of


def _by_name(pixels, valid, radii=(2, 5)) -> dict[str, np.ndarray]:
    made = features(pixels, valid, radii)
    assert made.dtype == np.float32
    return dict(zip(feature_names(pixels.shape[-1], radii), np.moveaxis(made, -1, 0), strict=True))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_features_are_what_their_names_say(dtype) -> None:
    most = np.iinfo(dtype).max
    random = np.random.default_rng(0)
    pixels = random.integers(1, most, (40, 50, 4), dtype, endpoint=True)
    pixels[:20, :20] = most  # where sums are greatest
    valid = random.random((40, 50)) > 0.2
    row, column = 21, 22
    valid[row, column] = True
    red, green, _, nir = pixels[row, column].astype(float)
    made = _by_name(pixels, valid)
    assert made["nir"][row, column] == nir
    assert made["ndvi"][row, column] == pytest.approx((nir - red) / (nir + red), rel=1e-5)
    assert made["ndwi"][row, column] == pytest.approx((green - nir) / (green + nir), rel=1e-5)
    assert made["brightness"][row, column] == pytest.approx(pixels[row, column].mean(), rel=1e-6)
    for radius in (2, 5):
        window = (slice(row - radius, row + radius + 1), slice(column - radius, column + radius + 1))
        seen = pixels[window][valid[window]].astype(float)
        assert made[f"mean of green, {radius} px"][row, column] == pytest.approx(seen[:, 1].mean(), rel=1e-6)
        assert made[f"deviation of green, {radius} px"][row, column] == pytest.approx(seen[:, 1].std(), rel=1e-5)
        bright = seen.mean(axis=1)
        assert made[f"mean of brightness, {radius} px"][row, column] == pytest.approx(bright.mean(), rel=1e-6)
        assert made[f"deviation of brightness, {radius} px"][row, column] == pytest.approx(bright.std(), rel=1e-5)
        ndvi = (seen[:, 3].mean() - seen[:, 0].mean()) / (seen[:, 3].mean() + seen[:, 0].mean())
        assert made[f"ndvi of means, {radius} px"][row, column] == pytest.approx(ndvi, rel=1e-4)
    assert made["deviation of red, 5 px"][8, 8] == 0


def test_a_pixel_has_the_same_features_in_whatever_window() -> None:
    pixels = np.moveaxis(textured(160, 150), 0, -1)
    valid = np.ones(pixels.shape[:2], bool)
    valid[:70, 90:] = False
    pixels[~valid] = 0
    whole, reach = features(pixels, valid, RADII), max(RADII)
    for top, left, side in ((0, 0, 60), (37, 11, 61), (100, 60, 51)):
        window = (slice(top, top + side), slice(left, left + side))
        part = features(pixels[window], valid[window], RADII, reach)
        inside = (slice(top + reach, top + side - reach), slice(left + reach, left + side - reach))
        np.testing.assert_array_equal(part, whole[inside])
        wider = features(pixels[window], valid[window], (2,), reach)
        some = valid[inside] & (np.arange(part.shape[1]) % 3 == 0)
        np.testing.assert_array_equal(features_at(pixels[window], valid[window], RADII, reach, some), part[some])
        np.testing.assert_array_equal(wider, features(pixels, valid, (2,))[inside])


def test_pixels_without_data_take_no_part() -> None:
    pixels = np.moveaxis(textured(30, 30), 0, -1)
    valid = np.ones((30, 30), bool)
    valid[:, 15:] = False
    other = pixels.copy()
    other[:, 15:] = 255
    one, two = (features(p, valid, (2, 5)) for p in (pixels, other))
    np.testing.assert_array_equal(one, two)
    assert (one[:, :15] != features(pixels, np.ones((30, 30), bool), (2, 5))[:, :15]).any()
    assert np.isfinite(one).all()


def test_images_of_other_bands_have_no_indices() -> None:
    assert feature_names(1, (2,)) == ["band 1", "mean of band 1, 2 px", "deviation of band 1, 2 px"]
    assert "brightness" in feature_names(3, (2,))
    assert not any(name.startswith("nd") for name in feature_names(3, (2,)))
    for bands in (1, 3, 6):
        pixels = np.full((9, 9, bands), 7, np.uint8)
        assert features(pixels, np.ones((9, 9), bool), (2,)).shape == (9, 9, len(feature_names(bands, (2,))))


def test_small_chips_have_small_squares() -> None:
    assert radii_of(256) == RADII
    assert radii_of(32) == (2, 5)
    assert radii_of(16) == (2,)
