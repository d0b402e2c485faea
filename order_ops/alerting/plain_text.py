"""An alert in plain words: for pagers and mail. Pure."""

from order_ops.alerting.notices import Links, Notice, at_stake, moment, state, why

TITLE = 200


def title(notice: Notice) -> str:
    """One line."""
    one = notice.subject
    said = "resolved" if one.resolved_at is not None else one.severity
    return " ".join(f"{said}: {one.title}".split())[:TITLE]


def body(notice: Notice, links: Links) -> str:
    """What is known, a line each, and where to look."""
    one = notice.subject
    facts = {
        "severity": one.severity,
        "since": moment(one.created_at),
        "seen": str(one.seen),
        "money at stake": at_stake(one.money),
        "orders": ", ".join(one.orders),
        "owner": one.owner,
        "run": links.run(one) or one.run_id or "",
        "runbook": links.runbook(one) or one.runbook,
        "correlation": one.correlation_id or "",
        "alert": one.name,
    }
    ended = one.resolved_at is not None
    lines = [one.title, None if ended else why(notice), state(one) if ended else None]
    lines += [f"{name}: {text}" for name, text in facts.items() if text]
    return "\n".join(line for line in lines if line)
