"""Failed runs that are launched again: asked for here, launched by `replay_sensor`.

A run cannot be part of a transaction: its letter is marked as being replayed, with one
key per request, until the launched run has ended.
"""

from dataclasses import dataclass
from typing import Any

import orjson
from sqlalchemy import Engine

from order_ops.domain.redaction import REDACTED
from order_ops.jobs.letters.dead_letters import Acted, Became, lock_open
from order_ops.jobs.letters.letter_sets import LetterError
from order_ops.store import audit, letters
from order_ops.store.audit import Actor
from order_ops.store.engine import transaction
from order_ops.store.queries import letters as sql

NOT_LAUNCHED = ("__ASSET_JOB", "__ANONYMOUS_ASSET_JOB")
"""Runs that were launched for chosen assets in the UI; only the UI can choose them again."""
_LAUNCHES = 50


def request(pool: Engine, letter_id: int, actor: Actor, *, dry_run: bool) -> Acted:
    """Mark the letter of a run as being replayed.

    Raises:
        LetterError: it is not open, or its run can be launched from the UI alone.
    """
    with transaction(pool) as conn:
        letter = lock_open(conn, letter_id)
        if letter.name in NOT_LAUNCHED:
            raise LetterError(
                f"dead letter {letter_id} is a run of assets chosen in the UI: re-execute run "
                f"{letter.origin_id} there, then discard this letter"
            )
        if REDACTED.encode() in orjson.dumps(letter.headers):
            raise LetterError(
                f"dead letter {letter_id} is a run with something sensitive in its config, which "
                f"is not kept here: re-execute run {letter.origin_id} in the UI, then discard "
                "this letter"
            )
        if not dry_run:
            letters.review(conn, letter, "replaying", actor)
            audit.record(conn, actor, "dlq.replay", letters.subject(letter_id))
    return Acted(letter_id, Became.REQUESTED, f"{letter.name} is launched again by replay_sensor")


@dataclass(frozen=True, slots=True)
class Launch:
    """A failed run that is to be launched again, as its run storage told it.

    key: of this request; asked for again after it was cancelled, it has another one.
    """

    letter_id: int
    key: str
    job: str
    config: dict[str, Any]
    tags: dict[str, str]


def launches(pool: Engine) -> list[Launch]:
    """Runs whose letters are being replayed, launched already or not."""
    with transaction(pool) as conn:
        return [
            Launch(
                row.id,
                f"replay:{row.id}:{row.reviewed_at.timestamp():.0f}",
                row.name,
                row.headers["config"],
                row.headers["tags"],
            )
            for row in sql.runs_to_launch(conn, letters=_LAUNCHES)
        ]


def launch_ended(pool: Engine, letter_id: int, *, replayed: bool, why: str) -> None:
    """The launched run has ended: its letter is replayed, or stands open again."""
    with transaction(pool) as conn:
        letter = sql.lock(conn, id=letter_id)
        if letter.state != "replaying":
            return
        actor = Actor(letter.reviewer, letter.reason)
        letters.review(conn, letter, "replayed" if replayed else "open", actor)
        detail = {"ended": why}
        audit.record(conn, actor, "dlq.replay", letters.subject(letter_id), detail)
