import numpy as np
import pytest

from landcover.assess.allocation import allocate, sample_size
from landcover.assess.designbased import estimate
from landcover.assess.wilson import wilson

OLOFSSON = np.array([[66, 0, 5, 4], [0, 55, 8, 12], [1, 0, 153, 11], [2, 1, 9, 313]])
"""Olofsson et al. (2014), table 8: deforestation, forest gain, stable forest, stable non-forest."""
PIXELS = {0: 200_000, 1: 150_000, 2: 3_200_000, 3: 6_450_000}
HECTARES = sum(PIXELS.values()) * 900 / 1e4


def _points(counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    mapped, true = np.nonzero(counts)
    return np.repeat(mapped, counts[mapped, true]), np.repeat(true, counts[mapped, true])


def test_the_example_of_olofsson_and_others_comes_out() -> None:
    mapped, true = _points(OLOFSSON)
    found = estimate(mapped, mapped, true, PIXELS, 4)
    known = found.estimates
    assert found.counts.tolist() == OLOFSSON.tolist()
    assert (known.overall.value, known.overall.margin) == (
        pytest.approx(0.95, abs=0.005),
        pytest.approx(0.02, abs=0.005),
    )
    assert known.users.value.round(2).tolist() == [0.88, 0.73, 0.93, 0.96]
    assert known.users.margin.round(2).tolist() == [0.07, 0.10, 0.04, 0.02]
    assert known.producers.value.round(2).tolist() == [0.75, 0.85, 0.93, 0.96]
    assert known.producers.margin.round(2).tolist() == [0.21, 0.25, 0.03, 0.02]
    assert round(float(known.area.value[0]) * HECTARES) == 21_158
    assert round(float(known.area.margin[0]) * HECTARES) == 6_158
    # table 9: the first row as shares of the area
    assert found.shares[0].round(4).tolist() == [0.0176, 0.0, 0.0013, 0.0011]
    assert found.shares.sum() == pytest.approx(1)


def test_the_margin_is_the_textbooks_in_a_simple_random_sample() -> None:
    mapped, true = _points(np.array([[40, 10], [5, 45]]))
    found = estimate(np.zeros(100, int), mapped, true, {0: 10**6}, 2).estimates
    assert float(found.overall.error) == pytest.approx((0.85 * 0.15 / 99) ** 0.5)
    # user's accuracy is of a number of points that is itself drawn: the ratio's error, to the first order
    assert found.users.error[0] == pytest.approx((0.8 * 0.2 / 50 * 100 / 99) ** 0.5)


def test_strata_may_differ_from_the_classes_of_the_map() -> None:
    """Stehman (2014), table 2 and section 4: 40 points in four strata."""

    def classes(letters: str, of: str = "ABCD") -> np.ndarray:
        return np.array([of.index(letter) for letter in letters])

    strata = classes("1111111111222222222233333333334444444444", "1234")
    mapped = classes("AAAAAAABBBABBBBBBBBBBBCCCCCCBBDDDDDDDDDD")
    true = classes("AAAAACBABCABBBBBAABBCCCCCDDBBADDDDDDDCCB")
    found = estimate(strata, mapped, true, {0: 40_000, 1: 30_000, 2: 20_000, 3: 10_000}, 4)
    known, (a, b, c) = found.estimates, range(3)
    assert (float(known.overall.value), float(known.overall.error)) == pytest.approx((0.63, 0.085), abs=5e-4)
    assert (known.users.value[b], known.users.error[b]) == pytest.approx((0.574, 0.125), abs=5e-4)
    assert (known.producers.value[b], known.producers.error[b]) == pytest.approx((0.794, 0.116), abs=1e-3)
    assert (known.area.value[a], known.area.error[a]) == pytest.approx((0.35, 0.082), abs=5e-4)
    assert (known.area.value[c], known.area.error[c]) == pytest.approx((0.20, 0.064), abs=5e-4)
    assert found.shares[b, c] == pytest.approx(0.08)


def test_the_errors_are_as_large_as_the_scatter_of_many_samples() -> None:
    random = np.random.default_rng(0)
    truth = np.array([[0.85, 0.15], [0.03, 0.97]])
    sizes, points = {0: 300_000, 1: 700_000}, [100, 200]
    values, errors = [], []
    for _ in range(500):
        counts = np.array([random.multinomial(n, row) for n, row in zip(points, truth, strict=True)])
        mapped, true = _points(counts)
        known = estimate(mapped, mapped, true, sizes, 2).estimates
        values.append([float(known.overall.value), known.producers.value[0], known.area.value[0], known.f1.value[0]])
        errors.append([float(known.overall.error), known.producers.error[0], known.area.error[0], known.f1.error[0]])
    assert np.mean(errors, axis=0) == pytest.approx(np.std(values, axis=0), rel=0.1)


def test_where_pixels_differ_in_size_the_figures_are_of_area() -> None:
    """Half of the points lie on pixels twice as large; all errors are there."""
    mapped, true = np.array([0] * 10 + [1] * 10), np.array([0] * 10 + [0] * 10)
    areas = np.array([1.0] * 10 + [2.0] * 10)
    known = estimate(np.zeros(20, int), mapped, true, {0: 1000}, 2, areas).estimates
    assert float(known.overall.value) == pytest.approx(1 / 3)
    assert known.area.value.tolist() == [pytest.approx(1), 0]


def test_what_a_sample_does_not_tell_is_nan_and_nothing_breaks() -> None:
    found = estimate(np.array([0, 0, 5]), np.array([0, 0, 1]), np.array([0, 0, 1]), {0: 90, 5: 10, 7: 50}, 3)
    known = found.estimates
    assert (found.lone, found.empty) == ((5,), (7,))
    assert float(known.overall.value) == 1
    assert 0 < float(known.overall.low) < 0.9
    assert known.users.value[2] != known.users.value[2]
    assert np.isnan([known.users.low[2], known.producers.error[2], known.f1.high[2]]).all()
    alone = estimate(np.array([0]), np.array([0]), np.array([0]), {0: 90}, 1).estimates
    assert float(alone.overall.value) == 1
    for strata, sizes in ((np.array([3]), {0: 9}), (np.array([0]), {0: 0}), (np.zeros(0, int), {0: 9})):
        with pytest.raises(ValueError, match=r"unknown size|no points"):
            estimate(strata, strata * 0, strata * 0, sizes, 1)


def test_the_interval_is_wilsons_and_has_a_width_where_no_point_is_wrong() -> None:
    # Wilson's interval of 45 out of 50, from the formula of 1927 by hand
    low, high = wilson(np.array(0.9), np.array((0.9 * 0.1 / 50) ** 0.5), np.array(7.0), np.array(False))
    assert (float(low), float(high)) == (pytest.approx(0.7864, abs=1e-4), pytest.approx(0.9565, abs=1e-4))
    low, high = wilson(np.array(1.0), np.array(0.0), np.array(50.0), np.array(True))
    assert (float(low), float(high)) == (pytest.approx(0.9287, abs=1e-4), 1)


def test_one_error_in_a_small_stratum_does_not_make_the_interval_narrower_than_none() -> None:
    mapped = np.repeat([0, 1], [50, 517])
    wrong = mapped.copy()
    wrong[0] = 1
    sizes = {0: 20_000, 1: 980_000}
    none, one = (estimate(mapped, mapped, true, sizes, 2).estimates.overall for true in (mapped, wrong))
    assert float(one.high - one.low) > float(none.high - none.low) * 0.9


def test_a_part_of_what_was_sampled_is_assessed_without_bias() -> None:
    """Half of the second stratum is not of the ground that is assessed; all of what is left of it is wrong."""
    strata, mapped = np.repeat([0, 1], 100), np.repeat([0, 1], 100)
    true = np.zeros(200, int)
    areas = np.ones(200)
    areas[150:] = 0
    found = estimate(strata, mapped, true, {0: 1000, 1: 1000}, 2, areas)
    assert float(found.estimates.overall.value) == pytest.approx(2 / 3)
    assert found.counts.tolist() == [[100, 0], [50, 0]]


def test_the_size_and_the_allocation_are_those_of_olofsson_and_others() -> None:
    """Section 5.1: user's accuracies of 0.70, 0.60, 0.90 and 0.95 for a standard error of 0.01 ask for 641 points."""
    expected = {0: 0.7, 1: 0.6, 2: 0.9, 3: 0.95}
    assert sample_size(PIXELS, expected, 0.01) == 641
    assert sum(allocate(PIXELS, 641, "proportional").values()) == 641
    assert allocate(PIXELS, 641, "proportional") == {0: 13, 1: 10, 2: 205, 3: 413}
    assert set(allocate(PIXELS, 641, "equal").values()) == {160, 161}
    # theirs, rounded to fives: 75, 75, 165, 325
    assert allocate(PIXELS, 641, "olofsson", 75) == {0: 75, 1: 75, 2: 163, 3: 328}


def test_an_allocation_never_asks_for_more_pixels_than_there_are() -> None:
    assert allocate({1: 1, 2: 10**6, 3: 0}, 100, "olofsson") == {1: 1, 2: 99}
    assert allocate({1: 1, 2: 1, 3: 1, 4: 10**6}, 200, "olofsson") == {1: 1, 2: 1, 3: 1, 4: 197}
    assert allocate({1: 30, 2: 10**6}, 200, "equal") == {1: 30, 2: 170}
    assert allocate({1: 10, 2: 10**6}, 100, "proportional") == {1: 2, 2: 98}
    assert allocate({1: 10**6, 2: 10**6, 3: 10**5}, 60, "olofsson") == {1: 50, 2: 50, 3: 50}
    with pytest.raises(ValueError, match="above 0"):
        sample_size({1: 10}, {1: 0.5}, 0.0)
