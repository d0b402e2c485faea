"""Documents that are made from the code: the wire contract, the data dictionary, the assets.

`python -m order_ops.docs` writes them, `--check` fails when one is out of date.
"""

import sys
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from sqlalchemy.dialects.postgresql.psycopg import dialect
from sqlalchemy.types import TypeEngine

from order_ops.domain import events, payloads
from order_ops.store.tables import analytics, metadata

DOCS = Path(__file__).resolve().parent.parent / "docs"
_MADE = "<!-- Made by `python -m order_ops.docs`: change the code, not this file. -->\n\n"


def events_page() -> str:
    """docs/events.md, from `order_ops.domain.events`."""
    parts = [_MADE, _EVENTS_HEAD]
    first = next(iter(events.EVENT_TYPES.values()))
    envelope = [n for n in first.model_fields if n not in ("type", "data")]
    parts.append(_fields(first, envelope))
    for name, model in events.EVENT_TYPES.items():
        payload = model.model_fields["data"].annotation
        assert isinstance(payload, type)
        assert issubclass(payload, BaseModel)
        text = " ".join((payload.__doc__ or "").split())
        parts.append(f"\n## {name}\n\n{text}\n\n{_fields(payload, list(payload.model_fields))}")
    for part in (payloads.PaymentIntent, payloads.Reservation):
        text = " ".join((part.__doc__ or "").split())
        parts.append(f"\n## {part.__name__}\n\n{text}\n\n{_fields(part, list(part.model_fields))}")
    return "".join(parts)


_EVENTS_HEAD = """# Events

The wire contract of the bundled mapping (`order_ops/default_mapping.yaml`). A message is one JSON
object in UTF-8, at most 100,000 bytes, published to the topic exchange `shop.events` with its type
as routing key. A shop with other messages maps them instead: every field below is found by a path.

A message that cannot be read is kept byte for byte and becomes a dead letter. The same `id` with
the same bytes is counted as a copy; with other bytes it is a conflict, kept and alerted. Events of
one order are applied in the `sequence` of their producer; a number that never comes is a gap in the
ledger of messages. A shop without ids or sequences says so in its mapping: its messages are then
known by their content and applied in the order of arrival. Fields that are not listed are ignored.
Amounts are integers in minor units (cents) of an ISO 4217 currency, times ISO 8601 with a zone.

## Envelope

"""


def _fields(model: type[BaseModel], names: list[str]) -> str:
    if not names:
        return "No fields.\n"
    schema = model.model_json_schema()
    rows = ["| field | | type |\n|---|---|---|\n"]
    for name in names:
        needed = "" if name in schema.get("required", ()) else "optional"
        rows.append(f"| `{name}` | {needed} | {_type(schema['properties'][name])} |\n")
    return "".join(rows)


def _type(schema: dict[str, Any]) -> str:
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    if "anyOf" in schema:
        return " or ".join(
            _type(option) for option in schema["anyOf"] if option != {"type": "null"}
        )
    if "const" in schema:
        return f"always `{schema['const']}`"
    if schema.get("type") == "array":
        return f"list of {_type(schema['items'])}, at most {schema.get('maxItems', 'any')}"
    if schema.get("format") == "date-time":
        return "time"
    names = {"maxLength": "at most {} characters", "minimum": "from {}", "pattern": "`{}`"}
    limits = [text.format(schema[key]) for key, text in names.items() if key in schema]
    limits = [limit.replace("|", "\\|") for limit in limits]
    return ", ".join([schema.get("type", "any"), *limits])


def dictionary_page() -> str:
    """docs/data-dictionary.md, from `order_ops.store.tables`."""
    parts = [_MADE, _DICTIONARY_HEAD, *_views()]
    for table in sorted(metadata.tables.values(), key=lambda t: (str(t.schema), t.name)):
        keys = ", ".join(f"`{column.name}`" for column in table.primary_key)
        parts.append(f"\n## {table.schema}.{table.name}\n\n")
        parts.append(f"{table.comment}\n\n" if table.comment else "")
        parts.append(f"Key: {keys}\n\n| column | type | |\n|---|---|---|\n")
        for column in table.columns:
            note = "may be empty" if column.nullable else ""
            parts.append(f"| `{column.name}` | {_sql(column.type)} | {note} |\n")
    return "".join(parts)


def _views() -> list[str]:
    """The views of analysts, each column with its meaning."""
    parts = []
    for view in analytics.COLUMNS:
        # some views are more or less than a table
        made_of = analytics.MADE_OF.get(view)
        columns = metadata.tables[f"recon.{made_of or view}"].columns
        names = list(analytics.COLUMNS[view]) if made_of else columns.keys()
        parts.append(f"\n## analytics.{view}\n\n| column | type | |\n|---|---|---|\n")
        for name in names:
            kind = _sql(columns[name].type) if name in columns else analytics.KINDS[name]
            parts.append(f"| `{name}` | {kind} | {analytics.meaning(view, name)} |\n")
    return parts


def _sql(kind: TypeEngine[Any]) -> str:
    return kind.compile(dialect=dialect()).lower()  # type: ignore[no-untyped-call]


_DICTIONARY_HEAD = """# Data dictionary

Analysts read the schema `analytics`, and with the role `order_ops_analyst` nothing else: its views
keep their names and columns, and each column says what it is, here and in its comment. How to read
them: [for analysts](analysts.md). All else is how order_ops works inside, and may change. Columns
that end in `_minor` are amounts in minor units of the row's `currency`; times are UTC; `day` is the
accounting day of the account, in its own time zone.
"""

PAGES = {"events.md": events_page, "data-dictionary.md": dictionary_page}


def stale() -> list[str]:
    """Pages that do not say what the code says."""
    return [
        name
        for name, make in PAGES.items()
        if not (DOCS / name).exists() or (DOCS / name).read_text(encoding="utf-8") != make()
    ]


def main(arguments: list[str]) -> int:
    """Write the pages, or with --check only compare them."""
    if "--check" in arguments:
        for name in stale():
            sys.stderr.write(f"docs/{name} is out of date: run python -m order_ops.docs\n")
        return int(bool(stale()))
    for name, make in PAGES.items():
        (DOCS / name).write_text(make(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
