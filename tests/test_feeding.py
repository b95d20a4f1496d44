from pathlib import Path

import numpy as np
import pytest

from landcover.chipstore import Chip, ChipStore, StoreInfo, create_store, open_stores
from landcover.errors import LandcoverError
from landcover.settings import TrainAugmentation, TrainSettings
from landcover.train.augmentation import relit, rescaled, share_kept, turned, varied
from landcover.train.batches import AS_IS, Batches, output_table
from landcover.train.chipset import ChipSet, statistics
from landcover.train.sampling import epoch_order

EVERYWHERE = np.ones((16, 16), bool)
PLAIN = TrainSettings(batch=3, augmentation=AS_IS, seed=1)


def _chips(folder: Path, scheme, number: int = 7, name: str = "water", size: int = 16, label: int = 1) -> ChipSet:
    info = StoreInfo(scheme.named, size, 4, "uint8", (1.0, 1.0), "blocks", "k")
    random = np.random.default_rng(len(name))
    folder.mkdir(exist_ok=True)
    with create_store(folder / f"{name}.h5", info) as writer:
        for n in range(number):
            image = random.integers(1, 255, (size, size, 4)).astype(np.uint8)
            writer.append(Chip(image, np.full((size, size), label, np.uint8), (n * size, 0, size, size), f"{n}.tif"))
    return ChipSet.of(open_stores(folder, scheme))


def _epochs(feed: Batches, numbers: range) -> list[list[float]]:
    seen = []
    for number in numbers:
        feed.begin(number)
        seen.append([float(image.sum()) for n in range(len(feed)) for image in feed[n][0]])
    return seen


def test_every_chip_is_fed_before_one_comes_again_in_an_order_that_is_new_each_epoch(tmp_path, scheme) -> None:
    chips = _chips(tmp_path, scheme)
    feed = Batches(chips, scheme, 3, [0.0] * 4, PLAIN)
    assert (len(feed), feed.chips) == (2, 6)  # whole batches
    epochs = _epochs(feed, range(7))
    all_sums = sorted(float(chips.read(n)[0].astype(np.float64).sum()) for n in range(7))
    assert sorted(np.concatenate(epochs)) == sorted(all_sums * 6)
    assert len(set(map(tuple, epochs))) == 7
    assert _epochs(Batches(chips, scheme, 3, [0.0] * 4, PLAIN), range(3, 5)) == epochs[3:5]


def test_validation_is_every_chip_once_as_it_is(tmp_path, scheme) -> None:
    chips = _chips(tmp_path, scheme)
    check = Batches(chips, scheme, 3, [0.0] * 4)
    assert (len(check), check.chips) == (3, 7)
    images = np.concatenate([check[n][0] for n in range(3)])
    np.testing.assert_array_equal(images, [chips.read(n)[0] for n in range(7)])
    assert check.names(2) == ["water.h5[6] (6.tif)"]


@pytest.mark.parametrize(
    ("balance", "number", "shown"), [("none", None, 4 / 12), ("equal", None, 1 / 2), ("none", 4, 1 / 4)]
)
def test_statistics_tell_what_an_epoch_shows(tmp_path, scheme, balance, number, shown) -> None:
    water = _chips(tmp_path / "a", scheme, 8)
    forest, copies = (_chips(tmp_path / folder, scheme, 2, "forest", label=2) for folder in "bc")
    known = statistics(water + forest, copies, scheme, balance, number)
    assert (known.pixels / known.pixels.sum()).tolist() == pytest.approx([0.8, 0.2, 0])
    assert (known.shown / known.shown.sum()).tolist() == pytest.approx([1 - shown, shown, 0])


@pytest.mark.parametrize(("balance", "counts"), [("none", (80, 20, 0)), ("sqrt", (67, 33, 0)), ("equal", (50, 50, 0))])
def test_classes_are_drawn_as_often_as_wished(balance: str, counts: tuple[int, ...]) -> None:
    classes = [np.arange(160), np.arange(160, 200), np.arange(0)]
    drawn = epoch_order(classes, 100, balance, seed=0, epoch=2)  # type: ignore[arg-type]
    assert len(drawn) == 100
    assert (int((drawn < 160).sum()), int((drawn >= 160).sum()), 0) == counts
    # within a class every chip comes before one comes again, across epochs
    few = [epoch_order(classes, 100, "equal", 0, epoch) for epoch in range(4)]
    times = np.bincount(np.concatenate(few), minlength=200)
    assert times[160:].min() == times[160:].max() == 5
    assert times[:160].max() - times[:160].min() == 1


def test_a_class_that_has_chips_is_shown_be_it_ever_so_small() -> None:
    sizes = [20000, 3000, 30, 2]
    ends = np.cumsum(sizes)
    classes = [np.arange(end - size, end) for size, end in zip(sizes, ends, strict=True)]
    drawn = epoch_order(classes, 500, "none", 0, 0)
    assert len(drawn) == 500
    assert np.bincount(np.searchsorted(ends, drawn, side="right")).tolist() == [433, 65, 1, 1]


def test_copies_are_drawn_with_their_class(tmp_path, scheme) -> None:
    both = _chips(tmp_path / "train", scheme, 4) + _chips(tmp_path / "copies", scheme, 2)
    other = both + _chips(tmp_path / "other", scheme, 3, "forest")
    assert [sorted(numbers.tolist()) for numbers in other.by_class()] == [[6, 7, 8], [0, 1, 2, 3, 4, 5]]


def test_pixels_without_data_are_fed_as_the_mean(tmp_path, scheme) -> None:
    image = np.full((32, 32, 4), 50, np.uint8)
    image[:, 16:] = 0
    image[0, 0, 3] = 0
    info = StoreInfo(scheme.named, 32, 4, "uint8", (1.0, 1.0), "blocks", "k")
    with create_store(tmp_path / "water.h5", info) as writer:
        writer.append(Chip(image, np.ones((32, 32), np.uint8), (0, 0, 32, 32), "a.tif"))
    chips = ChipSet.of(open_stores(tmp_path, scheme))
    settings = TrainSettings(augmentation=TrainAugmentation(turns=False, scale=0, gamma=0.3, band_contrast=0.2))
    (fed,), _ = Batches(chips, scheme, 1, [9.0, 8.0, 7.0, 6.0], settings)[0]
    np.testing.assert_array_equal(fed[:, 16:], np.broadcast_to([9, 8, 7, 6], (32, 16, 4)))
    assert (fed[:, :16, 0] > 20).all()
    assert fed[0, 0, 3] != 6


def test_a_chip_is_turned_and_resized_as_the_settings_say() -> None:
    image = np.arange(1, 1025, dtype=np.uint16).reshape(32, 32, 1)
    target = np.ones((32, 32), np.uint8)
    still = TrainAugmentation(turns=False, scale=0, brightness=0, contrast=0, band_brightness=0, gamma=0)

    def seen(**given) -> list[tuple[np.ndarray, np.ndarray]]:
        settings = still.model_copy(update=given)
        zero = np.zeros(1, np.float32)
        return [varied(image, target, zero, settings, np.random.default_rng(seed)) for seed in range(200)]

    assert all((pixels == image).all() and named.all() for pixels, named in seen())
    assert len({pixels.tobytes() for pixels, _ in seen(turns=True)}) == 8
    resized = seen(scale=0.4)
    assert len({pixels.tobytes() for pixels, _ in resized}) == 200
    kept = [named.mean() for _, named in resized]
    assert 0.36 * 0.9 < min(kept) < 0.5
    assert max(kept) == 1
    assert np.mean(kept) == pytest.approx(share_kept(still.model_copy(update={"scale": 0.4})), abs=0.03)
    assert share_kept(still) == 1


def test_image_and_target_are_turned_together() -> None:
    image = np.arange(16, dtype=np.uint8).reshape(4, 4, 1)
    seen = set()
    for seed in range(40):
        turned_image, target = turned(image, image[..., 0], np.random.default_rng(seed))
        np.testing.assert_array_equal(turned_image[..., 0], target)
        seen.add(target.tobytes())
    assert len(seen) == 8


@pytest.mark.parametrize("key", ["brightness", "contrast", "band_brightness", "band_contrast", "gamma"])
def test_each_change_of_light_is_by_up_to_its_share(key: str) -> None:
    image = np.random.default_rng(0).integers(60, 120, (16, 16, 4)).astype(np.uint8)
    settings = AS_IS.model_copy(update={key: 0.2})
    lit = np.stack([relit(image, EVERYWHERE, settings, np.random.default_rng(seed)) for seed in range(200)])
    mean = image.mean(axis=(0, 1))
    if "brightness" in key:
        factor = lit.mean(axis=(1, 2)) / mean
    elif "contrast" in key:
        factor = lit.std(axis=(1, 2)) / image.std(axis=(0, 1))
        np.testing.assert_allclose(lit.mean(axis=(1, 2)), np.broadcast_to(mean, (200, 4)), rtol=1e-3)
    else:
        factor = np.log(lit[:, 0, 0] / mean) / np.log(image[0, 0] / mean)
    assert factor.min() > 0.799
    assert factor.max() < 1.251
    assert factor.std() > 0.08
    alike = np.allclose(factor, factor[:, :1], rtol=1e-3)
    assert alike == (not key.startswith("band_"))


def test_grey_values_of_more_than_a_byte_are_lit_as_well() -> None:
    image = np.random.default_rng(0).integers(60, 120, (16, 16, 4)).astype(np.uint8)
    settings = AS_IS.model_copy(update={"brightness": 0.2, "contrast": 0.2, "gamma": 0.2})
    wide = relit(image.astype(np.uint16) * 100, EVERYWHERE, settings, np.random.default_rng(1))
    np.testing.assert_allclose(wide, 100 * relit(image, EVERYWHERE, settings, np.random.default_rng(1)), rtol=1e-5)


def test_a_collar_changes_nothing_in_the_light_of_the_rest() -> None:
    image = np.random.default_rng(0).integers(60, 120, (16, 16, 4)).astype(np.uint8)
    settings = AS_IS.model_copy(update={"contrast": 0.4, "gamma": 0.4})
    framed = np.zeros((16, 32, 4), np.uint8)
    framed[:, :16] = image
    part = relit(framed, framed.any(axis=-1), settings, np.random.default_rng(1))[:, :16]
    np.testing.assert_allclose(part, relit(image, EVERYWHERE, settings, np.random.default_rng(1)), rtol=1e-4)


def test_all_switches_off_change_nothing() -> None:
    image = np.random.default_rng(0).integers(0, 255, (8, 8, 4)).astype(np.uint8) | 1
    target = np.random.default_rng(1).integers(0, 3, (8, 8)).astype(np.uint8)
    same, kept = varied(image, target, np.zeros(4, np.float32), AS_IS, np.random.default_rng(0))
    np.testing.assert_array_equal(same, image)
    np.testing.assert_array_equal(kept, target)


@pytest.mark.parametrize("factor", [0.5, 0.8, 1.0, 1.3, 2.0])
def test_image_and_target_are_rescaled_together(factor: float) -> None:
    target = np.kron(np.random.default_rng(0).integers(1, 5, (8, 8)), np.ones((16, 16))).astype(np.uint8)
    image = np.stack([target * 10.0, np.full(target.shape, 7.0)], axis=-1).astype(np.float32)
    fill = np.array([-1.0, -2.0], np.float32)
    scaled, moved = rescaled(image, target, fill, factor, np.random.default_rng(3))
    assert scaled.shape == image.shape
    outside = moved == 0
    np.testing.assert_array_equal(scaled[outside], np.broadcast_to(fill, (outside.sum(), 2)))
    np.testing.assert_allclose(scaled[~outside, 1], 7.0)
    assert (~outside).mean() == pytest.approx(min(1.0, factor**2), abs=0.03)
    # but for the seams between squares, where the image is in between
    assert (np.abs(scaled[~outside, 0] - moved[~outside] * 10.0) < 1e-3).mean() > 0.8
    if factor == 1.0:
        np.testing.assert_allclose(scaled, image)
        np.testing.assert_array_equal(moved, target)


def test_outputs_follow_the_scheme(scheme) -> None:
    table = output_table(scheme)
    assert table[[0, 1, 2, 7, 9]].tolist() == [0, 1, 2, 3, 0]


def test_a_damaged_store_is_named(tmp_path, scheme) -> None:
    chips = _chips(tmp_path, scheme, 20)
    store = chips.stores[0]
    place = store._label.id.get_chunk_info(3).byte_offset
    store.close()
    path = tmp_path / "water.h5"
    with path.open("rb+") as file:
        file.seek(place)
        file.write(b"\0" * 16)
    damaged = ChipSet.of(open_stores(tmp_path, scheme))
    feed = Batches(damaged, scheme, 8, [0.0] * 4)
    with pytest.raises(LandcoverError, match=r"water\.h5: chip 3 cannot be read"):
        feed[0]
    assert "chip 3" in str(feed.failure)
    damaged.stores[0].close()
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(LandcoverError, match=r"water\.h5: is no chip store"):
        ChipStore(path)
