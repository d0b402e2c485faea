"""Reports as Stripe exports them, and how one is refused."""

from pathlib import Path

import pytest

from order_ops.providers.files.report import ReportError
from order_ops.providers.files.stripe_report import read

HEADER = (
    "balance_transaction_id,created_utc,currency,gross,fee,net,reporting_category,"
    "source_id,payment_intent_id,payment_metadata[order_id]"
)
GOOD = "txn_1,2024-01-05 10:00:00,brl,100.00,3.50,96.50,charge,ch_1,pi_1,o1"


def write(folder: Path, *lines: str, end: str = "\n") -> Path:
    path = folder / "report.csv"
    path.write_bytes(("\n".join((HEADER, *lines)) + end).encode())
    return path


def refused(path: Path, **options: str) -> ReportError:
    with pytest.raises(ReportError) as caught:
        read(path, **options)
    assert "\n" not in str(caught.value)
    assert caught.value.hint
    return caught.value
