"""What an audit finds: one line of what is wrong, where, and what to do next."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong. No part of it holds a password or a line break."""

    subject: str
    """Where: the queue, the database, the variable."""
    problem: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.subject}: {self.problem}; {self.remedy}"


def reason(error: BaseException) -> str:
    """The first line of an error's own words, its type's name where it has none."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__
