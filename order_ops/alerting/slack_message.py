"""An alert as Slack shows it: Block Kit, within Slack's limits. Pure.

Whatever a shop or an error says is data: `<`, `>` and `&` are escaped, so that no text rings
`<!channel>` or hides a link, and a backtick ends no code fence. Limits: docs.slack.dev,
reference/block-kit/blocks.
"""

from dataclasses import dataclass
from typing import Any

from order_ops.alerting.notices import Links, Notice, Subject, at_stake, moment, state, why

HEADER, SECTION, FIELD, URL, BLOCKS, TEXT = 150, 3_000, 2_000, 3_000, 50, 3_000
_COLOURS = {"critical": "#d00000", "warning": "#e8a317", "info": "#439fe0"}
_GREEN = "#2eb67d"
_SIGNS = {"critical": ":red_circle:", "warning": ":large_yellow_circle:", "info": ":blue_circle:"}
_FENCE = "```"
_NO_FENCE = str.maketrans({"`": "\u02cb"})  # looks like one

Block = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Message:
    """What chat.postMessage, chat.update and webhooks take: `text` is for notifications."""

    text: str
    blocks: list[Block]
    attachments: list[Block]

    def as_arguments(self) -> dict[str, Any]:
        """As the arguments of a call."""
        return {"text": self.text, "blocks": self.blocks, "attachments": self.attachments}


def build(notice: Notice, links: Links) -> Message:
    """A notice, whole."""
    one = notice.subject
    ended = one.resolved_at is not None
    sign = ":large_green_circle: Resolved" if ended else f"{_SIGNS[one.severity]} {one.severity}"
    head = _plain(f"{sign}: {one.title}", HEADER)
    parts = [
        _words(one.title, SECTION) if len(head) == HEADER else None,
        _context(_facts(one)),
        _fields(one),
        _error(one.error),
        _marked(why(notice)) if not ended else None,
        _marked(state(one)) if not _passed(notice) else None,
        _buttons(one, links),
    ]
    body = [part for part in parts if part is not None][: BLOCKS - 1]
    return Message(
        text=cut(escaped(f"{'resolved' if ended else one.severity}: {one.title}"), TEXT),
        blocks=[{"type": "header", "text": {"type": "plain_text", "text": head, "emoji": True}}],
        attachments=[{"color": _GREEN if ended else _COLOURS[one.severity], "blocks": body}],
    )


def plain_only(notice: Notice) -> Message:
    """A notice in plain words, for when Slack refuses its blocks."""
    one = notice.subject
    about = f"alert {one.name}"
    lines = [f"{one.severity}: {one.title}", _facts(one), about, why(notice), state(one)]
    text = "\n".join(escaped(line) for line in lines if line)
    return Message(cut(text, TEXT), [], [])


def escaped(text: str) -> str:
    """Text in which Slack sees neither a mention nor a link."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def cut(text: str, limit: int) -> str:
    """A text of at most that many characters that never ends within an escape."""
    if len(text) <= limit:
        return text
    kept = text[: limit - 1]
    start = kept.rfind("&")
    if start > len(kept) - 5 and ";" not in kept[start:]:
        kept = kept[:start]
    return f"{kept}…"


def _plain(text: str, limit: int) -> str:
    """One line: a header has no markup to escape."""
    return cut(" ".join(text.split()), limit)


def _passed(notice: Notice) -> bool:
    """A snooze that is over is not told as if it went on."""
    one = notice.subject
    only_snoozed = one.acknowledged_at is None and one.resolved_at is None
    return only_snoozed and notice.step != "refresh"


def _facts(one: Subject) -> str:
    seen = "once" if one.seen == 1 else f"{one.seen:,} times, last {moment(one.last_seen_at)}"
    owner = f"owner {one.owner}"
    return f"{one.severity} · since {moment(one.created_at)} · seen {seen} · {owner}"


def _context(text: str) -> Block:
    elements = [{"type": "mrkdwn", "text": cut(escaped(text), FIELD)}]
    return {"type": "context", "elements": elements}


def _words(text: str, limit: int) -> Block:
    return {"type": "section", "text": {"type": "mrkdwn", "text": cut(escaped(text), limit)}}


def _marked(text: str | None) -> Block | None:
    return None if text is None else _words(text, SECTION)


def _fields(one: Subject) -> Block:
    more = one.order_count - len(one.orders)
    orders = ", ".join(one.orders) + (f" and {more} more" if more > 0 else "")
    told = {
        "Money at stake": at_stake(one.money),
        "Order" if one.order_count <= 1 else f"Orders ({one.order_count})": orders,
        "Tenant": one.tenant_id or "",
        "Attempt": "" if one.attempt is None else str(one.attempt),
        "Correlation": one.correlation_id or "",
        "Alert": one.name,
    }
    fields = [
        {"type": "mrkdwn", "text": f"*{name}*\n{cut(escaped(text), FIELD - 100)}"}
        for name, text in told.items()
        if text
    ]
    return {"type": "section", "fields": fields}


def _error(error: str | None) -> Block | None:
    if not error:
        return None
    room = SECTION - 2 * len(_FENCE) - 2
    inside = cut(escaped(error.translate(_NO_FENCE)), room)
    text = f"{_FENCE}\n{inside}\n{_FENCE}"
    return {"type": "section", "text": {"type": "mrkdwn", "text": text}}


def _buttons(one: Subject, links: Links) -> Block | None:
    targets = {"Open run": links.run(one), "Runbook": links.runbook(one)}
    elements = [
        {
            "type": "button",
            "text": {"type": "plain_text", "text": name},
            "url": url,
            "action_id": name.lower().replace(" ", "_"),
        }
        for name, url in targets.items()
        if url is not None and len(url) <= URL
    ]
    return {"type": "actions", "elements": elements} if elements else None
