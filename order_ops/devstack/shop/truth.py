"""What a system found in a day, against what was put into it.

Belongs here: the judge. It is strict: a break that no label asks for is wrong,
so is a pair that is not true or that uses an entry or a line twice, and a fault
that did not become what it must is missed.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from .model import Label, ShopDay

Pair = tuple[str, str]
"""Our entry id (`payment:pi_...`, `refund:re_...`), and the provider's line id."""


@dataclass(frozen=True, slots=True)
class FoundBreak:
    """A break as the system stored it.

    Attributes:
        members: any of its entry ids, line ids, provider and order references.
        amount_minor: the money at stake; None: not judged.
    """

    break_class: str
    members: frozenset[str]
    amount_minor: int | None = None


@dataclass(frozen=True, slots=True)
class Truth:
    """The judgement.

    Attributes:
        precision: the share of all pairs, breaks and parked messages found that are true.
        recall: the share of the labels that were found; an ordinary pair that
            was not matched counts as one more label that was missed.
        missed: what was not found, in words.
        wrong: what was found and is not so, in words.
    """

    precision: float
    recall: float
    missed: tuple[str, ...]
    wrong: tuple[str, ...]


def score(
    day: ShopDay,
    matches: Iterable[Pair],
    breaks: Iterable[FoundBreak],
    parked: Collection[bytes] | None = None,
) -> Truth:
    """Judge a system's matches, breaks and parked bodies; no `parked`: poison is not judged."""
    matches, breaks = list(matches), list(breaks)
    labels = [label for label in day.labels if label.body is None or parked is not None]
    bodies = {label.body for label in labels if label.body is not None}
    good_pairs, wrong = _judge_pairs(day, matches)
    found, wrong_breaks = _judge_breaks(labels, breaks)
    wrong += wrong_breaks
    wrong += [
        f"parked, but not broken: {body[:80]!r}" for body in parked or () if body not in bodies
    ]
    missed = [
        problem
        for index, label in enumerate(labels)
        if (problem := _missed(label, found=index in found, pairs=good_pairs, parked=parked or ()))
    ]
    ordinary = _missed_ordinary(day, good_pairs)
    claims = len(matches) + len(breaks) + len(parked or ())
    asked = len(labels) + len(ordinary)
    return Truth(
        precision=1 - len(wrong) / claims if claims else 1.0,
        recall=1 - (len(missed) + len(ordinary)) / asked if asked else 1.0,
        missed=(*missed, *ordinary),
        wrong=tuple(wrong),
    )


def _judge_pairs(day: ShopDay, matches: list[Pair]) -> tuple[set[Pair], list[str]]:
    good: set[Pair] = set()
    wrong: list[str] = []
    used: set[str] = set()
    for pair in matches:
        entry, line = pair
        if pair not in day.links:
            wrong.append(f"matched, but not one payment: {entry} with {line}")
        elif entry in used or line in used:
            wrong.append(f"matched twice: {entry} with {line}")
        else:
            good.add(pair)
        used |= {entry, line}
    return good, wrong


def _judge_breaks(labels: list[Label], breaks: list[FoundBreak]) -> tuple[set[int], list[str]]:
    """The labels that were found (by index), and the breaks that are wrong."""
    by_key = {key: index for index, label in enumerate(labels) for key in label.keys}
    found: set[int] = set()
    wrong: list[str] = []
    for item in breaks:
        named = {by_key[member] for member in item.members if member in by_key}
        index = named.pop() if len(named) == 1 else None
        problem = _wrong(item, labels[index] if index is not None else None, again=index in found)
        if problem:
            wrong.append(problem)
        elif index is not None:
            found.add(index)
    return found, wrong


def _wrong(item: FoundBreak, label: Label | None, *, again: bool) -> str | None:
    name = f"{item.break_class} of {', '.join(sorted(item.members))}"
    if label is None:
        return f"break, but nothing was put in: {name}"
    if item.break_class != label.expected_class:
        return f"break, but the fault is {label.fault}: {name}"
    if item.amount_minor not in (None, label.amount_minor):
        return f"break of {item.amount_minor}, but {label.amount_minor} are at stake: {name}"
    return f"break found twice: {name}" if again else None


def _missed(
    label: Label, *, found: bool, pairs: set[Pair], parked: Collection[bytes]
) -> str | None:
    name = f"{label.fault} of order {label.order_id} at {label.account}"
    if label.body is not None:
        return None if label.body in parked else f"poison not parked: {label.body[:80]!r}"
    if label.expected_class and not found:
        return f"no break {label.expected_class}: {name}"
    if label.expected_match and not any((label.entry_id, line) in pairs for line in label.lines):
        return f"not matched: {name}"
    return None


def _missed_ordinary(day: ShopDay, pairs: set[Pair]) -> list[str]:
    labelled = {label.entry_id for label in day.labels}
    matched = {entry for entry, _ in pairs}
    ordinary = {entry for entry, _ in day.links} - labelled
    return [f"not matched: {entry}" for entry in sorted(ordinary - matched)]
