import socket
from contextlib import ExitStack

from order_ops.devstack import processes
from order_ops.devstack.processes import LOOPBACK

FIRST = 23_950


def test_two_that_start_at_the_same_time_reserve_different_ports() -> None:
    with ExitStack() as one, ExitStack() as other:
        first = processes.reserve_port(FIRST, one)
        second = processes.reserve_port(FIRST, other)
        assert first != second
        one.close()
        with ExitStack() as third:
            assert processes.reserve_port(FIRST, third) == first


def test_a_port_on_which_somebody_listens_is_not_reserved() -> None:
    with ExitStack() as held:
        port = processes.reserve_port(FIRST, held)
    with socket.create_server((LOOPBACK, port)), ExitStack() as held:
        assert processes.reserve_port(port, held) > port
