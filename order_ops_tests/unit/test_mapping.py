"""The mapping file is read as it is meant or refused by key, and its days leave no gap."""

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from order_ops.domain.repairs import ActKind
from order_ops.mapping import BUNDLED, Account, MappingError, load_mapping
from order_ops.mapping.accounts import ApproveAbove
from order_ops_tests.foreign import MAPPING as FOREIGN

ZONES = [
    "UTC",
    "America/Sao_Paulo",
    "America/New_York",
    "America/Havana",
    "America/St_Johns",
    "Europe/Berlin",
    "Africa/Cairo",
    "Asia/Kathmandu",
    "Asia/Beirut",
    "Australia/Lord_Howe",
    "Pacific/Apia",
    "Pacific/Kiritimati",
]
CUT_OFFS = [time(0), time(1, 30), time(2, 30), time(12), time(22), time(23, 59, 59)]


def account(time_zone: str = "UTC", cut_off: time = time(0)) -> Account:
    return Account(
        name="cards",
        provider="stripe",
        tenant="shop",
        time_zone=time_zone,
        cut_off=cut_off,
        first_day=date(2026, 1, 1),
    )


@given(
    st.sampled_from(ZONES),
    st.sampled_from(CUT_OFFS),
    st.integers(915_148_800, 2_114_380_800).map(lambda s: datetime.fromtimestamp(s, UTC)),
)
# a cut-off that the clocks jump over, one that they strike twice, and a midnight that they do
@example("America/New_York", time(2, 30), datetime(2026, 3, 8, 7, 10, tzinfo=UTC))
@example("America/New_York", time(1, 30), datetime(2026, 11, 1, 6, 10, tzinfo=UTC))
@example("America/St_Johns", time(0), datetime(2010, 11, 7, 2, 45, tzinfo=UTC))
@example("Pacific/Apia", time(0), datetime(2011, 12, 30, 10, 0, tzinfo=UTC))
def test_any_moment_is_in_exactly_one_day(zone: str, cut_off: time, moment: datetime) -> None:
    books = account(zone, cut_off)
    near = moment.astimezone(ZoneInfo(zone)).date()
    days = [near + timedelta(days=offset) for offset in range(-3, 4)]
    bounds = {day: books.day_bounds(day) for day in days}
    holding = [day for day, (start, end) in bounds.items() if start <= moment < end]
    assert holding == [books.accounting_day(moment)]
    assert books.accounting_day(moment.astimezone(ZoneInfo("Asia/Tokyo"))) == holding[0]


@given(
    st.sampled_from(ZONES), st.sampled_from(CUT_OFFS), st.dates(date(1999, 1, 1), date(2037, 1, 1))
)
def test_days_follow_each_other_without_gap(zone: str, cut_off: time, day: date) -> None:
    books = account(zone, cut_off)
    start, end = books.day_bounds(day)
    assert end == books.day_bounds(day + timedelta(days=1))[0]
    assert timedelta(0) <= end - start <= timedelta(hours=50)
    assert {start.tzinfo, end.tzinfo} == {UTC}
    if start < end:
        assert books.accounting_day(start) == day
        assert books.accounting_day(end - timedelta(microseconds=1)) == day


@pytest.mark.parametrize(
    ("zone", "cut_off", "day", "hours"),
    [
        ("America/Sao_Paulo", time(0), date(2026, 3, 1), 24),
        ("Europe/Berlin", time(0), date(2026, 3, 29), 23),
        ("Europe/Berlin", time(0), date(2026, 10, 25), 25),
        ("Europe/Berlin", time(22), date(2026, 3, 28), 23),
        ("Africa/Cairo", time(0), date(2026, 4, 24), 23),
        ("Australia/Lord_Howe", time(0), date(2026, 4, 5), 24.5),
        ("Pacific/Apia", time(0), date(2011, 12, 30), 0),
    ],
)
def test_a_day_is_as_long_as_the_clocks_make_it(
    zone: str, cut_off: time, day: date, hours: float
) -> None:
    start, end = account(zone, cut_off).day_bounds(day)
    assert end - start == timedelta(hours=hours)


def test_a_day_starts_at_its_cut_off() -> None:
    books = account("America/Sao_Paulo", time(22))
    assert books.day_bounds(date(2026, 3, 1))[0] == datetime(2026, 3, 2, 1, tzinfo=UTC)
    assert books.accounting_day(datetime(2026, 3, 2, 0, 59, tzinfo=UTC)) == date(2026, 2, 28)
    assert books.accounting_day(datetime(2026, 3, 2, 1, 0, tzinfo=UTC)) == date(2026, 3, 1)


def test_the_last_closed_day_is_the_one_before_todays() -> None:
    books = account("America/Sao_Paulo")
    assert books.last_closed_day(datetime(2026, 3, 2, 2, 59, tzinfo=UTC)) == date(2026, 2, 28)
    assert books.last_closed_day(datetime(2026, 3, 2, 3, 0, tzinfo=UTC)) == date(2026, 3, 1)


def test_an_act_only_proposes_unless_it_is_enabled() -> None:
    cautious = account()
    bold = cautious.model_copy(update={"acts": {"expire": "automatic", "refund": "off"}})
    assert cautious.act_mode(ActKind.EXPIRE, 1, "EUR") == "propose"
    kinds = (ActKind.EXPIRE, ActKind.REFUND, ActKind.CANCEL)
    assert [bold.act_mode(kind, 1, "EUR") for kind in kinds] == ["automatic", "off", "propose"]


def test_above_an_amount_a_person_is_asked() -> None:
    careful = account().model_copy(
        update={"acts": {ActKind.REFUND: ApproveAbove(approve_above={"EUR": 500})}}
    )
    told = [careful.act_mode(ActKind.REFUND, amount, "EUR") for amount in (500, 501)]
    assert told == ["automatic", "propose"]
    assert careful.act_mode(ActKind.REFUND, 1, "USD") == "propose", "no limit is said for it"


Write = Callable[[str], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write(text: str) -> Path:
        path = tmp_path / "mapping.yaml"
        path.write_text(text, encoding="utf-8")
        return path

    return write


def changed(*keys: str | int, value: Any) -> str:
    """The bundled file with one value changed."""
    whole = yaml.safe_load(BUNDLED.read_text(encoding="utf-8"))
    inner = whole
    for key in keys[:-1]:
        inner = inner[key]
    inner[keys[-1]] = value
    return yaml.safe_dump(whole)


def test_without_a_file_the_bundled_one_is_read() -> None:
    assert load_mapping() == load_mapping(BUNDLED)
    assert [one.name for one in load_mapping().accounts] == ["shop-cards", "shop-boleto"]


@pytest.mark.parametrize(
    ("keys", "value", "words"),
    [
        (("version",), 2, "version: Input should be 1"),
        (("verison",), 1, "verison: Extra inputs are not permitted"),
        (("accounts",), [], "accounts: List should have at least 1 item"),
        (("accounts", 0, "time_zone"), "Mars/Olympus", "'Mars/Olympus' is not an IANA time zone"),
        (("accounts", 0, "time_zone"), "../../etc/passwd", "is not an IANA time zone"),
        (("accounts", 0, "time_zone"), "", "is not an IANA time zone"),
        (("accounts", 0, "name"), "Shop|Cards", "accounts.0.name: Value error, 'Shop|Cards'"),
        (("accounts", 1, "provider"), "Adyen!", "accounts.1.provider: String should match"),
        (("accounts", 0, "acts"), {"expire": "yes"}, "accounts.0.acts.expire: Input should be"),
        (("accounts", 0, "first_day"), "soon", "accounts.0.first_day: Input should be"),
        (("events", "routing", "order.created"), "urgent", "events.routing.order.created: Input"),
        (("events", "data"), {"order.teleported": {}}, "'order.teleported' is not one of"),
        (
            ("events", "data"),
            {"order.created": {"total": "body.x"}},
            "missing: ['total_minor', 'currency'], unknown: ['total']; known: ['currency', 'total_",
        ),
        (("events", "data"), {"order.created": {"total_minor": "total"}}, "is not a path: body."),
        (
            ("events", "data"),
            {"payment.succeeded": {"payment": "body.id"}},
            "data.payment.succeeded: missing: ['account', 'amount_minor', 'currency']",
        ),
        (
            ("events", "data"),
            {
                "order.reserved": {
                    "expires_at": "body.until",
                    "reservations": {"each": "body.x", "fields": {"sku": "item.a", "no": "=1"}},
                }
            },
            "data.order.reserved.reservations.fields: missing: ['quantity'], unknown: ['no']",
        ),
        (
            ("events", "data"),
            {
                "order.reserved": {
                    "payments": {"each": "body.p", "fields": {"payment": "id"}},
                    "expires_at": "=x",
                }
            },
            "'id' is not a path: item.a.b",
        ),
        (("events", "amount_unit"), "cents", "events.amount_unit: Input should be"),
        (("internal", "relation"), "x; DROP TABLE y", "is not a table or view name"),
        (("internal", "columns", "amount"), 'a"b', "is not a column name"),
        (("internal", "amount_unit"), "cents", "internal.amount_unit: Input should be"),
    ],
)
def test_a_wrong_key_is_named_with_its_file(
    write: Write, keys: tuple[str | int, ...], value: Any, words: str
) -> None:
    path = write(changed(*keys, value=value))
    with pytest.raises(MappingError) as refused:
        load_mapping(path)
    assert str(refused.value).startswith(f"{path}: ")
    assert words in str(refused.value)


@pytest.mark.parametrize(
    "text",
    ["", "just words", "- a list", "version: [", "a: b: c", "\t", "day: 2026-13-45", "[" * 3_000],
    ids=lambda text: text[:20],
)
def test_a_file_that_is_no_mapping_is_refused(write: Write, text: str) -> None:
    path = write(text)
    with pytest.raises(MappingError, match=r"mapping.yaml: "):
        load_mapping(path)


def test_a_mapping_that_finds_no_payload_is_refused(write: Write) -> None:
    envelope = dict(yaml.safe_load(BUNDLED.read_text())["events"]["envelope"])
    del envelope["data"]
    path = write(changed("events", "envelope", value=envelope))
    with pytest.raises(MappingError, match=r"events: .*envelope.data: is missing"):
        load_mapping(path)


def test_a_type_whose_payload_is_nowhere_is_refused(write: Write) -> None:
    raw = yaml.safe_load(FOREIGN.read_text(encoding="utf-8"))
    raw["events"]["types"]["legacy.pay.lost"] = "payment.failed"
    with pytest.raises(MappingError, match=r"data says nothing of payment.failed"):
        load_mapping(write(yaml.safe_dump(raw)))


def test_a_file_that_is_not_utf_8_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "latin.yaml"
    path.write_bytes("version: 1 # São Paulo".encode("latin-1"))
    with pytest.raises(MappingError, match=r"latin.yaml: is not UTF-8"):
        load_mapping(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(MappingError, match=r"nowhere.yaml: cannot be read: No such file"):
        load_mapping(tmp_path / "nowhere.yaml")


def test_a_cut_off_is_read_as_a_time_of_day(write: Write) -> None:
    found = load_mapping(write(changed("accounts", 0, "cut_off", value="22:00")))
    assert found.accounts[0].cut_off == time(22)


def test_an_unquoted_cut_off_which_yaml_reads_as_a_number_is_refused(write: Write) -> None:
    text = BUNDLED.read_text(encoding="utf-8")
    path = write(text.replace("    first_day:", "    cut_off: 22:00\n    first_day:", 1))
    with pytest.raises(MappingError, match=r"accounts.0.cut_off: .*in quotes"):
        load_mapping(path)


def test_two_accounts_of_one_name_are_refused(write: Write) -> None:
    path = write(changed("accounts", 1, "name", value="shop-cards"))
    with pytest.raises(MappingError, match=r"accounts: .*'shop-cards' stands there twice"):
        load_mapping(path)


def test_an_unknown_account_is_answered_with_those_there_are() -> None:
    with pytest.raises(MappingError, match=r"no account 'x'.*: shop-cards, shop-boleto"):
        load_mapping().account("x")


def test_a_folder_is_watched_and_an_api_asked_where_the_mapping_says_so(tmp_path: Path) -> None:
    text = yaml.safe_load(BUNDLED.read_text(encoding="utf-8"))
    text["accounts"][0] |= {
        "provider": "stripe",
        "api": "balance_transactions",
        "files": {"format": "stripe", "watch": "s3://finance/*.csv"},
    }
    path = tmp_path / "mapping.yaml"
    path.write_text(yaml.safe_dump(text), encoding="utf-8")
    first = load_mapping(path).accounts[0]
    assert first.files is not None
    assert (first.files.watch, first.api) == ("s3://finance/*.csv", "balance_transactions")
    text["accounts"][0]["provider"] = "adyen"
    path.with_name("b.yaml").write_text(yaml.safe_dump(text), encoding="utf-8")
    with pytest.raises(MappingError, match=r"accounts\.0\.api: .*only the API of stripe is known"):
        load_mapping(path.with_name("b.yaml"))
