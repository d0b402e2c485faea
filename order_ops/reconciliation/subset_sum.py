"""Which of some amounts make up another one: a bounded search that says how far it went."""

from collections.abc import Sequence
from dataclasses import dataclass

MOST_FOUND = 3
"""So many sets are named; that there are more is said."""


@dataclass(frozen=True, slots=True)
class Search:
    """What a search found.

    Attributes:
        sets: places of the amounts that make up the sum, each in rising order; two at least in
            each set, since one amount that is equal is no sum.
        is_exhausted: whether every set was tried; else the search stopped at its bound.
    """

    sets: tuple[tuple[int, ...], ...]
    is_exhausted: bool


def search(target: int, amounts: Sequence[int], most_sums: int) -> Search:
    """Find sets of amounts, of either sign, that add up to a target; in integers.

    Args:
        amounts: in an order that does not depend on chance; it decides which sets are named first.
        most_sums: how many sums may be tried.
    """
    found: list[tuple[int, ...]] = []
    tried = 0
    highest, lowest = _reach(amounts)
    stack: list[tuple[int, int, tuple[int, ...]]] = [(0, target, ())]
    while stack:
        place, missing, taken = stack.pop()
        if missing == 0 and len(taken) > 1:
            found.append(taken)
            if len(found) > MOST_FOUND:
                return Search(tuple(found[:MOST_FOUND]), is_exhausted=False)
        if place == len(amounts):
            continue
        tried += 1
        if tried > most_sums:
            return Search(tuple(found), is_exhausted=False)
        for at in range(len(amounts) - 1, place - 1, -1):
            rest = missing - amounts[at]
            # what is left cannot make up more or less than this
            if lowest[at + 1] <= rest <= highest[at + 1]:
                stack.append((at + 1, rest, (*taken, at)))
    return Search(tuple(found), is_exhausted=True)


def _reach(amounts: Sequence[int]) -> tuple[list[int], list[int]]:
    """Return the highest and the lowest sum that the amounts from each place on can make."""
    highest, lowest = [0] * (len(amounts) + 1), [0] * (len(amounts) + 1)
    for place in range(len(amounts) - 1, -1, -1):
        highest[place] = highest[place + 1] + max(amounts[place], 0)
        lowest[place] = lowest[place + 1] + min(amounts[place], 0)
    return highest, lowest
