import pytest

from landcover import precision
from landcover.precision import choose_precision


@pytest.fixture
def machine(monkeypatch):
    """A machine with these processor features and GPUs."""

    def have(flags: tuple[str, ...] = (), gpus: tuple[tuple[int, int], ...] = ()) -> None:
        monkeypatch.setattr(precision, "_processor_has", lambda wanted: any(flag in flags for flag in wanted))
        monkeypatch.setattr(precision, "_gpus", lambda: list(gpus))

    return have


def test_what_was_asked_for_is_used(machine) -> None:
    machine(flags=("amx_bf16",))
    assert choose_precision("float32") == "float32"
    machine()
    assert choose_precision("bfloat16") == "bfloat16"


@pytest.mark.parametrize(
    ("flags", "gpus", "chosen"),
    [
        ((), (), "float32"),
        (("amx_bf16",), (), "bfloat16"),
        (("amx_bf16",), ((7, 5),), "float32"),
        ((), ((8, 6),), "bfloat16"),
        ((), ((8, 6), (7, 0)), "float32"),
        (("avx512_bf16",), (), "float32"),
    ],
)
def test_hardware_that_is_known_decides(machine, flags, gpus, chosen) -> None:
    machine(flags, gpus)
    assert choose_precision("auto") == chosen


@pytest.mark.parametrize(("seconds", "chosen"), [(1.0, "bfloat16"), (1.9, "float32"), (3.0, "float32")])
def test_where_it_is_not_known_a_trial_decides_and_is_told(machine, caplog, monkeypatch, seconds, chosen) -> None:
    machine(flags=("avx512_bf16",))
    clock, done = [0.0], []
    # what comes first compiles; then a machine that has other work, the longer the more
    slower = {"float32": iter([9, 1, 1.5, 4, 8]), "bfloat16": iter([9, 1, 3, 4, 8])}

    def trial(asked: str):
        def work() -> None:
            done.append(asked)
            clock[0] += (2.0 if asked == "float32" else seconds) * next(slower[asked])

        return work

    monkeypatch.setattr(precision.time, "perf_counter", lambda: clock[0])
    with caplog.at_level("INFO"):
        assert choose_precision("auto", trial) == chosen
    assert done == ["float32", "bfloat16"] * 5
    assert f"Computing in {chosen}: on this processor bfloat16 is {2 / seconds:.2f} times as fast" in caplog.text
    # a processor without it is not tried
    machine()
    assert choose_precision("auto", trial=lambda asked: pytest.fail("tried")) == "float32"
