"""One day of the shop, and the truth about it.

Belongs here: putting the parts together, and the labels and figures that follow
from what was put in. Nothing is found out by running the product: that is what
the figures are for. The same day and seed give the same bytes.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from datetime import date

from .events import drafts_of, encode
from .fates import BREAK_CLASS, FAULTS, FINAL_STATE, Fate, assign_fates
from .lines import Recorded, intents_of, lines_of
from .lives import Dice, Life, live
from .model import ACCOUNTS, Expected, Label, Message, ShopDay, Stake
from .poison import poison_messages
from .report import close_day, to_csv
from .sample import SampleOrder, load_sample

SEED = 20_260
"""The demo's seed."""


def build_day(day: date, seed: int = SEED, orders: Sequence[SampleOrder] | None = None) -> ShopDay:
    """The accounting day `day` (America/Sao_Paulo) of the shop.

    Args:
        orders: with their payments; none: the sample of 5,000.
    """
    dice = Dice(day, seed)
    orders = load_sample() if orders is None else orders
    fates = assign_fates(orders, dice.rng)
    lives = [live(order, fates.get(order.order_id, Fate.PAID), dice) for order in orders]
    poison = poison_messages(dice)
    messages = _scatter(encode([d for life in lives for d in drafts_of(life)], dice), poison)
    recorded = [line for life in lives for line in lines_of(life)]
    lines = {
        account: close_day(account, (r.line for r in recorded if r.account == account), dice)
        for account in ACCOUNTS
    }
    labels = (
        *(_label(life) for life in lives if life.fate in FAULTS),
        *(Label("poison", body=message.body) for message in poison),
    )
    return ShopDay(
        day=day,
        messages=tuple(messages),
        lines=lines,
        provider_files={name: to_csv(name, rows, dice) for name, rows in lines.items()},
        intents=tuple(intent for life in lives for intent in intents_of(life)),
        links=frozenset((r.entry_id, r.line.line_id) for r in recorded if r.entry_id),
        labels=labels,
        expected=_expected(lives, messages, recorded, labels),
    )


def _scatter(messages: list[Message], poison: list[Message]) -> list[Message]:
    """Put the poison among the good messages, so that a batch has both."""
    step = len(messages) // (2 * (len(poison) + 1))  # well inside the first phase
    for place, message in enumerate(poison, start=1):
        messages.insert(place * step, message)
    return messages


def _label(life: Life) -> Label:
    payment = life.late or life.payments[0]
    expected_class = BREAK_CLASS.get(life.fate)
    ours = life.fate is not Fate.MISSING_INTERNAL
    stake = abs(life.error_minor) or payment.amount_minor
    return Label(
        fault=life.fate.value,
        order_id=life.order_id,
        account=payment.account,
        payment_ref=payment.ref,
        entry_id=f"payment:{payment.ref}" if ours else None,
        lines=frozenset(recorded.line.line_id for recorded in lines_of(life)),
        amount_minor=stake if expected_class else 0,
        expected_class=expected_class,
        expected_match=expected_class in (None, "duplicate_provider"),
    )


def _expected(
    lives: Sequence[Life],
    messages: Sequence[Message],
    recorded: Iterable[Recorded],
    labels: Iterable[Label],
) -> Expected:
    heard = [life for life in lives if life.fate is not Fate.MISSING_INTERNAL]
    stakes: dict[str, list[int]] = defaultdict(list)
    for label in labels:
        if label.expected_class:
            stakes[label.expected_class].append(label.amount_minor)
    parked = sum(label.fault == "poison" for label in labels)
    duplicates = len(messages) - len({message.body for message in messages})
    broken = {
        label.entry_id for label in labels if label.expected_class and not label.expected_match
    }
    entries = {line.entry_id for line in recorded} - broken - {None}
    return Expected(
        published=len(messages),
        duplicates=duplicates,
        parked=parked,
        applied=len(messages) - duplicates - parked,
        orders=dict(
            sorted(Counter(FINAL_STATE.get(life.fate, "CONFIRMED") for life in heard).items())
        ),
        breaks={name: Stake(len(sums), sum(sums)) for name, sums in sorted(stakes.items())},
        matched=len(entries),
    )
