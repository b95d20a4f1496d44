from pathlib import Path

import numpy as np
import pytest

from landcover.classify.journal import SUFFIXES, _forget, open_journal
from landcover.errors import LandcoverError


def _tile(value: int) -> list[np.ndarray]:
    return [np.full((3, 5), value, np.uint8), np.full((3, 5), 2 * value, np.uint8)]


def test_what_was_added_is_there_after_a_failure(tmp_path) -> None:
    def fail() -> None:
        with open_journal(tmp_path / "m.tif") as journal:
            assert journal.begin({"image": "a"}) is None
            journal.add(4, _tile(7))
            journal.add(9, None, [("f", 0, 256)])
            journal.add(10, None, [("f", 0, 256)])
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    with open_journal(tmp_path / "m.tif") as journal:
        assert journal.begin({"image": "a"}) == []
        assert journal.done() == {4, 9, 10}
        assert journal.filled()
        assert 0 < journal.size() < 100
        np.testing.assert_array_equal(journal.read(4, (3, 5)), _tile(7))
        assert journal.read(9, (3, 5)) is None
        assert journal.unreadable() == [("f", 0, 256)]
        journal.remove()
    assert list(tmp_path.iterdir()) == []


def test_another_key_forgets_and_says_what_differs(tmp_path) -> None:
    with open_journal(tmp_path / "m.tif") as journal:
        journal.begin({"image": "a", "model": 1, "options": [1]})
        journal.add(0, _tile(1))
        journal.note("precision", "float32")
        assert journal.noted("precision") == "float32"
    with open_journal(tmp_path / "m.tif") as journal:
        assert journal.begin({"image": "a", "model": 2, "options": [2]}) == ["model", "options"]
        assert journal.done() == set()
        assert journal.noted("precision") is None
        assert not journal.filled()


def test_two_runs_do_not_write_one_map(tmp_path) -> None:
    with (
        open_journal(tmp_path / "m.tif") as journal,
        pytest.raises(LandcoverError, match=r"m\.tif: another run is making this map"),
        open_journal(tmp_path / "m.tif"),
    ):
        pass
    assert journal is not None


def test_a_broken_journal_is_begun_anew(tmp_path) -> None:
    (tmp_path / ".unfinished-m.tif.sqlite").write_bytes(b"no database " * 1000)
    with open_journal(tmp_path / "m.tif") as journal:
        assert journal.begin({}) is None
        assert journal.done() == set()


def test_a_full_disk_is_told_and_what_is_done_stays(tmp_path) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (1, 400, 400), np.uint8)

    def fill() -> None:
        with open_journal(tmp_path / "m.tif") as journal:
            journal.begin({})
            journal.add(0, list(noise))
            # what a full disk says
            journal._connection.execute("PRAGMA max_page_count = 60")
            for index in range(1, 9):
                journal.add(index, list(noise))

    with pytest.raises(LandcoverError, match=r"m\.tif: the disk is full: make room and give the same command again"):
        fill()
    with open_journal(tmp_path / "m.tif") as journal:
        assert journal.begin({}) == []
        assert 0 in journal.done()


def test_a_place_that_cannot_be_written_is_told(tmp_path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(LandcoverError, match="cannot make this folder"), open_journal(tmp_path / "file/m.tif"):
        pass
    (tmp_path / ".unfinished-m.tif.sqlite").mkdir()
    with pytest.raises(LandcoverError, match="cannot be written"), open_journal(tmp_path / "m.tif"):
        pass


def test_a_journal_that_broke_in_the_middle_is_removed_and_told(tmp_path) -> None:
    with open_journal(tmp_path / "m.tif") as journal:
        journal.begin({})
        journal.add(0, _tile(3))
        journal._connection.execute("UPDATE tiles SET pixels = x'00'")
        journal._connection.commit()

    def read() -> None:
        with open_journal(tmp_path / "m.tif") as journal:
            journal.read(0, (3, 5))

    with pytest.raises(LandcoverError, match="damaged and is removed: give the same command again"):
        read()
    assert list(tmp_path.iterdir()) == []


def test_no_log_outlives_its_journal(tmp_path, monkeypatch) -> None:
    """SQLite would read it into the next one."""
    path = tmp_path / ".unfinished-m.tif.sqlite"
    for suffix in SUFFIXES:
        path.with_name(path.name + suffix).touch()
    unlink, left = Path.unlink, []

    def killed(place: Path, **more: bool) -> None:
        left.append(sorted(p.name.removeprefix(path.name) for p in tmp_path.iterdir()))
        unlink(place, **more)

    monkeypatch.setattr(Path, "unlink", killed)
    _forget(path)
    assert all("" in names for names in left)
    assert list(tmp_path.iterdir()) == []
