"""What Apprise refuses is said without its address."""

import pytest

from order_ops.alerting.apprise_channel import AppriseChannel
from order_ops.alerting.channels import DeliveryError
from order_ops_tests.unit.alerting.subjects import notice


def test_an_address_that_it_does_not_know_is_refused_with_its_variable(
    capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(DeliveryError, match="ORDER_OPS_APPRISE_URLS: ") as refused:
        AppriseChannel("nothing://canary").tell(notice(), None)
    assert refused.value.lasting
    assert "canary" not in str(refused.value) + caplog.text + str(capfd.readouterr())


def test_one_that_does_not_answer_is_tried_again(caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(DeliveryError, match="Apprise could not tell") as refused:
        AppriseChannel("json://user:canary@127.0.0.1:1/canary").tell(notice(), None)
    assert not refused.value.lasting
    assert "canary" not in str(refused.value) + caplog.text
