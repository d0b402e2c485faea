"""The real payments behind the demo: 5,000 orders of olist's published data set.

Belongs here: reading `data/orders.parquet`, and how that file was chosen from
the whole data set. What happens to an order on the demo's day does not.

Amounts, payment types and split payments are as published. The data set has no
timestamps: every time of the demo comes from a fixed seed, see `lives`.
"""

from dataclasses import dataclass
from decimal import Decimal
from hashlib import sha256
from itertools import groupby
from pathlib import Path

FILE = Path(__file__).parent / "data" / "orders.parquet"
SIZE = 5_000


@dataclass(frozen=True, slots=True)
class SamplePayment:
    """One payment of an order, in minor units of BRL; 0 occurs."""

    sequential: int
    method: str
    amount_minor: int


@dataclass(frozen=True, slots=True)
class SampleOrder:
    """An order under its real id (32 hex digits) with all its payments."""

    order_id: str
    payments: tuple[SamplePayment, ...]

    @property
    def total_minor(self) -> int:
        """What the customer has to pay."""
        return sum(payment.amount_minor for payment in self.payments)


def load_sample(path: Path = FILE) -> list[SampleOrder]:
    """The orders of the sample, by id."""
    import polars as pl  # noqa: PLC0415 - heavy

    columns = ["order_id", "payment_sequential", "payment_type", "amount_minor"]
    rows = pl.read_parquet(path, columns=columns).rows()
    return [
        SampleOrder(order_id, tuple(SamplePayment(*row[1:]) for row in group))
        for order_id, group in groupby(rows, key=lambda row: row[0])
    ]


def minor(value: float) -> int:
    """The exact minor units of a published amount, by its decimal notation.

    Raises:
        ValueError: the amount has more than two decimals.
    """
    scaled = Decimal(repr(value)) * 100
    if scaled != scaled.to_integral_value():
        raise ValueError(f"{value!r} is not a whole number of cents")
    return int(scaled)


def choose_sample(source: Path, target: Path = FILE) -> None:
    """Write the sample out of the whole data set (`olist_payments.parquet`).

    The oddities come first (orders with a payment of 0.00 or of no known type),
    then the orders with the smallest hash of their id: no chance, no bias.
    """
    import polars as pl  # noqa: PLC0415 - heavy

    odd = (pl.col("payment_value") == 0) | (pl.col("payment_type") == "not_defined")
    payments = pl.read_parquet(source)
    first = set(payments.filter(odd)["order_id"])
    ids = sorted(
        set(payments["order_id"]),
        key=lambda order_id: (order_id not in first, sha256(order_id.encode()).digest()),
    )
    amounts = pl.Series("amount_minor", [minor(value) for value in payments["payment_value"]])
    payments.with_columns(amounts).filter(pl.col("order_id").is_in(ids[:SIZE])).select(
        "order_id", "payment_sequential", "payment_type", "amount_minor"
    ).sort("order_id", "payment_sequential").write_parquet(
        target, compression="zstd", compression_level=19
    )
