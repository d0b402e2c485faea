"""Which entry of ours is which line of the provider: the passes, each on what the earlier left.

A pass links two entries when each is alone under the pass's key on its side, and takes nothing
that it would have to guess. How that is done is in `linking`, passes without a key are in
`nearness`; what a linked pair or a lonely entry means belongs in `breaks`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Generic

import narwhals as nw
from narwhals.typing import FrameT

from order_ops.reconciliation.closing import Closing
from order_ops.reconciliation.crowds import Attempts, Step, attempts
from order_ops.reconciliation.decided import Forced
from order_ops.reconciliation.forced import link_forced
from order_ops.reconciliation.frames import computed
from order_ops.reconciliation.linking import Linked, is_empty, link
from order_ops.reconciliation.nearness import nearest, of_one_order
from order_ops.reconciliation.rules import PassName


def steps(passes: Sequence[PassName]) -> Iterator[Step]:
    """Return the steps of the passes that link by a key, in order."""
    groups = "grouped" in passes
    if "exact_reference" in passes:
        name, same = "exact_reference", ("provider_ref", "kind", "currency")
        yield Step(name, same, twins=True, groups=groups)
        yield Step(name, ("provider_ref", "kind"))
    if "own_reference" in passes:
        own, same = "own_reference", ("order_ref", "kind", "currency")
        yield Step(own, (*same, "amount_minor"))
        if groups:
            yield Step(own, same, groups=True, doubts=False)
        yield Step(own, ("order_ref", "kind"), doubts=False)


@dataclass(frozen=True, slots=True)
class Matching(Generic[FrameT]):
    """What the passes made of two sides; columns as in `linking.Linked`.

    near: pairs that are each other's single candidate, and that only a person may link.
    """

    pairs: FrameT
    near: FrameT
    aside: FrameT
    parts: FrameT
    internal_left: FrameT
    provider_left: FrameT


def match(
    internal: FrameT,
    provider: FrameT,
    known: FrameT,
    closing: Closing,
    forced: Sequence[Forced] = (),
) -> Matching[FrameT]:
    """Run the passes over entries with the columns `ENTRY`, after the links that people made.

    known: every provider_ref of ours, also of what is linked already.

    Within a step what has succeeded comes first: a failed attempt that shares its reference with
    the one that succeeded must not make it ambiguous.
    """
    rules = closing.rules
    found = [link(Step("none", ("provider_ref",)), internal.head(0), provider.head(0))]
    if forced:
        found.append(link_forced(internal, provider, forced))
        internal, provider = computed(found[1].internal_left), computed(found[1].provider_left)
    left = _Left.of(internal, provider)
    for step in steps(rules.passes):
        if step.rule == "own_reference":
            left.bar(known)
        found += left.run(step)
    linked, near = computed(nw.concat([part.pairs for part in found])), [found[0].pairs]
    if "own_reference" in rules.passes:
        near.append(of_one_order(left.settled, left.paid))
    if "tolerance" in rules.passes:
        nearby = nearest(left.settled, left.paid, rules.tolerance, closing.day)
        if rules.tolerance.accept:
            linked = nw.concat([linked, nearby.pairs])
            left.settled, left.paid = nearby.internal_left, nearby.provider_left
        else:
            near.append(nearby.pairs)
    return Matching(
        pairs=linked,
        near=computed(nw.concat(near)),
        aside=computed(nw.concat([part.aside for part in found])),
        parts=computed(nw.concat([part.parts for part in found])),
        internal_left=computed(nw.concat([left.settled, left.unsettled])),
        provider_left=computed(nw.concat([left.paid, left.unpaid, left.barred])),
    )


@dataclass(slots=True)
class _Left(Generic[FrameT]):
    """What no step has linked yet: ours and the provider's, each by whether it has succeeded."""

    settled: FrameT
    unsettled: FrameT
    paid: FrameT
    unpaid: FrameT
    barred: FrameT

    @classmethod
    def of(cls, internal: FrameT, provider: FrameT) -> "_Left[FrameT]":
        done = nw.col("status") == "succeeded"
        return cls(
            settled=computed(internal.filter(done)),
            unsettled=computed(internal.filter(~done)),
            paid=computed(provider.filter(done)),
            unpaid=computed(provider.filter(~done)),
            barred=provider.head(0),
        )

    def run(self, step: Step) -> Iterator[Linked[FrameT]]:
        for ours, theirs in (
            ("settled", "paid"),
            ("unsettled", "paid"),
            ("settled", "unpaid"),
            ("unsettled", "unpaid"),
        ):
            internal, provider = getattr(self, ours), getattr(self, theirs)
            if is_empty(internal) or is_empty(provider):
                continue
            of_ours, of_theirs = _tried(step, ours, internal), _tried(step, theirs, provider)
            counts = ours == "settled" or theirs == "paid"
            tried = replace(step, doubts=step.doubts and counts)
            done = link(tried, of_ours.first, of_theirs.first)
            left = nw.concat([done.internal_left, of_ours.others])
            setattr(self, ours, computed(left))
            setattr(self, theirs, computed(nw.concat([done.provider_left, of_theirs.others])))
            yield done

    def bar(self, known: FrameT) -> None:
        """Keep from later steps the lines whose reference we know: they are other payments."""
        named = ~nw.col("provider_ref").is_null()
        open_refs = nw.concat([self.paid, self.unpaid]).filter(named).select("provider_ref")
        # few of all that we know: what is joined below is small, however long the day
        known = computed(known.join(open_refs, on="provider_ref", how="semi"))
        for name in ("paid", "unpaid"):
            lines = getattr(self, name)
            ours = computed(lines.filter(named).join(known, on="provider_ref", how="semi"))
            if is_empty(ours):
                continue
            others = lines.filter(named).join(known, on="provider_ref", how="anti")
            setattr(self, name, computed(nw.concat([lines.filter(~named), others])))
            self.barred = computed(nw.concat([self.barred, ours]))


def _tried(step: Step, status: str, entries: FrameT) -> Attempts[FrameT]:
    """What has succeeded counts one by one, what has not once for all its attempts."""
    if status in ("settled", "paid"):
        return Attempts(entries, entries.head(0))
    return attempts(step, entries)
