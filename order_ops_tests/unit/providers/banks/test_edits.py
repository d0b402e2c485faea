"""No edit of one place of a statement changes its money unseen."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from order_ops.providers.banks.registry import open_statement
from order_ops.providers.banks.statement import BankFile, StatementOptions
from order_ops.providers.files.report import ReportError
from order_ops_tests.unit.providers.banks.readers import GOLDEN

OPTIONS = StatementOptions(mapping=GOLDEN / "banco_verde.yaml")
FILES = [
    ("camt053", "two_days.camt053.xml"),
    ("camt053", "old_version.camt053.xml"),
    ("mt940", "german.mt940"),
    ("mt940", "swift_blocks.mt940"),
    ("mapped", "banco_verde.csv"),
]


def _money(file: BankFile) -> list[list[tuple[str, int]]]:
    return [[(t.currency, t.net_minor) for t in told.totals] for told in file.statements]


@pytest.mark.parametrize(("reader", "name"), FILES)
def test_an_edited_file_is_refused_or_has_the_same_money(
    reader: str, name: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    content = (GOLDEN / name).read_bytes()
    whole = _money(open_statement(f"{reader}:{GOLDEN / name}", OPTIONS))
    edited: Path = tmp_path_factory.mktemp("edited") / name
    places = st.integers(0, len(content) - 1)
    pieces = st.one_of(
        st.text(alphabet="0123456789,.-:CDR<>/;\n\"'", max_size=4).map(str.encode),
        st.binary(max_size=2),
        st.tuples(places, st.integers(1, 80)).map(lambda cut: content[cut[0] : sum(cut)]),
    )

    @settings(deadline=None, max_examples=150, derandomize=True)
    @given(place=places, dropped=st.integers(0, 60), piece=pieces)
    def check(place: int, dropped: int, piece: bytes) -> None:
        edited.write_bytes(content[:place] + piece + content[place + dropped :])
        try:
            file = open_statement(f"{reader}:{edited}", OPTIONS)
        except ReportError:
            return
        assert _money(file) == whole

    check()
