"""What this computer has: processor, memory and graphics card, within the limits of a container."""

import logging
import os
import platform
import sys
from dataclasses import dataclass
from pathlib import Path

from landcover.errors import LandcoverError

ROOT = Path("/")

FEATURES = {"avx": "AVX", "avx2": "AVX2", "avx512f": "AVX-512", "avx512_bf16": "AVX-512 BF16", "amx_bf16": "AMX BF16",
            "asimd": "NEON", "bf16": "BF16"}  # fmt: skip
"""Of a processor, what makes networks fast, as Linux names it and as others do."""


log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Memory:
    """Bytes: of the machine, what this process can still have of them, and the limit of a container, if any."""

    total: int
    free: int
    limit: int | None


def processor(root: Path = ROOT) -> tuple[str, int, tuple[str, ...] | None]:
    """Its name, the cores that this process may use, and its FEATURES; None where the system does not tell them."""
    told = _pairs(root / "proc/cpuinfo")
    name = told.get("model name") or platform.processor() or platform.machine()
    flags = told.get("flags") or told.get("Features")
    features = tuple(shown for flag, shown in FEATURES.items() if flag in flags.split()) if flags else None
    return name, cores(root), features


def cores(root: Path = ROOT) -> int:
    """Those that this process may use; a container may have a share of time instead, which is rounded up."""
    allowed = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
    for folder in _groups(root, "cpu"):
        quota, _, period = _text(folder / "cpu.max").partition(" ")
        if quota.isdigit() and period.strip().isdigit():
            allowed = min(allowed, -(-int(quota) // int(period)))
    return max(allowed, 1)


def memory(root: Path = ROOT) -> Memory | None:
    """None where the system does not tell."""
    told = _pairs(root / "proc/meminfo")
    try:
        total, free = (int(told[key].split()[0]) * 1024 for key in ("MemTotal", "MemAvailable"))
    except (KeyError, ValueError, IndexError):
        return None
    limits = []
    for folder in _groups(root, "memory"):
        for most, used in (("memory.max", "memory.current"), ("memory.limit_in_bytes", "memory.usage_in_bytes")):
            limit, now = _text(folder / most), _text(folder / used)
            # without a limit, older systems tell a number beyond any memory
            if limit.isdigit() and int(limit) < total:
                limits.append((int(limit), int(limit) - (int(now) if now.isdigit() else 0)))
    if limits:
        free = min(free, max(0, min(left for _, left in limits)))
    return Memory(total, free, min(limit for limit, _ in limits) if limits else None)


def check_workers(workers: int | None, most: float, least: float, enough: float) -> None:
    """Warn where so many worker processes may take more memory than this machine has, if each takes as many bytes as it
    may (`most`); what they may take is not told to be less than `enough`. Raises LandcoverError where there is too
    little even for the least."""
    found = memory() if workers else None
    if found is None or not workers:
        return
    there = found.limit or found.total
    fewer = max(1, int(there // most))
    if workers * least > there:
        wanted = f"give it {fewer}" if fewer < workers else "take a machine that has more"
        raise LandcoverError(
            f"--workers {workers}: this machine has {there / 1e9:.1f} GB of memory, and each worker takes "
            f"{least / 1e9:.1f} GB before it begins: {wanted}"
        )
    if workers * most > there:
        share = 0.9 * there / workers
        ways = [f"--memory {share / 1e6:.0f}MB"] if share >= enough else []
        ways += [f"--workers {fewer}"] if fewer < workers else []
        advice = f"; {', or '.join(ways)} keeps them within it" if ways else ""
        log.warning(
            "Note: %d workers may take %.1f GB of memory each, and this machine has %.1f GB: some may be killed%s",
            workers, most / 1e9, there / 1e9, advice,
        )  # fmt: skip


def gpus(root: Path = ROOT) -> list[str]:
    """The names of NVIDIA's graphics cards, as their driver tells them."""
    named = [_pairs(file).get("Model", "") for file in sorted(root.glob("proc/driver/nvidia/gpus/*/information"))]
    # a container may show the device alone
    return named or ["an NVIDIA GPU" for _ in root.glob("dev/nvidia[0-9]*")]


def _groups(root: Path, controller: str) -> list[Path]:
    """The control groups that this process is in, each of which may have limits."""
    folders = []
    for line in _text(root / "proc/self/cgroup").splitlines():
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if controllers and controller not in controllers.split(","):
            continue
        base = root / "sys/fs/cgroup" / (controller if controllers else "")
        own = base / path.lstrip("/")
        folders += [own, *(parent for parent in own.parents if parent.is_relative_to(base))]
    return list(dict.fromkeys(folders))


def _pairs(file: Path) -> dict[str, str]:
    """The lines "name: value" of a file, the first of each name."""
    found: dict[str, str] = {}
    for line in _text(file).splitlines():
        name, _, value = line.partition(":")
        found.setdefault(name.strip(), value.strip())
    return found


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""
