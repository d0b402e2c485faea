"""PySpark gives the same tables as Polars, on every labelled case; `make test-spark` runs it."""

from order_ops.reconciliation.day import Entries
from order_ops.reconciliation.on_engine import reconcile_on
from order_ops_tests.unit.reconciliation.cases import TABLES
from order_ops_tests.unit.reconciliation.test_backends import DAY, labelled_sides, tables_of


def test_pyspark_agrees_with_polars() -> None:
    frames = Entries(*labelled_sides())
    expected = tables_of(reconcile_on("polars", DAY, frames))
    found = tables_of(reconcile_on("pyspark", DAY, frames))
    for name in TABLES:
        assert found[name] == expected[name], name
