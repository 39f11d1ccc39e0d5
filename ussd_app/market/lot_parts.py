"""How goods are shared among those who brought them, to the gram: what is heaped together can only be told apart by shares."""

from __future__ import annotations

from collections.abc import Sequence


def allot(contents: Sequence[int], quantity: int) -> list[int]:
    """Take `quantity` out of a heap of `contents`, of each as it has to all; the largest remainders get what is left over.

    Args: base units, none below 0. Returns as many numbers, none above its content, whose sum is `quantity`; the same
    each time. Raises ValueError where the heap is smaller, or there is nothing to share among.
    """
    total = sum(contents)
    if not 0 <= quantity <= total:
        raise ValueError(f"{quantity} cannot be taken out of {total}")
    if not total:
        return [0] * len(contents)
    shares = [quantity * content // total for content in contents]
    rests = [quantity * content % total for content in contents]
    over = quantity - sum(shares)
    for place in sorted(range(len(contents)), key=lambda place: (-rests[place], place))[:over]:
        shares[place] += 1
    return shares
