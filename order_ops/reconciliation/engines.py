"""Engines that hold the frames: Polars and pandas in memory, DuckDB on disk, PySpark on a cluster.

What they compute is written once, elsewhere; here is how frames come into an engine, and how it
keeps a result between two steps.
"""

import tempfile
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any, Literal

import narwhals as nw
import polars as pl

from order_ops.domain.failures import MendableError

Engine = Literal["polars", "pandas", "duckdb", "pyspark"]


class EngineError(MendableError):
    """An engine that is not there."""


_CONNECTION: ContextVar[Any] = ContextVar("duckdb_connection")


@contextmanager
def holding(engine: Engine, frames: Mapping[str, pl.DataFrame]) -> Iterator[dict[str, Any]]:
    """Give frames to an engine, and let go of what it made of them at the end.

    Args:
        engine: which; pyspark needs the extra `spark` and a JVM.
        frames: by name.
    """
    if engine == "duckdb":
        with _duckdb(frames) as held:
            yield held
        return
    if engine == "pandas":
        yield {
            name: frame.to_pandas(use_pyarrow_extension_array=True)
            for name, frame in frames.items()
        }
        return
    if engine == "pyspark":
        yield _pyspark(frames)
        return
    yield dict(frames)


@contextmanager
def _duckdb(frames: Mapping[str, pl.DataFrame]) -> Iterator[dict[str, Any]]:
    """In a database of its own, gone afterwards; what memory does not hold is spilled."""
    import duckdb  # noqa: PLC0415  loads in a second, which no other engine has to wait for

    with (
        tempfile.TemporaryDirectory(prefix="order_ops-") as folder,
        duckdb.connect(Path(folder) / "steps.duckdb") as connection,
    ):
        # the session's zone decides what a moment's day is; where rows lie does not matter
        connection.execute("SET TimeZone = 'UTC'; SET preserve_insertion_order = false")
        token = _CONNECTION.set(connection)
        try:
            yield {name: connection.from_arrow(frame.to_arrow()) for name, frame in frames.items()}
        finally:
            _CONNECTION.reset(token)


def _pyspark(frames: Mapping[str, pl.DataFrame]) -> dict[str, Any]:
    """In the session that is there, else in a local one; moments are in UTC."""
    try:
        from pyspark.sql import SparkSession  # noqa: PLC0415  an extra
    except ImportError as error:
        raise EngineError(
            "engine pyspark: it is not installed; install order-ops[spark], and a Java runtime"
        ) from error
    spark = SparkSession.builder.appName("order_ops").getOrCreate()
    spark.conf.set("spark.sql.session.timeZone", "UTC")
    return {name: spark.createDataFrame(frame.to_arrow()) for name, frame in frames.items()}


def materialized(frame: nw.LazyFrame[Any]) -> nw.LazyFrame[Any]:
    """Return a lazy frame with its work done: in memory, in a table, or stored by a cluster."""
    if frame.implementation.is_duckdb():
        name = f"step_{uuid.uuid4().hex}"
        frame.to_native().create(name)
        done = _CONNECTION.get().table(name)
    elif frame.implementation.is_pyspark():
        done = frame.to_native().localCheckpoint()
    else:
        return frame.collect().lazy()
    held: nw.LazyFrame[Any] = nw.from_native(done)
    return held
