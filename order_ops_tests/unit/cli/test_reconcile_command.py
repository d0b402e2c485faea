"""`reconcile` names the file, the column or the option that is wrong, and writes nothing."""

from pathlib import Path

import pytest

from order_ops_tests.unit.cli.invoked import refused

REQUIRED_COLUMNS = [
    "balance_transaction_id", "created", "currency", "gross", "fee", "net",
    "reporting_category",
]  # fmt: skip
INTERNAL = "entry_id,order_id,currency,occurred_at,amount\nc1,o1,BRL,2026-03-01T12:00:00Z,10.00\n"


def reconcile(tmp_path: Path, internal: Path, provider: str, *more: str) -> str:
    out = tmp_path / "out"
    told = refused("reconcile", "--internal", internal, "--provider", provider, "--out", out, *more)
    assert not out.exists(), "nothing is written when a file is refused"
    return told


@pytest.fixture
def internal(tmp_path: Path) -> Path:
    path = tmp_path / "internal.csv"
    path.write_text(INTERNAL)
    return path


def provider_file(tmp_path: Path, columns: list[str], row: str = "") -> Path:
    path = tmp_path / "report.csv"
    path.write_text(",".join(columns) + "\n" + row)
    return path


def test_reconcile_names_the_missing_file(tmp_path: Path, internal: Path) -> None:
    told = reconcile(tmp_path, internal, f"stripe:{tmp_path / 'none.csv'}")
    assert "none.csv: No such file" in told


def test_reconcile_names_the_missing_internal_file(tmp_path: Path) -> None:
    report = provider_file(tmp_path, REQUIRED_COLUMNS)
    told = reconcile(tmp_path, tmp_path / "ours.csv", f"stripe:{report}")
    assert "ours.csv" in told


@pytest.mark.parametrize("missing", REQUIRED_COLUMNS)
def test_reconcile_names_file_line_and_missing_column(
    tmp_path: Path, internal: Path, missing: str
) -> None:
    columns = [name for name in REQUIRED_COLUMNS if name != missing]
    report = provider_file(tmp_path, columns)
    told = reconcile(tmp_path, internal, f"stripe:{report}")
    assert f"report.csv, line 1, column {missing}: " in told


def test_what_was_typed_is_repeated_as_it_was_typed(tmp_path: Path, internal: Path) -> None:
    """Rich would take [bold] for markup and :x: for an emoji, and fail on [/red]."""
    told = reconcile(tmp_path, internal, f"stripe:{tmp_path}/march[bold]:x:.csv")
    assert "march[bold]:x:.csv" in told
    assert "[/red]" in reconcile(tmp_path, internal, f"stripe:{tmp_path}/[/red].csv")


def test_reconcile_names_the_providers_there_are(tmp_path: Path, internal: Path) -> None:
    assert "known: adyen, " in reconcile(tmp_path, internal, "paypal:file.csv")


def test_reconcile_names_missing_rules(tmp_path: Path, internal: Path) -> None:
    report = provider_file(tmp_path, REQUIRED_COLUMNS)
    rules = str(tmp_path / "rules.yaml")
    assert "rules.yaml" in reconcile(tmp_path, internal, f"stripe:{report}", "--rules", rules)


def test_reconcile_names_an_unknown_time_zone(tmp_path: Path, internal: Path) -> None:
    report = provider_file(tmp_path, REQUIRED_COLUMNS)
    report.write_text(
        report.read_text() + "txn_1,2026-03-01 12:00:00,brl,10.00,0.00,10.00,charge\n"
    )
    zone = "America/Sao_Paolo"
    assert zone in reconcile(tmp_path, internal, f"stripe:{report}", "--time-zone", zone)


def test_reconcile_refuses_a_day_that_is_none(tmp_path: Path, internal: Path) -> None:
    assert "--as-of" in reconcile(tmp_path, internal, "stripe:x.csv", "--as-of", "2026-02-30")


@pytest.mark.parametrize("option", ["--internal", "--provider", "--out"])
def test_reconcile_names_the_option_it_needs(option: str) -> None:
    given = {"--internal": "a.csv", "--provider": "stripe:b.csv", "--out": "out"}
    del given[option]
    words = [word for pair in given.items() for word in pair]
    assert option in refused("reconcile", *words)


@pytest.mark.parametrize(
    ("option", "words"),
    [
        ("decimal_separator", "is not NAME=VALUE"),
        ("date_order=mdy", "'stripe' have no option 'date_order'"),
        ("time_zone=Mars", "'Mars' is not an IANA time zone"),
    ],
)
def test_reconcile_names_the_option_that_is_wrong(
    tmp_path: Path, internal: Path, option: str, words: str
) -> None:
    report = provider_file(tmp_path, REQUIRED_COLUMNS)
    told = reconcile(tmp_path, internal, f"stripe:{report}", "--provider-option", option)
    assert words in " ".join(told.split())
