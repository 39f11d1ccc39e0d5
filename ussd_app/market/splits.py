"""The arithmetic of a pay list: a total split by what each brought, to the franc, and what is taken off each part.

Largest remainder: everybody gets the whole part of her exact share; what is left over goes, one minor unit each, to
those whose exact shares were cut the most; who stands earlier in the list goes first where they are alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple


class Advance(NamedTuple):
    """Inputs on credit that are still owed: `left` minor units."""

    id: str
    name: str
    left: int


class Owes(NamedTuple):
    """What may be taken off one part: `fee` minor units, then `advances` in their order, together at most
    `advance_pct` of the part."""

    fee: int = 0
    advances: tuple[Advance, ...] = ()
    advance_pct: int = 100


@dataclass(frozen=True)
class Part:
    """One part, minor units: `amount` = `fee` + the `taken` advances (id, name, amount) + `net`."""

    amount: int
    fee: int
    taken: tuple[Advance, ...]
    net: int

    @property
    def advance(self) -> int:
        return sum(one.left for one in self.taken)


@dataclass(frozen=True)
class Split:
    """The parts in the order of their weights; their amounts add up to the total. `rounding`: how many minor units of
    it went to the largest remainders."""

    parts: tuple[Part, ...]
    rounding: int

    @property
    def fee(self) -> int:
        return sum(part.fee for part in self.parts)

    @property
    def advance(self) -> int:
        return sum(part.advance for part in self.parts)


def split(total: int, weights: Sequence[int], owes: Sequence[Owes] = ()) -> Split:
    """Split `total` (minor units) by `weights` (good base units, each above 0); `owes` stands for each of them, or none.

    Raises ValueError for a total below 0, a weight that is not above 0, or no weights to split something by.
    """
    if total < 0 or any(weight <= 0 for weight in weights) or (owes and len(owes) != len(weights)):
        raise ValueError("a total of 0 or more is split by weights above 0")
    whole = sum(weights)
    if not whole:
        if total:
            raise ValueError("there is nobody to split it among")
        return Split((), 0)
    amounts = [total * weight // whole for weight in weights]
    rounding = total - sum(amounts)
    by_cut = sorted(range(len(weights)), key=lambda place: (-(total * weights[place] % whole), place))
    for place in by_cut[:rounding]:
        amounts[place] += 1
    each = owes or [Owes()] * len(amounts)
    return Split(tuple(_part(amount, owed) for amount, owed in zip(amounts, each, strict=True)), rounding)


def _part(amount: int, owes: Owes) -> Part:
    """The fee goes first; advances take what is left, up to their share of the whole."""
    fee = min(amount, max(0, owes.fee))
    room = min(amount - fee, amount * owes.advance_pct // 100)
    taken: list[Advance] = []
    for advance in owes.advances:
        more = min(room, advance.left)
        if more > 0:
            taken.append(advance._replace(left=more))
            room -= more
    return Part(amount, fee, tuple(taken), amount - fee - sum(one.left for one in taken))
