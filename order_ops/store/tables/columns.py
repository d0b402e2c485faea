"""The metadata, and the kinds of columns that every table is made of."""

from sqlalchemy import BigInteger, CheckConstraint, Column, DateTime, Identity, MetaData, Text, text
from sqlalchemy.dialects.postgresql import JSONB

SCHEMAS = ("intake", "orders", "ops", "recon", "analytics")

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def identity() -> Column[int]:
    """A key that the database counts up."""
    return Column("id", BigInteger, Identity(always=True), primary_key=True)


def words(name: str, *, null: bool = False, default: str | None = None) -> Column[str]:
    """Text."""
    return Column(name, Text, nullable=null, server_default=default)


def number(name: str, *, null: bool = False, default: str | None = None) -> Column[int]:
    """A bigint; amounts are minor units."""
    value = None if default is None else text(default)
    return Column(name, BigInteger, nullable=null, server_default=value)


def moment(name: str, *, null: bool = True, now: bool = False) -> Column[object]:
    """A timestamptz."""
    value = text("now()") if now else None
    return Column(name, DateTime(timezone=True), nullable=null and not now, server_default=value)


def document(name: str) -> Column[object]:
    """JSON, empty unless said."""
    return Column(name, JSONB, nullable=False, server_default=text("'{}'::jsonb"))


def one_of(column: str, *values: str) -> CheckConstraint:
    """The values that a column may have."""
    listed = ", ".join(f"'{value}'" for value in values)
    return CheckConstraint(f"{column} IN ({listed})", name=column)
