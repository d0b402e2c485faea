"""A home of their own for the system's embedded servers, in a folder with a short name."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    """One home for a module: its tests build on one another's servers and data."""
    folder = Path(tempfile.mkdtemp(prefix="order-ops-day-", dir="/tmp"))
    yield folder
    shutil.rmtree(folder)
