"""`order-ops breaks` as a person types it: what is decided, and what a run then makes of it."""

import json
from datetime import date, timedelta
from pathlib import Path

import pytest

from order_ops.analytics import load
from order_ops.jobs.days.reconcile import uneven_matches
from order_ops.jobs.days.reconciliation_days import AccountDay
from order_ops.reconciliation.summary import summarise
from order_ops.reporting.report import headline
from order_ops.settings import get_settings
from order_ops.store.engine import transaction
from order_ops_tests.integration.breaks import (
    ACCOUNT,
    DAYS,
    ROLES,
    done,
    due_days,
    lines_of,
    listed,
    order_ops,
    prepare,
    refused,
    run_days,
    settle,
)
from order_ops_tests.integration.conftest import Shop
from order_ops_tests.shop import created, paid, reserved

LAST = DAYS[-1]


@pytest.fixture
def broken(shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shop:
    """Three breaks that stand on the 12th."""
    return prepare(shop, tmp_path, monkeypatch)


def _tables(shop: Shop, day: date) -> list[str]:
    return [
        str(row[0])
        for table in ("reconciliation_breaks", "reconciliation_bridge", "carry", "break_members")
        for row in shop.rows(
            f"SELECT t::text FROM recon.{table} t WHERE day = %(day)s ORDER BY 1", day=day
        )
    ]


def _verdict(shop: Shop, day: date = LAST) -> str:
    return str(shop.one("SELECT verdict FROM recon.run WHERE day = %(day)s", day=day))


def test_they_are_listed_by_what_a_person_asks_for(broken: Shop) -> None:
    assert list(listed()) == ["o3", "o2", "o1"]
    assert {one["state"] for one in listed().values()} == {"open"}
    assert list(listed("--class", "amount_short")) == ["o2", "o1"]
    assert list(listed("--at-least", "BRL 5.00")) == ["o3", "o2"]
    assert list(listed("--older-than", "1")) == ["o3", "o2", "o1"]
    assert not listed("--older-than", "2")
    assert not listed("--account", "other")
    first = listed()["o1"]
    assert (first["age_days"], first["age_business_days"]) == (2, 2)
    done("assign", first["break_id"], "olga", "--due", "2026-03-20")
    assert list(listed("--assignee", "olga")) == ["o1"]
    assert list(listed("--state", "open", "--state", "reopened")) == ["o3", "o2", "o1"]
    assert "amount_short" in done("list")
    assert "--at-least '5': say it like" in refused("list", "--at-least", "5")
    assert "--class x: there are" in refused("list", "--class", "x")


def test_an_accepted_break_is_none_in_the_next_run_and_before_that_day_nothing_changes(
    broken: Shop,
) -> None:
    before = {day: _tables(broken, day) for day in DAYS}
    for one in listed().values():
        told = done("accept", one["break_id"], "--reason", "a gift", by="ben")
        assert "1 day will be reconciled again" in told
    assert {one["state"] for one in listed().values()} == {"accepted"}, "at once"
    assert due_days(broken) == [LAST]
    result = run_days(broken, *DAYS)[LAST]
    assert (result.verdict, set(result.breaks["status"])) == ("RECONCILED", {"accepted"})
    assert [_tables(broken, day) == before[day] for day in DAYS] == [True, True, False]
    after = _tables(broken, LAST)
    run_days(broken, LAST)
    assert _tables(broken, LAST) == after, "the same input, the same tables"
    assert due_days(broken) == []
    hashes = broken.rows("SELECT decisions_hash <> '' FROM recon.run ORDER BY day")
    assert [row[0] for row in hashes] == [False, False, True]


def test_a_late_line_opens_what_was_accepted_and_says_why(broken: Shop, tmp_path: Path) -> None:
    break_id = listed()["o3"]["break_id"]
    done("accept", break_id, "--reason", "lost", by="ben")
    settle(broken)
    assert listed()["o3"]["status"] == "accepted"
    lines_of(broken, tmp_path, "b.csv", [("txn_3", "2026-03-12", "o3", 900)])
    settle(broken)
    now = listed()["o3"]
    assert (now["break_id"], now["class"], now["state"]) == (break_id, "amount_short", "reopened")
    assert "open again: it was missing_provider then" in now["explanation"]
    assert now["decided_by"] == "ben"
    done("accept", break_id, "--reason", "this too", by="ben")
    settle(broken)
    assert listed()["o3"]["state"] == "accepted"


def test_a_late_match_resolves_what_was_accepted(broken: Shop, tmp_path: Path) -> None:
    break_id = listed()["o3"]["break_id"]
    done("accept", break_id, "--reason", "lost", by="ben")
    settle(broken)
    lines_of(broken, tmp_path, "b.csv", [("txn_3", "2026-03-12", "o3", 1_000)])
    settle(broken)
    assert list(listed()) == ["o2", "o1"]
    assert "is resolved already" in refused("note", break_id, "x")
    assert "resolved: no run after 2026-03-11 lists it" in done("show", break_id)


def test_it_is_closed_after_a_while_and_can_still_be_opened(broken: Shop) -> None:
    break_id = listed()["o1"]["break_id"]
    done("accept", break_id, "--reason", "cents", by="ben")
    late = LAST + timedelta(days=35)
    run_days(broken, LAST, late, late + timedelta(days=1))
    assert "o1" not in listed("--class", "amount_short")
    assert "is resolved already" in refused("accept", break_id, "--reason", "again", by="ben")
    lines = broken.rows(
        "SELECT day, line, amount_minor FROM recon.reconciliation_bridge"
        " WHERE line IN ('accepted', 'closed', 'residual') AND amount_minor <> 0 ORDER BY day"
    )
    assert [(row.day, row.line, row.amount_minor) for row in lines] == [
        (LAST, "accepted", -10),
        (late, "closed", -10),
    ]
    assert "from 2026-04-16 on" in done("reopen", break_id, "--reason", "the auditor asks")
    run_days(broken, late, late + timedelta(days=1))
    assert listed("--class", "amount_short")["o1"]["state"] == "reopened"


def test_what_is_reopened_is_a_break_again(broken: Shop) -> None:
    break_id = listed()["o1"]["break_id"]
    done("accept", break_id, "--reason", "cents", by="ben")
    settle(broken)
    done("reopen", break_id, "--reason", "not ours")
    assert listed()["o1"]["state"] == "reopened"
    settle(broken)
    assert (listed()["o1"]["state"], listed()["o1"]["status"]) == ("reopened", "break")
    done("acknowledge", break_id)
    assert listed()["o1"]["state"] == "acknowledged"


def test_a_write_off_up_to_the_limit_takes_one_person(broken: Shop) -> None:
    told = done("write-off", listed()["o1"]["break_id"], "--reason", "cents")
    assert "written off: BRL 0.10 from 2026-03-12 on" in told
    settle(broken)
    assert listed()["o1"]["status"] == "written_off"


def test_a_write_off_above_the_limit_takes_a_second_person(broken: Shop) -> None:
    break_id = listed()["o2"]["break_id"]
    told = done("write-off", break_id, "--reason", "lost", by="ben")
    assert "write-off proposed: BRL 5.00 is above BRL 1.00 or" in told
    assert settle(broken) == [], "nothing is decided yet"
    assert listed()["o2"]["state"] == "write_off_proposed"
    assert "ben proposed this write-off" in refused("approve", break_id, "--reason", "ok", by="ben")
    assert "ana may not approve write off" in refused("approve", break_id, "--reason", "ok")
    assert "has a proposed write-off" in refused("accept", break_id, "--reason", "x")
    done("approve", break_id, "--reason", "ok", by="cleo")
    settle(broken)
    assert (listed()["o2"]["status"], listed()["o2"]["decided_by"]) == ("written_off", "cleo")


def test_in_a_currency_without_a_limit_a_write_off_always_takes_a_second_person(
    broken: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = tmp_path / "elsewhere.yaml"
    elsewhere.write_text(ROLES.replace("BRL: 100", "USD: 1000000"), encoding="utf-8")
    monkeypatch.setenv("ORDER_OPS_ROLES", str(elsewhere))
    get_settings.cache_clear()
    break_id = listed()["o1"]["break_id"]
    assert "write-off proposed: BRL 0.10 is above" in done("write-off", break_id, "--reason", "x")
    assert settle(broken) == [], "nothing is decided yet"
    assert listed()["o1"]["state"] == "write_off_proposed"


def test_a_rejected_write_off_leaves_it_open(broken: Shop) -> None:
    break_id = listed()["o2"]["break_id"]
    done("write-off", break_id, "--reason", "lost")
    assert "ana proposed this write-off" in refused("reject", break_id, "--reason", "x")
    done("reject", break_id, "--reason", "claim it first", by="cleo")
    assert "ana may not accept BRL 5.00 alone" in refused("accept", break_id, "--reason", "x")
    done("accept", break_id, "--reason", "it is fine", "--dry-run", by="ben")
    assert listed()["o2"]["state"] == "open"
    assert "nothing has been decided" in refused("approve", break_id, "--reason", "x", by="cleo")


def test_a_write_off_of_what_changed_meanwhile_is_not_approved(
    broken: Shop, tmp_path: Path
) -> None:
    break_id = listed()["o3"]["break_id"]
    done("write-off", break_id, "--reason", "lost")
    lines_of(broken, tmp_path, "b.csv", [("txn_3", "2026-03-12", "o3", 700)])
    settle(broken)
    told = refused("approve", break_id, "--reason", "ok", by="cleo")
    assert "has changed since the write-off was proposed" in told


@pytest.mark.parametrize(
    ("act", "by", "why"),
    [
        ("accept", "mallory", "'mallory' has no role"),
        ("accept", "olga", "olga may not accept: that takes the role finance"),
        ("write-off", "cleo", "cleo may not write off"),
        ("reopen", "ana", "nothing has been decided about it"),
        ("approve", "cleo", "nothing has been decided about it"),
    ],
)
def test_who_may_not_is_refused(broken: Shop, act: str, by: str, why: str) -> None:
    assert why in refused(act, listed()["o1"]["break_id"], "--reason", "x", by=by)
    assert broken.one("SELECT count(*) FROM recon.break_events") == 0


def test_without_a_roles_file_nobody_may(shop: Shop) -> None:
    assert "ORDER_OPS_ROLES names no file" in refused("note", "abcd", "x")


def test_an_id_is_said_by_how_it_starts(broken: Shop) -> None:
    break_id = listed()["o1"]["break_id"]
    done("note", break_id[:8], "asked the provider")
    assert listed()["o1"]["last_note"] == "asked the provider"
    assert "there is no break 0000" in refused("show", "0000000000")
    assert "'abc' is no id" in refused("show", "abc")
    with_same = f"{break_id[:8]}{'0' * 24}"
    broken_copy = (
        "INSERT INTO recon.reconciliation_breaks SELECT account, day, %(id)s, class, status, leg,"
        " 'other', kind, currency, difference_minor, at_stake_minor, entries, order_ref,"
        " provider_ref, first_seen, break_on, explanation, rule, business_days"
        " FROM recon.reconciliation_breaks WHERE break_id = %(of)s AND day = '2026-03-12'"
        " RETURNING 1"
    )
    broken.rows(broken_copy, id=with_same, of=break_id)
    assert "may be any of several breaks" in refused("note", break_id[:8], "x")


def test_a_dry_run_checks_everything_and_changes_nothing(broken: Shop) -> None:
    break_id = listed()["o1"]["break_id"]
    assert done("accept", break_id, "--dry-run").startswith("would be:")
    assert "has no role" in refused("accept", break_id, "--dry-run", by="mallory")
    assert broken.one("SELECT count(*) FROM recon.break_events") == 0
    assert due_days(broken) == []
    assert "--reason: say why" in refused("accept", break_id)


def test_all_there_is_to_know_is_shown(broken: Shop) -> None:
    break_id = listed()["o2"]["break_id"]
    done("acknowledge", break_id, by="olga")
    told = done("show", break_id)
    assert "a.csv line 3" in told
    assert "2026-03-10 amount_short, break, BRL 5.00 at stake" in told
    assert "olga (operator): acknowledge, from 2026-03-12 on" in told
    whole = json.loads(done("show", break_id, "--json", "-"))
    assert whole["break"]["class"] == "amount_short"
    assert [one["act"] for one in whole["events"]] == ["acknowledge"]
    assert {one["side"] for one in whole["members"]} == {"internal", "provider"}
    paragraph = done("explain", break_id)
    assert "BRL 5.00 short" in paragraph
    assert "It is amount_short because" in paragraph
    assert "Next: " in paragraph


def test_an_accepted_proposal_is_a_match_of_the_next_run(broken: Shop, tmp_path: Path) -> None:
    lines_of(broken, tmp_path, "b.csv", [("txn_9", "2026-03-11", "o3", 1_000)], "pi_other")
    settle(broken)
    assert standing() == ["missing_internal", "missing_provider"]
    (proposal,) = json.loads(done("proposals", "--json", "-"))
    assert proposal["rule"] == "other_reference"
    assert proposal["proposal_id"][:12] in done("proposals")
    done("accept-match", proposal["proposal_id"][:8], "--reason", "same customer")
    assert settle(broken) == [LAST]
    (match,) = broken.rows("SELECT rule, explanation FROM recon.payment_matches")
    assert match.rule == "accepted_proposal"
    assert match.explanation == ("Accepted by ana from 2026-03-12 on, as proposed: same customer.")
    assert list(listed()) == ["o2", "o1"]
    assert "accepted already" in refused("accept-match", proposal["proposal_id"], "--reason", "x")
    done("reopen", proposal["proposal_id"], "--reason", "another customer")
    settle(broken)
    assert broken.one("SELECT count(*) FROM recon.payment_matches") == 0
    assert standing() == ["missing_internal", "missing_provider"]


def standing() -> list[str]:
    """Classes of what stands of the order that the provider lists under another reference."""
    found = json.loads(done("list", "--json", "-"))
    return sorted(one["class"] for one in found if one["order_ref"] == "o3")


def test_one_line_for_several_orders_is_matched_once_it_is_accepted(
    broken: Shop, tmp_path: Path
) -> None:
    broken.stage(created("o4"), reserved("o4"), paid("o4"))
    broken.apply()
    lines_of(broken, tmp_path, "b.csv", [("txn_9", "2026-03-11", "zz", 2_000)])
    settle(broken)
    (proposal,) = json.loads(done("proposals", "--json", "-"))
    assert proposal["rule"] == "subset_sum"
    (break_id,) = (one["break_id"] for one in listed("--class", "missing_internal").values())
    assert f"accept-match {proposal['proposal_id'][:12]}" in done("explain", break_id)
    done("accept-match", proposal["proposal_id"], "--reason", "paid at once")
    settle(broken)
    sides = broken.rows("SELECT side, count(*) FROM recon.match_members GROUP BY 1 ORDER BY 1")
    assert [tuple(row) for row in sides] == [("internal", 2), ("provider", 1)]
    days = [AccountDay(day, ACCOUNT) for day in DAYS]
    assert [uneven_matches(broken.pool, day) for day in days] == [0, 0, 0]
    assert list(listed()) == ["o2", "o1"]


def test_analysts_have_it_too(broken: Shop) -> None:
    done("accept", listed()["o1"]["break_id"], "--reason", "cents", by="ben")
    frame = load("standing_breaks", "shop-cards|2026-03-12").set_index("order_ref")
    assert frame.loc["o1", "state"] == "accepted"
    assert frame.loc["o1", "decided_because"] == "cents"
    assert frame.loc["o2", "state"] == "open"


def test_the_audit_is_verified_and_its_head_is_told(broken: Shop) -> None:
    break_id = listed()["o1"]["break_id"]
    done("acknowledge", break_id)
    done("accept", break_id, "--reason", "cents", by="ben")
    head = order_ops("audit", "head").stdout.strip()
    assert head.startswith("2:")
    whole = order_ops("audit", "verify", "--against", head)
    assert (whole.exit_code, whole.stdout) == (0, "2 events, each as it was written.\n")
    with transaction(broken.pool) as conn:
        conn.execute("SET LOCAL session_replication_role = replica")
        conn.execute("UPDATE recon.break_events SET reason = 'x' WHERE id = 2")
    found = order_ops("audit", "verify")
    assert (found.exit_code, "event 2 was changed" in found.stdout) == (1, True)
    told = json.loads(order_ops("audit", "verify", "--json", "-").stdout)
    assert told["wrong"].startswith("event 2 was changed")
    assert order_ops("audit", "verify", "--against", "x").exit_code == 2


def test_who_acts_is_who_the_wrapper_says(broken: Shop) -> None:
    break_id = listed()["o2"]["break_id"]
    assert "leave --by out" in refused("note", break_id, "x", "--by", "cleo")
    done("write-off", break_id, "--reason", "lost", by="Ben ")
    assert "proposed this write-off" in refused("approve", break_id, "--reason", "x", by="ben")


def test_an_assignee_has_a_name(broken: Shop) -> None:
    for name in ("", " ", "x" * 65):
        assert "in 1 to 64 characters" in refused("assign", listed()["o2"]["break_id"], name)
    assert "36500" in refused("list", "--older-than", "99999999999")


def _correct(shop: Shop, entry: str, amount: int) -> None:
    """What a corrected file does to a line, before any run has taken it in."""
    with transaction(shop.pool) as conn:
        conn.execute(
            "UPDATE recon.provider_transactions SET amount_minor = %(amount)s,"
            " net_minor = %(amount)s, settled_minor = %(amount)s WHERE entry_id = %(entry)s",
            {"entry": entry, "amount": amount},
        )


def test_nothing_is_decided_upon_what_the_run_did_not_see(broken: Shop) -> None:
    break_id = listed()["o1"]["break_id"]
    _correct(broken, "txn_1", 500)
    for act in ("accept", "write-off", "acknowledge"):
        reason = ("--reason", "cents") if act != "acknowledge" else ()
        told = refused(act, break_id, *reason)
        assert "its entries are not known to say what they said to the run of 2026-03-12" in told
    assert broken.one("SELECT count(*) FROM recon.break_events") == 0
    done("note", break_id, "I asked them")
    run_days(broken, *DAYS)
    assert "accepted: BRL 5.00" in done("accept", break_id, "--reason", "all of it", by="ben")
    settle(broken)
    assert listed()["o1"]["state"] == "accepted"


def test_what_was_acknowledged_is_open_again_when_it_has_changed(broken: Shop) -> None:
    break_id = listed()["o1"]["break_id"]
    done("acknowledge", break_id, by="olga")
    run_days(broken, *DAYS)
    assert listed()["o1"]["state"] == "acknowledged"
    _correct(broken, "txn_1", 500)
    run_days(broken, *DAYS)
    assert listed()["o1"]["state"] == "open"
    told = "open again: olga acknowledged it as amount_short, BRL 0.10, and it has changed"
    assert told in done("show", break_id)
    done("acknowledge", break_id, by="olga")
    assert listed()["o1"]["state"] == "acknowledged"


def test_what_was_accepted_is_summed_as_such_and_not_as_open(broken: Shop) -> None:
    done("accept", listed()["o1"]["break_id"], "--reason", "cents", by="ben")
    done("write-off", listed()["o2"]["break_id"], "--reason", "voucher")
    done("approve", listed()["o2"]["break_id"], "--reason", "seen", by="cleo")
    summary = summarise(run_days(broken, *DAYS)[LAST])
    assert summary["accepted"] == {"amount_short": {"count": 1, "amount_minor": {"BRL": 10}}}
    assert summary["written_off"] == {"amount_short": {"count": 1, "amount_minor": {"BRL": 500}}}
    assert list(summary["breaks"]) == ["missing_provider"]
    assert headline(summary) == (
        "Breaks: BRL 10.00 at stake in 1 case, BRL 0.10 accepted, BRL 5.00 written off."
    )
