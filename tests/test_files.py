import os
from pathlib import Path

import pytest

from landcover.errors import LandcoverError, OutputExists
from landcover.files import check_free, check_space, whole_file, whole_folder


def test_a_file_is_whole_or_as_it_was(tmp_path) -> None:
    path = tmp_path / "new/a.txt"
    with whole_file(path) as temporary:
        temporary.write_text("first")
        assert not path.exists()
    assert path.read_text() == "first"

    def fail() -> None:
        with whole_file(path) as temporary:
            temporary.write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert path.read_text() == "first"
    assert [p.name for p in path.parent.iterdir()] == ["a.txt"]


def test_what_is_there_is_seen_by_way_of_a_folder_that_is_not(tmp_path) -> None:
    (tmp_path / "a.txt").touch()
    for path in (tmp_path / "a.txt", tmp_path / "missing" / ".." / "a.txt"):
        with pytest.raises(OutputExists):
            check_free(path, overwrite=False)
        check_free(path, overwrite=True)
    check_free(tmp_path / "b.txt", overwrite=False)


def test_a_folder_is_whole_or_as_it_was(tmp_path) -> None:
    path = tmp_path / "out"
    with whole_folder(path) as temporary:
        (temporary / "a").write_text("first")

    def fail() -> None:
        with whole_folder(path) as temporary:
            (temporary / "b").write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert [p.name for p in path.iterdir()] == ["a"]
    with whole_folder(path) as temporary:
        (temporary / "b").write_text("second")
    assert [p.name for p in path.iterdir()] == ["b"]
    assert [p.name for p in tmp_path.iterdir()] == ["out"]


def test_what_a_killed_run_left_is_replaced(tmp_path) -> None:
    (tmp_path / ".partial-out").mkdir()
    (tmp_path / ".partial-out/old").write_text("half")
    with whole_folder(tmp_path / "out") as temporary:
        (temporary / "new").write_text("whole")
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["new"]


def test_a_replacement_cut_off_half_way_is_undone(tmp_path) -> None:
    path = tmp_path / "out"
    (tmp_path / ".former-out").mkdir()
    (tmp_path / ".former-out/a").write_text("first")

    def fail() -> None:
        with whole_folder(path):
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert (path / "a").read_text() == "first"
    assert [p.name for p in tmp_path.iterdir()] == ["out"]


def test_the_former_folder_returns_when_the_new_one_cannot_take_its_place(tmp_path, monkeypatch) -> None:
    path = tmp_path / "out"
    with whole_folder(path) as temporary:
        (temporary / "a").write_text("first")
    replace = os.replace

    def interrupted(source: Path, target: Path) -> None:
        if Path(source).name.startswith(".partial"):
            raise KeyboardInterrupt
        replace(source, target)

    def second() -> None:
        with whole_folder(path) as temporary:
            (temporary / "a").write_text("second")

    monkeypatch.setattr(os, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        second()
    assert (path / "a").read_text() == "first"
    assert [p.name for p in tmp_path.iterdir()] == ["out"]


def test_too_little_room_is_told_before_the_work(tmp_path) -> None:
    check_space(tmp_path / "not/yet/there", 1000)
    with pytest.raises(LandcoverError, match=r"needs up to 1,000,000,000,000 MB"):
        check_space(tmp_path / "not/yet/there", 10**18)
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_told_with_the_file(tmp_path) -> None:
    def fill() -> None:
        with whole_file(tmp_path / "a.tif"):
            raise OSError(28, "No space left on device")

    with pytest.raises(LandcoverError, match=r"a\.tif: cannot be written \(No space left on device\)"):
        fill()
    assert list(tmp_path.iterdir()) == []
