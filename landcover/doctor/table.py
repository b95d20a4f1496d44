"""Findings as a person reads them."""

from collections.abc import Sequence

from landcover.doctor.finding import Finding
from landcover.words import counted

ORDER = ("error", "warning", "ok")


def as_text(findings: Sequence[Finding]) -> str:
    """By what was looked at, in its order; the worst first in each; how many of each kind at the end."""
    lines: list[str] = []
    rooms = dict.fromkeys(found.check.partition(".")[0] for found in findings)
    for room in rooms:
        lines += ["", room] if lines else [room]
        inside = [found for found in findings if found.check.partition(".")[0] == room]
        for found in sorted(inside, key=lambda f: ORDER.index(f.severity)):
            lines += _told(found)
    numbers = {kind: sum(found.severity == kind for found in findings) for kind in ORDER[:2]}
    total = " and ".join(counted(n, f"{kind}s") for kind, n in numbers.items() if n)
    ready = "" if numbers["error"] else ": nothing that would fail was found"
    return "\n".join([*lines, "", f"{total or 'all is well'}{ready}"])


def _told(found: Finding) -> list[str]:
    if found.severity == "ok":
        return [f"  ok       {found.what}"]
    lines = [f"  {found.severity:<8} {found.where}: {found.what}"]
    lines += [f"           {word + ':':<6}{text}" for word, text in (("why", found.why), ("mend", found.mend)) if text]
    return lines
