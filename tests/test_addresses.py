"""Addresses: their text, looking them up, and listening at them."""

import socket

import pytest

from driftlab.real.addresses import Address, AddressError, listen


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("localhost:0", "localhost", 0),
        ("127.0.0.1:65535", "127.0.0.1", 65535),
        ("[::1]:7101", "::1", 7101),
        ("lab-1.example:80", "lab-1.example", 80),
    ],
)
def test_an_address_is_read_and_written(text: str, host: str, port: int) -> None:
    assert Address.parse(text) == (host, port)
    assert str(Address.parse(text)) == text


@pytest.mark.parametrize(
    "text",
    ["", ":", "host", "host:", ":80", "host:65536", "host:-1", "host:x", "host:1.5", "host:٣"],
)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(AddressError) as caught:
        Address.parse(text)
    assert str(caught.value) == (f"{text!r} is not an address; allowed: HOST:PORT, port 0 to 65535")


def test_an_address_is_resolved_to_what_a_socket_takes() -> None:
    assert Address("127.0.0.1", 7).resolve() == (socket.AF_INET, ("127.0.0.1", 7))
    assert Address("localhost", 7).resolve() == (socket.AF_INET, ("127.0.0.1", 7))
    with pytest.raises(AddressError, match=r"^no\.host\.invalid:7: "):
        Address("no.host.invalid", 7).resolve()


def test_an_address_that_is_taken_cannot_be_listened_at() -> None:
    with listen(Address("127.0.0.1", 0), 4) as listener:
        port = listener.getsockname()[1]
        assert not listener.getblocking()
        with pytest.raises(AddressError) as caught:
            listen(Address("127.0.0.1", port), 4)
        with socket.create_connection(("127.0.0.1", port)):
            pass
    assert str(caught.value) == f"cannot listen on 127.0.0.1:{port}: Address already in use"
