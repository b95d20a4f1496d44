"""Items on their way to workers and back, without any: a cluster of which the test says what it does."""

import logging
from collections.abc import Callable, Iterable
from types import SimpleNamespace

import pytest

from landcover import flight, remote
from landcover.flight import Flight, Task

pytest.importorskip("distributed")


class Landing(SimpleNamespace):
    """A future whose result comes when it is let."""

    status = "pending"

    def add_done_callback(self, callback: Callable[["Landing"], None]) -> None:
        self.callback = callback

    def result(self) -> remote.Answer:
        return remote.Answer("done", None, ())

    def land(self) -> None:
        self.status = "finished"
        self.callback(self)

    def __hash__(self) -> int:
        return id(self)


class Resting:
    """A cluster of which all workers but the last are paused, look after look; then the work is done."""

    room = 1

    def __init__(self, looks: list[tuple[int, int]]) -> None:
        self._looks = iter(looks)
        self._there = 0

    def submit(self, name: str, task: Task) -> Landing:
        self._flying = Landing()
        return self._flying

    def workers(self) -> dict[str, int]:
        return dict.fromkeys(map(str, range(self._there)), 1)

    def paused(self) -> set[str]:
        return set(map(str, range(self._paused)))

    def cancel(self, futures: Iterable[Landing]) -> None:
        pass

    def look(self) -> None:
        try:
            self._there, self._paused = next(self._looks)
        except StopIteration:
            self._there, self._paused = 1, 0
            self._flying.land()


def test_workers_that_are_paused_or_gone_are_told_of_and_waited_for(monkeypatch, caplog) -> None:
    monkeypatch.setattr(flight, "LOOK", 0.001)
    monkeypatch.setattr(flight, "SILENCE", 0.0)
    cluster = Resting([(4, 4), (4, 1), (4, 0), (0, 0)])
    one = Flight(cluster, "work", [7])
    release = one._release
    monkeypatch.setattr(one, "_release", lambda: (cluster.look(), release()))
    with caplog.at_level(logging.WARNING, "landcover.flight"):
        (outcome,) = one.outcomes()
    assert (outcome.item, outcome.result) == (7, "done")
    told = [message.split(",")[0] for message in caplog.messages]
    assert told == [
        "Note: 4 of 4 workers are paused", "Note: 1 of 4 workers are paused",
        "Note: the Dask cluster has no worker now: waiting for one",
    ]  # fmt: skip
    # not at each look, of which there are more than one a minute
    caplog.clear()
    monkeypatch.setattr(flight, "SILENCE", 60.0)
    passed = [0.0]
    monkeypatch.setattr(flight, "time", SimpleNamespace(monotonic=lambda: sum(passed)))
    other = Flight(again := Resting([(4, 4)] * 6), "work", [7])
    monkeypatch.setattr(other, "_release", lambda: (again.look(), passed.append(40.0)))
    assert len(list(other.outcomes())) == 1
    assert len(caplog.messages) == 3
