"""The socket of a connection to a broker, read in large pieces."""

import socket

import pytest

from proxy.status.link import Gathered


def test_octets_are_given_out_one_by_one_and_fetched_together() -> None:
    broker, ours = socket.socketpair()
    with broker, ours:
        ours.setblocking(False)
        gathered = Gathered(ours)
        with pytest.raises(BlockingIOError):
            gathered.recv(1)
        assert gathered.pending() == 0
        broker.sendall(b"\x40\x02\x00\x01\x40\x02\x00\x02")
        assert gathered.recv(1) == b"\x40"
        assert gathered.pending() == 7, "what is here is not waited for"
        assert gathered.recv(3) == b"\x02\x00\x01"
        broker.sendall(b"\xd0\x00")
        assert gathered.recv(100) == b"\x40\x02\x00\x02", "what came first goes first"
        assert gathered.recv(100) == b"\xd0\x00"
        with pytest.raises(BlockingIOError):
            gathered.recv(1)
        broker.close()
        assert gathered.recv(1) == b"", "the end is seen"


def test_everything_else_is_the_socket_s_own() -> None:
    broker, ours = socket.socketpair()
    with broker, ours:
        gathered = Gathered(ours)
        assert gathered.fileno() == ours.fileno()
        assert gathered.send(b"x") == 1
        assert broker.recv(1) == b"x"
