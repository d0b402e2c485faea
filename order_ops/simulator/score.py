"""What a reconciliation found, against what is true.

A match is right when its entries are exactly those of one true match. A label is found under the
class of each break that one of its entries is in; a break with no labelled entry was found for
nothing. Both are strict: a label in two breaks counts twice.
"""

from dataclasses import dataclass
from typing import Any

import narwhals as nw
import polars as pl

from order_ops.reconciliation.result import Reconciliation
from order_ops.simulator.simulation import Truth

NONE = "none"
"""Stands for no label, or no break."""


@dataclass(frozen=True, slots=True)
class Score:
    """How right a result is.

    Attributes:
        true_matches, found_matches, right_matches: how many there are.
        confusion: truth, found (class, `none`, or a class with " (pending)"), count; by truth and
            found.
        other_currency: breaks of the right class in another currency than the label's.
    """

    true_matches: int
    found_matches: int
    right_matches: int
    confusion: pl.DataFrame
    other_currency: int

    @property
    def precision(self) -> float:
        """The share of found matches that are right; 1 when none was found."""
        return self.right_matches / self.found_matches if self.found_matches else 1.0

    @property
    def recall(self) -> float:
        """The share of true matches that were found; 1 when there is none."""
        return self.right_matches / self.true_matches if self.true_matches else 1.0

    @property
    def diagonal(self) -> float:
        """The share of breaks, found or missed, that have the class of their label."""
        total = int(self.confusion["count"].sum())
        same = self.confusion.filter(pl.col("truth") == pl.col("found"))
        return int(same["count"].sum()) / total if total else 1.0

    @property
    def found_labels(self) -> float:
        """The share of labels that were found under their class; 1 when there is none."""
        labelled = self.confusion.filter(pl.col("truth") != NONE)
        total = int(labelled["count"].sum())
        same = labelled.filter(pl.col("truth") == pl.col("found"))
        return int(same["count"].sum()) / total if total else 1.0

    @property
    def false_breaks(self) -> int:
        """How many breaks were found where nothing is wrong."""
        return int(self.confusion.filter(pl.col("truth") == NONE)["count"].sum())

    def table(self) -> str:
        """All of it, for a terminal: figures, then one line per pair of classes."""
        lines = [
            f"matches    {self.found_matches:,} found, {self.true_matches:,} true, "
            f"{self.right_matches:,} right",
            f"precision  {self.precision:.6f}",
            f"recall     {self.recall:.6f}",
            f"diagonal   {self.diagonal:.6f}",
            f"{'truth':32} {'found':32} {'count':>10}",
        ]
        for truth, found, count in self.confusion.iter_rows():
            mark = "" if truth == found else "  <"
            lines.append(f"{truth:32} {found:32} {count:>10,}{mark}")
        return "\n".join(lines)


def score(result: Reconciliation, truth: Truth) -> Score:
    """Judge a result; see `Score`."""
    return judge(
        truth,
        _polars(result.match_members),
        _polars(result.breaks),
        _polars(result.break_members),
    )


def judge(truth: Truth, found: pl.DataFrame, breaks: pl.DataFrame, members: pl.DataFrame) -> Score:
    """Judge anybody's result.

    Args:
        truth: what is true.
        found: match_id, side, entry_id of the matches.
        breaks: break_id, class, status (break or pending), currency; and key, where there is one.
        members: break_id, side, entry_id.
    """
    joined = _judged(truth, breaks, members)
    return Score(
        true_matches=truth.matches["match"].n_unique(),
        found_matches=found["match_id"].n_unique(),
        right_matches=right_matches(found, truth),
        confusion=joined.group_by("truth", "found").agg(count=pl.len()).sort("truth", "found"),
        other_currency=joined.filter(
            pl.col("truth") == pl.col("found"), pl.col("currency") != pl.col("other")
        ).height,
    )


def right_matches(found: pl.DataFrame, truth: Truth) -> int:
    """How many found matches are exactly a true one.

    Args:
        found: match_id, side, entry_id of anybody's matches.
        truth: what is true.
    """
    sizes = truth.matches.group_by("match").agg(size=pl.len())
    told = (
        found.join(truth.matches, on=["side", "entry_id"], how="left")
        .group_by("match_id")
        .agg(
            members=pl.len(),
            matches=pl.col("match").n_unique(),
            match=pl.col("match").min(),
        )
        .join(sizes, on="match", how="inner")
        .filter(pl.col("matches") == 1, pl.col("members") == pl.col("size"))
    )
    # two found matches of one true one are not both right
    return told["match"].n_unique()


def _judged(truth: Truth, breaks: pl.DataFrame, members: pl.DataFrame) -> pl.DataFrame:
    """One row per label and break that have an entry in common: truth, found, currencies."""
    links = (
        truth.labelled.join(members, on=["side", "entry_id"], how="inner")
        .select("label", "break_id")
        .unique()
    )
    if "key" in breaks.columns:  # of a missing file, which has no entry
        nameless = truth.labels.join(truth.labelled, on="label", how="anti")
        by_key = nameless.join(breaks, on=["key", "currency"]).select("label", "break_id")
        links = pl.concat([links, by_key])
    labels = truth.labels.select("label", "currency", truth=_name())
    found = breaks.select("break_id", found=_name(), other=pl.col("currency"))
    return (
        labels.join(links, on="label", how="left")
        .join(found, on="break_id", how="full", coalesce=True)
        .with_columns(pl.col("truth", "found").fill_null(NONE))
    )


def _name() -> pl.Expr:
    pending = pl.when(pl.col("status") == "pending").then(pl.lit(" (pending)"))
    return pl.col("class") + pending.otherwise(pl.lit(""))


def _polars(frame: Any) -> pl.DataFrame:
    """A frame of any backend, in Polars."""
    narrow: nw.DataFrame[Any] = nw.from_native(frame, eager_only=True)
    return narrow.to_polars()
