"""What the simulated accounts have agreed: currencies, rates, fees, and the rules that say so.

Amounts are minor units. Fees are rounded half up, once per payment.
"""

from dataclasses import dataclass
from functools import cache
from importlib import resources

import numpy as np
import numpy.typing as npt
import polars as pl

from order_ops.domain.money import minor_exponent
from order_ops.reconciliation.rules import Rules, parse_rules

HOME = "BRL"
"""The currency that exchanged payments are settled in."""


@dataclass(frozen=True, slots=True)
class Currency:
    """A currency of the simulation.

    Attributes:
        share: of the payments, in percent.
        numerator, denominator: minor units of it for those of BRL, roughly.
        rate_ppm: millionths of a BRL for one of it.
        fixed_minor: the fixed part of the contracted fee.
    """

    code: str
    share: int
    numerator: int
    denominator: int
    rate_ppm: int
    fixed_minor: int


CURRENCIES = (
    Currency("BRL", 55, 1, 1, 1_000_000, 39),
    Currency("USD", 16, 1, 5, 5_000_000, 30),
    Currency("EUR", 15, 2, 11, 5_500_000, 25),
    Currency("JPY", 8, 3, 10, 35_000, 30),
    Currency("KWD", 6, 5, 8, 16_000_000, 90),
)
"""With two decimals, none (JPY) and three (KWD)."""

_PPM = 1_000_000
_PERCENT_PPM = 29_000
_BOLETO_MINOR = 349
_LOOSE = 10
"""How far, in percent, a rate may be from the usual one."""


@cache
def amounts() -> npt.NDArray[np.int64]:
    """Real amounts of payments in minor units of BRL, sorted; many are there more than once."""
    text = (resources.files("order_ops.simulator") / "data" / "amounts.txt").read_text()
    return np.array(text.split(), dtype=np.int64)


def fee(settled: pl.Expr, balance: pl.Expr, method: pl.Expr, boleto: str | None) -> pl.Expr:
    """The contracted fee of a settled amount, in the currency of the balance.

    Args:
        settled: minor units, of either sign.
        balance: its currency.
        method: the provider's word for the means of payment.
        boleto: that for a boleto, which costs the same whatever its amount; None: has no word.
    """
    fixed = pl.lit(0, pl.Int64)
    for currency in CURRENCIES:
        here = balance == currency.code
        fixed = pl.when(here).then(pl.lit(currency.fixed_minor, pl.Int64)).otherwise(fixed)
    percent = (settled.abs() * _PERCENT_PPM + _PPM // 2) // _PPM + fixed
    if boleto is None:
        return percent
    return pl.when((method == boleto).fill_null(value=False)).then(_BOLETO_MINOR).otherwise(percent)


def into_home(amount: pl.Expr, currency: pl.Expr, percent: pl.Expr) -> pl.Expr:
    """An amount exchanged into BRL at so many percent of the usual rate, rounded half up."""
    found = pl.lit(None, dtype=pl.Int64)
    for one in CURRENCIES:
        shift = minor_exponent(HOME) - minor_exponent(one.code)
        up, down = 10 ** max(shift, 0), _PPM * 10 ** max(-shift, 0) * 100
        made = (amount * (one.rate_ppm * up) * percent + down // 2) // down
        found = pl.when(currency == one.code).then(made).otherwise(found)
    return found


def rules_text(boleto: str | None, *, pays_out: bool) -> str:
    """The rules file, YAML, under which a simulation is reconciled.

    Args:
        boleto: what the provider calls a boleto, null where it does not tell methods.
        pays_out: whether its files tell what was paid out.
    """
    fees = [_fee_line(one) for one in CURRENCIES]
    if boleto is not None:
        fees.append(f"{{method: {boleto}, fixed_minor: {_BOLETO_MINOR}, tolerance_minor: 1}}")
    rates = [_rate_line(one) for one in CURRENCIES if one.code != HOME]
    return _RULES.format(
        fees="\n".join(f"      - {line}" for line in fees),
        rates="\n".join(f"      - {line}" for line in rates),
        settlement="10" if pays_out else "null",
    )


def rules(boleto: str | None, *, pays_out: bool) -> Rules:
    """The same, read."""
    return parse_rules(rules_text(boleto, pays_out=pays_out), "simulated rules")


def _fee_line(one: Currency) -> str:
    percent = f"{_PERCENT_PPM / 10_000:g}"
    return (
        f"{{currency: {one.code}, percent: '{percent}', fixed_minor: {one.fixed_minor}, "
        "tolerance_minor: 1}"
    )


def _rate_line(one: Currency) -> str:
    low, high = (one.rate_ppm * (100 + apart) // 100 for apart in (-_LOOSE, _LOOSE))
    low_text, high_text = (f"{bound // _PPM}.{bound % _PPM:06}" for bound in (low, high))
    return f"{{from: {one.code}, to: {HOME}, low: '{low_text}', high: '{high_text}'}}"


_RULES = """\
# What the simulated account has agreed; without it neither fees nor rates are compared.
version: 1
calendar:
  days_off: [sat, sun]
  holidays: []
providers:
  default:
    passes: [exact_reference, own_reference, grouped, tolerance, subset_sum]
    grace:
      - {{internal: 1, provider: 1}}
    amounts:
      - {{tolerance_minor: 0}}
    fees:
{fees}
    rates:
{rates}
    tolerance: {{amount_minor: 0, days: 2, accept: false}}
    subset_sum: {{lines: 24, sums: 10000}}
    unpaid_days: 35
    stuck_days: 10
    settlement_days: {settlement}
    bank_days: {{window: 5, grace: 2}}
"""
