"""How demonstration rows are known again: their ids begin with six characters that no id made by the service has.

A service's id begins with the time it was made; these six stand for a moment of 2019, so demonstration rows also sort
before everything real, among themselves by the time they were made.
"""

from __future__ import annotations

from random import Random

PREFIX = "01DEM0"
FIRST, AFTER = PREFIX + "0" * 20, "01DEM1" + "0" * 20  # every demonstration id is >= FIRST and < AFTER
_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def row_id(rng: Random, at: int) -> str:
    """A new id for a row made at `at` (epoch ms): 26 characters, the last ten from `rng`."""
    return PREFIX + _coded(at) + _coded(rng.getrandbits(50))


def fixed_id(kind: str, number: int) -> str:
    """The id of a person or cooperative, the same whatever the seed and date; `kind` one capital letter."""
    return f"{PREFIX}{kind:0>17}{number:03d}"


def is_demo(row_id: str) -> bool:
    """Whether this row was made by the demonstration."""
    return row_id.startswith(PREFIX)


def _coded(value: int) -> str:
    return "".join(_CROCKFORD[value >> shift & 31] for shift in range(45, -1, -5))
