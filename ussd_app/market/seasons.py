"""Seasons: a coffee year runs from 1 October to 30 September and bears the year in which it ends."""

from __future__ import annotations

FIRST_MONTH = 10


def season_of(day: str) -> str:
    """The season of a local day (YYYY-MM-DD): `2026` from 2025-10-01 to 2026-09-30."""
    year, month = int(day[:4]), int(day[5:7])
    return f"{year + (month >= FIRST_MONTH):04d}"
