"""Figures, targets and the one table at the end."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median


@dataclass(frozen=True)
class Line:
    """One line of the table: what was measured, the figure with its spread, the target, and whether it is met (None:
    no target, or not measured)."""

    what: str
    figure: str
    target: str = ""
    met: bool | None = None

    @property
    def verdict(self) -> str:
        return {True: "ok", False: "MISSED", None: ""}[self.met]


@dataclass
class Report:
    """All lines; `faults` are wrong answers and parts that failed: no speed makes up for them."""

    lines: list[Line] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    def add(self, what: str, figure: str, target: str = "", met: bool | None = None) -> None:
        self.lines.append(Line(what, figure, target, met))

    @property
    def sound(self) -> bool:
        return not self.faults and all(line.met is not False for line in self.lines)

    def text(self) -> str:
        """The table, the faults under it."""
        rows = [("measured", "figure", "target", "")] + [
            (line.what, line.figure, line.target, line.verdict) for line in self.lines
        ]
        widths = [max(len(row[column]) for row in rows) for column in range(4)]
        rows.insert(1, ("-" * widths[0], "-" * widths[1], "-" * widths[2], "-" * max(widths[3], 2)))
        text = "\n".join("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)
        faults = "".join(f"\nFAULT  {fault}" for fault in self.faults)
        return "\n".join(line.rstrip() for line in text.split("\n")) + faults


def spread(values: Sequence[float], digits: int = 2) -> str:
    """`median (lowest to highest)`; of one value, that."""
    middle = f"{median(values):.{digits}f}"
    if len(values) < 2:
        return middle
    return f"{middle} ({min(values):.{digits}f} to {max(values):.{digits}f})"


def machine(sync: float, slow_sync: float | None, rounds: int, seconds: float) -> str:
    """What it was measured on, in one line."""
    load = f", load {os.getloadavg()[0]:.1f} as it began" if hasattr(os, "getloadavg") else ""
    slow = f", slowed {slow_sync / 1000:.1f} ms" if slow_sync else ""
    return (
        f"{os.cpu_count()} cores{load}, {platform.system()} {platform.machine()}, Python {platform.python_version()}; a"
        f" sync of this disk takes {sync:.0f} us{slow}; {rounds} rounds of {seconds:g} s, interleaved"
    )
