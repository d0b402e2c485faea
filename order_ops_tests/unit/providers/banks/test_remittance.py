"""Of a line's text remains what finds a payout, and nothing about persons."""

import pytest

from order_ops.domain.redaction import REDACTED
from order_ops.providers.banks.remittance import Keeper
from order_ops.providers.masking import masked, masked_reference

KEEPER = Keeper(("stripe", "Adyen N.V."))


@pytest.mark.parametrize(
    ("text", "parties", "kept", "party"),
    [
        ("STRIPE PAYOUT ABCDEF", ("Stripe Ltd", "Us"), "STRIPE PAYOUT ABCDEF", "Stripe Ltd"),
        ("payout", ("ADYEN N.V. STICHTING",), "payout", "ADYEN N.V. STICHTING"),
        ("Payment of Stripe, batch 7", (), "Payment of Stripe, batch 7", None),
        ("Stripe dispute of Ann Bee", ("Ann Bee",), "Stripe dispute of", None),
        ("stripe for Ann", ("Stripe", "Ann"), "stripe for", "Stripe"),
        ("Invoice 2026/17 for Ann Bee", ("Ann Bee",), "2026/17", None),
        ("Invoice for Ann Bee", ("Ann Bee",), None, None),
        ("pinstripe suit 7", (), "7", None),
        ("", ("Ann",), None, None),
        ("a@b.example 4242 4242 4242 4242 DE89370400440532013000 no7", (), "no7", None),
        ("GB33 BUKB 2020 1555 5555 55 R-1", (), "R-1", None),
        ("call +49 170 1234567 R-1", (), "R-1", None),
        ("CPF 123.456.789-09 R-1", (), "R-1", None),
    ],
)
def test_what_is_kept(
    text: str, parties: tuple[str, ...], kept: str | None, party: str | None
) -> None:
    found = KEEPER.keep(text, parties)
    assert (found.text, found.party) == (kept, party)


def test_without_a_list_nobody_is_known() -> None:
    assert Keeper(()).keep("STRIPE PAYOUT R1", ("Stripe",)).text == "R1"


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("GB33BUKB20201555555555", REDACTED),
        ("to GB33 BUKB 2020 1555 5555 55 now", f"to {REDACTED} now"),
        ("GB34BUKB20201555555555", "GB34BUKB20201555555555"),
        ("TX12 3456 7890 1234", "TX12 3456 7890 1234"),
    ],
)
def test_ibans_by_their_check_digits(text: str, left: str) -> None:
    assert masked(text) == left


def test_references_that_could_be_cards_are_references() -> None:
    assert masked_reference("4242424242424242") == "4242424242424242"
    assert masked_reference("ann@bee.example") == REDACTED
    assert masked_reference("GB33BUKB20201555555555") == REDACTED
