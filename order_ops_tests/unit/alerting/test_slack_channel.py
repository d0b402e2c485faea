"""Which message is whose; the rest is tested with the real client on a stand-in."""

from order_ops.alerting.slack_channel import identity
from order_ops_tests.unit.alerting.subjects import notice


def test_no_two_notices_are_the_same_message() -> None:
    told = [identity(n) for n in (notice(), notice(number=2), notice(id=8), notice(dedupe_key="x"))]
    assert len({str(one) for one in told}) == 4
