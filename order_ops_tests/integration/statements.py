"""An account that is paid out to a bank, with files of both, for tests."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from sqlalchemy import text

from order_ops.jobs.days.reconcile import DayResult, reconcile_day, snapshot_internal
from order_ops.jobs.days.reconciliation_days import AccountDay, take_due
from order_ops.mapping import Account, Mapping
from order_ops.mapping.accounts import AccountBank
from order_ops.reconciliation.rules import load_rules
from order_ops.store.engine import transaction
from order_ops_tests.integration.conftest import Shop
from order_ops_tests.shop import NOW
from order_ops_tests.unit.providers.banks import camt_files

HEADER = (
    "balance_transaction_id,created_utc,available_on_utc,currency,gross,fee,net,"
    "reporting_category,payment_intent_id,charge_id,source_id,payment_metadata[order_id]"
)
IBAN = "DE75512108001245126199"
RESULTS = ("reconciliation_breaks", "break_members", "reconciliation_bridge", "carry")


@dataclass(frozen=True, slots=True)
class Paid:
    """A shop whose account `shop-cards` is paid out to a bank."""

    shop: Shop
    mapping: Mapping
    folder: Path

    @classmethod
    def of(cls, shop: Shop, folder: Path, **values: Any) -> "Paid":
        """With other values of the account than the bundled ones."""
        bank = AccountBank(account=IBAN, format="camt053")
        account = shop.mapping.account("shop-cards").model_copy(update={"bank": bank} | values)
        return cls(shop, shop.mapping.model_copy(update={"accounts": [account]}), folder)

    @property
    def account(self) -> Account:
        """The account."""
        return self.mapping.accounts[0]

    def provider_file(self, name: str, lines: Sequence[tuple[str, str, int]]) -> Path:
        """A Stripe report; lines are (line id, day, minor units): a charge, or a payout below 0."""
        rows = [
            f"{line},{day} 15:00:00,{day} 15:00:00,brl,{amount / 100:.2f},0.00,{amount / 100:.2f},"
            + (f"payout,,,po_{line}," if amount < 0 else f"charge,pi_{line},ch_{line},ch_{line},o")
            for line, day, amount in lines
        ]
        path = self.folder / name
        path.write_text("\n".join([HEADER, *rows]) + "\n", encoding="utf-8")
        return path

    def statement(
        self, name: str, day: str, lines: Sequence[tuple[str, int, str]], **options: Any
    ) -> Path:
        """A CAMT.053 statement of a day; lines are (reference, minor units, text)."""
        opening = options.pop("opening", 0)
        closing = opening + sum(amount for _, amount, _ in lines)
        entries = [
            camt_files.entry(
                f"{abs(amount) / 100:.2f}",
                "CRDT" if amount > 0 else "DBIT",
                (camt_files.reference(reference) if reference else "")
                + camt_files.details(f"<RmtInf><Ustrd>{words}</Ustrd></RmtInf>"),
                currency="BRL",
                day=day,
            )
            for reference, amount, words in lines
        ]
        balances = "".join(
            camt_files.balance(code, f"{abs(value) / 100:.2f}", "BRL")
            for code, value in (("OPBD", opening), ("CLBD", closing))
        ).replace("2026-01-05", day)
        number = options.pop("number", None)
        said = f"<ElctrncSeqNb>{number}</ElctrncSeqNb>" if number else ""
        made = camt_files.statement(*entries, balances=balances, id=f"S-{day}", number=said)
        path = self.folder / name
        path.write_text(camt_files.document(made), encoding="utf-8")
        return path

    def reconcile(self, *days: date) -> dict[date, DayResult]:
        """Reconcile days, in this order."""
        found = {}
        for day in days:
            account_day = AccountDay(day, self.account.name)
            snapshot_internal(self.shop.pool, self.mapping, account_day)
            found[day] = reconcile_day(self.shop.pool, self.mapping, load_rules(), account_day, "r")
        return found

    def due(self) -> list[date]:
        """Days that are to be reconciled, oldest first."""
        with transaction(self.shop.pool) as conn:
            due = take_due(conn, self.mapping, NOW.replace(day=31))
            conn.execute("UPDATE recon.day SET requested_at = NULL, requests = 0")
        return [one.account_day.day for one in due]

    def settle(self) -> None:
        """Reconcile what is due until nothing is."""
        for _ in range(40):
            if not (days := self.due()):
                return
            self.reconcile(*days)
        raise AssertionError("it does not converge")

    def breaks(self, leg: str = "payout_bank") -> list[tuple[date, str, str]]:
        """Day, class and status of the breaks of a leg."""
        rows = self.shop.rows(
            "SELECT day, class AS found, status FROM recon.reconciliation_breaks"
            " WHERE leg = %(leg)s ORDER BY day, class, key",
            leg=leg,
        )
        return [tuple(row) for row in rows]

    def tables(self) -> dict[str, list[Any]]:
        """What the days came to."""
        with self.shop.pool.connect() as connection:
            return {
                table: connection.execute(text(f"SELECT t::text FROM recon.{table} t ORDER BY 1"))
                .scalars()
                .all()
                for table in RESULTS
            }
