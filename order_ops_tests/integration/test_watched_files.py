"""Watched folders: real files, a real database, Dagster's own ticks and runs."""

import os
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import dagster as dg
import fsspec
import pytest
import yaml
from fsspec.implementations.memory import MemoryFileSystem

from order_ops.jobs.files import watched_files
from order_ops.jobs.files.ingest import ingest
from order_ops.jobs.files.source_files import alert_key
from order_ops.jobs.files.watched_files import look, take_in
from order_ops.mapping import BUNDLED, Mapping, load_mapping
from order_ops.providers.memory import Bound
from order_ops.settings import get_settings
from order_ops_tests.integration.conftest import Shop
from order_ops_tests.integration.dagster_runs import run, tick
from order_ops_tests.integration.reconciling import stripe_file
from order_ops_tests.integration.statements import IBAN, Paid

LINE = ("t1", "2026-03-10", "o1", 1_000)
OTHER = ("t2", "2026-03-11", "o2", 500)
LIMIT = 1 << 20


class Asleep(MemoryFileSystem):
    """A file system whose server does not answer."""

    protocol = "asleep"

    def exists(self, path: str, **_: Any) -> bool:
        time.sleep(1.5)
        return super().exists(path)  # type: ignore[no-any-return]


class Locked(MemoryFileSystem):
    """A file system that lists what it lets nobody read, until it does."""

    protocol = "locked"
    locked = True

    @classmethod
    def _strip_protocol(cls, path: str) -> str:
        return str(super()._strip_protocol(path.replace("locked://", "memory://")))

    def open(self, path: str, mode: str = "rb", **options: Any) -> Any:
        if self.locked and mode == "rb":
            raise PermissionError("no right")
        return super().open(path, mode, **options)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "drop"
    made.mkdir()
    return made


@pytest.fixture
def mapping(shop: Shop, folder: Path) -> Mapping:
    return watching(shop, {"shop-cards": str(folder)})


def watching(shop: Shop, patterns: dict[str, str], **values: Any) -> Mapping:
    """The bundled mapping with accounts like its first, each with a watched folder."""
    first = shop.mapping.account("shop-cards").model_dump(mode="json", exclude_none=True)
    accounts = [
        first | {"name": name, "files": {"format": "stripe", "watch": pattern}} | values
        for name, pattern in patterns.items()
    ]
    return Mapping.model_validate(shop.mapping.model_dump() | {"accounts": accounts})


def looked_twice(shop: Shop, mapping: Mapping) -> list[tuple[str, str]]:
    look(shop.pool, mapping)
    look(shop.pool, mapping)
    return [(one.state, one.told) for one in take_in(shop.pool, mapping, LIMIT)]


def alerts(shop: Shop) -> list[tuple[str, int]]:
    rows = shop.rows("SELECT dedupe_key, seen FROM ops.alert WHERE resolved_at IS NULL ORDER BY id")
    return [(row.dedupe_key, row.seen) for row in rows]


def stored(shop: Shop) -> list[str]:
    return [row.name for row in shop.rows("SELECT name FROM recon.source_file ORDER BY id")]


def test_a_file_is_taken_in_once_two_looks_found_it_the_same(
    shop: Shop, mapping: Mapping, folder: Path
) -> None:
    path = stripe_file(folder, "a.csv", [LINE])
    assert look(shop.pool, mapping) == 0
    assert look(shop.pool, mapping) == 1
    (one,) = take_in(shop.pool, mapping, LIMIT)
    assert (one.state, one.told, one.address) == ("taken", "1 lines, 1 of them new", str(path))
    assert one.file_id is not None
    assert (look(shop.pool, mapping), stored(shop), path.exists()) == (0, ["a.csv"], True)


def test_a_file_that_grows_waits_until_it_does_not(
    shop: Shop, mapping: Mapping, folder: Path
) -> None:
    for lines in ([], [LINE], [LINE, OTHER]):
        stripe_file(folder, "a.csv", lines)
        assert look(shop.pool, mapping) == 0
    assert look(shop.pool, mapping) == 1
    stripe_file(folder, "a.csv", [LINE, OTHER, ("t3", "2026-03-11", "o3", 1)])
    (one,) = take_in(shop.pool, mapping, LIMIT)  # it grew between the look and the run
    assert (one.state, one.told) == ("seen", "it has changed, or is gone")
    assert stored(shop) == []
    assert looked_twice(shop, mapping) == [("taken", "3 lines, 3 of them new")]


def test_a_refused_file_is_told_once_and_tried_again_when_it_changes(
    shop: Shop, mapping: Mapping, folder: Path
) -> None:
    path = folder / "a.csv"
    path.write_text("not,a,report\n1,2,3\n", encoding="utf-8")
    ((state, told),) = looked_twice(shop, mapping)
    assert (state, "the required column is missing; add it" in told) == ("refused", True)
    assert alerts(shop) == [(alert_key("shop-cards", "files", str(path)), 1)]
    assert looked_twice(shop, mapping) == []
    assert alerts(shop) == [(alert_key("shop-cards", "files", str(path)), 1)]
    stripe_file(folder, "a.csv", [LINE])
    assert looked_twice(shop, mapping) == [("taken", "1 lines, 1 of them new")]
    assert alerts(shop) == []


def test_the_same_file_under_another_name_has_no_effect(
    shop: Shop, mapping: Mapping, folder: Path
) -> None:
    path = stripe_file(folder, "a.csv", [LINE])
    looked_twice(shop, mapping)
    (folder / "b.csv").write_bytes(path.read_bytes())
    ((state, told),) = looked_twice(shop, mapping)
    assert (state, told.startswith("known since ")) == ("taken", True)
    assert stored(shop) == ["a.csv"]
    assert shop.one("SELECT count(*) FROM recon.provider_transactions") == 1


def test_a_folder_that_cannot_be_reached_keeps_no_other_waiting(shop: Shop, folder: Path) -> None:
    gone = folder / "not-mounted"
    mapping = watching(shop, {"away": str(gone), "here": f"{folder}/*.csv"})
    stripe_file(folder, "a.csv", [LINE])
    assert looked_twice(shop, mapping) == [("taken", "1 lines, 1 of them new")]
    assert alerts(shop) == [("file:away:files:unreachable", 2)]
    gone.mkdir()
    stripe_file(gone, "b.csv", [OTHER])
    assert looked_twice(shop, mapping) == [("taken", "1 lines, 1 of them new")]
    assert alerts(shop) == []


def test_a_folder_that_does_not_answer_keeps_no_other_waiting(shop: Shop, folder: Path) -> None:
    fsspec.register_implementation("asleep", Asleep, clobber=True)
    mapping = watching(shop, {"asleep": "asleep://bucket", "here": str(folder)})
    stripe_file(folder, "a.csv", [LINE])
    for _ in range(2):
        look(shop.pool, mapping, look_s=0.5)
    assert stored(shop) == []
    assert alerts(shop) == [("file:asleep:files:unreachable", 2)]
    done = list(take_in(shop.pool, mapping, LIMIT))
    assert [(one.account, one.state) for one in done] == [("here", "taken")]


def test_a_file_that_cannot_be_read_is_told_once_and_tried_again(
    shop: Shop, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fsspec.register_implementation("locked", Locked, clobber=True)
    mapping = watching(shop, {"shop-cards": "locked://dropped"})
    body = stripe_file(folder, "a.csv", [LINE]).read_bytes()
    fsspec.filesystem("locked").pipe("/dropped/a.csv", body)
    ((state, told),) = looked_twice(shop, mapping)
    assert (state, "cannot be read: no right" in told) == ("unreadable", True)
    assert [seen for _, seen in alerts(shop)] == [1]
    monkeypatch.setattr(Locked, "locked", False)
    assert looked_twice(shop, mapping) == [("taken", "1 lines, 1 of them new")]
    assert alerts(shop) == []


def test_files_of_a_bank_and_of_an_address(shop: Shop, folder: Path) -> None:
    paid = Paid.of(shop, folder)
    bank = {"account": IBAN, "format": "camt053", "watch": "memory://watched/bank"}
    mapping = watching(shop, {"shop-cards": str(folder / "*.csv")}, bank=bank)
    statement = paid.statement("s.xml", "2026-03-10", [("r1", 900, "STRIPE r1")])
    fsspec.filesystem("memory").pipe("/watched/bank/s.xml", statement.read_bytes())
    assert looked_twice(shop, mapping) == [("taken", "1 lines, 1 of them new")]
    rows = shop.rows("SELECT source, address, state FROM recon.watched_files")
    assert rows == [("bank", "memory:///watched/bank/s.xml", "taken")]


def test_a_file_that_ends_the_process_each_time_is_refused(
    shop: Shop, mapping: Mapping, folder: Path
) -> None:
    stripe_file(folder, "a.csv", [LINE])
    look(shop.pool, mapping)
    look(shop.pool, mapping)
    with shop.pool.begin() as connection:
        connection.exec_driver_sql(f"UPDATE recon.watched_files SET tries = {watched_files.TRIES}")
    (one,) = take_in(shop.pool, mapping, LIMIT)
    assert (one.state, one.told) == ("refused", "taking it in was begun 5 times and never ended")


def test_a_file_over_the_limit_is_refused(shop: Shop, mapping: Mapping, folder: Path) -> None:
    path = folder / "large.csv"
    with path.open("wb") as file:
        os.truncate(file.fileno(), LIMIT + 1)
    ((state, told),) = looked_twice(shop, mapping)
    assert (state, "raise ORDER_OPS_FILE_LIMIT_MB" in told) == ("refused", True)


@pytest.fixture
def watched_shop(
    shop: Shop, mapping: Mapping, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Shop]:
    """The shop's processes read the mapping from its variable."""
    text = yaml.safe_load(BUNDLED.read_text(encoding="utf-8"))
    for account in text["accounts"]:
        if account["name"] == "shop-cards":
            account["files"] = {"format": "stripe", "watch": str(tmp_path / "drop")}
    path = tmp_path / "mapping.yaml"
    path.write_text(yaml.safe_dump(text), encoding="utf-8")
    monkeypatch.setenv("ORDER_OPS_MAPPING", str(path))
    get_settings.cache_clear()
    load_mapping.cache_clear()
    yield shop
    load_mapping.cache_clear()


def test_the_sensor_asks_for_one_run_that_shows_each_file(
    watched_shop: Shop, folder: Path, instance: dg.DagsterInstance, defs: dg.Definitions
) -> None:
    stripe_file(folder, "a.csv", [LINE])
    (folder / "b.csv").write_text("x\n", encoding="utf-8")
    assert tick(instance, "watched_files_sensor").run_requests == []
    assert len(tick(instance, "watched_files_sensor").run_requests) == 1
    result = run(defs, instance, "take_in_files_job")
    assert result.success
    (shown,) = [
        event.step_output_data.metadata
        for event in result.all_events
        if event.event_type_value == "STEP_OUTPUT"
    ]
    assert (shown["taken"].value, shown["refused"].value) == (1, 1)
    assert "a.csv | taken | 1 lines, 1 of them new" in shown["files"].value
    assert tick(instance, "watched_files_sensor").run_requests == []
    assert date(2026, 3, 10) in shop_days(watched_shop)


def shop_days(shop: Shop) -> list[date]:
    return [row.day for row in shop.rows("SELECT day FROM recon.provider_transactions")]


def test_a_refused_file_that_is_taken_in_by_hand_is_refused_no_more(
    shop: Shop, folder: Path
) -> None:
    mapping = watching(shop, {"shop-cards": str(folder)}, files={
        "format": "stripe", "watch": str(folder), "covers": r"(?P<day>\d{8})",
    })  # fmt: skip
    path = stripe_file(folder, "a.csv", [LINE])
    assert looked_twice(shop, mapping)[0][0] == "refused"
    assert len(alerts(shop)) == 1
    ingest(shop.pool, mapping.accounts[0], path, covers=[date(2026, 3, 10)])
    assert alerts(shop) == []
    assert shop.one("SELECT state FROM recon.watched_files") == "taken"


def test_a_file_that_lacks_memory_is_tried_again(
    shop: Shop, mapping: Mapping, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stripe_file(folder, "a.csv", [LINE])
    with monkeypatch.context() as patched:
        patched.setattr("order_ops.providers.memory.bounds", lambda: [Bound(1, "free some")])
        assert looked_twice(shop, mapping)[0][0] == "unreadable"
        assert len(alerts(shop)) == 1
    assert looked_twice(shop, mapping)[0][0] == "taken"
    assert alerts(shop) == []
