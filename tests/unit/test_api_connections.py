"""What one client may take of the HTTP API: its time, its share, and the name it goes by."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections import Counter
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from pydantic import ValidationError

from photoqueue.addresses import listen, origin
from photoqueue.errors import ConfigurationError
from photoqueue.faces.http import backend, connections
from photoqueue.faces.http.connections import Places, client_of
from photoqueue.faces.http.problems import ProblemError
from photoqueue.faces.http.server import ApiServer, make_server
from photoqueue.settings import Settings
from tests.api_server import running
from tests.conftest import eventually

FORM = (
    b"POST /api/photos HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 100000\r\n"
    b"Content-Type: multipart/form-data; boundary=b\r\n"
)
PART = b'--b\r\nContent-Disposition: form-data; name="photo"; filename="a"\r\n\r\n'
CHUNKED = b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\n"
GET = b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"


@pytest.fixture(scope="module")
def server() -> Iterator[ApiServer]:
    """Serve with little patience and few places."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(connections, "_PATIENCE", 0.5)
        patch.setattr(connections, "_SLOWEST", 2**20)
        patch.setattr(connections, "_MOST_CONNECTIONS", 16)
        patch.setattr(backend, "_UPLOADS", 4)
        server = make_server(Settings(api_requests_per_second=0))
        with running(server):
            yield server


@pytest.fixture
def port(server: ApiServer) -> int:
    port: int = server.servers[0].sockets[0].getsockname()[1]
    return port


@contextlib.contextmanager
def connected(port: int, client: str = "127.0.0.1") -> Iterator[socket.socket]:
    """Connect from an address: all of 127.0.0.0/8 belong to this machine."""
    with socket.create_connection(("127.0.0.1", port), 60, (client, 0)) as connection:
        yield connection


def all_of(connection: socket.socket) -> bytes:
    """Read until the server ends the connection."""
    said = b""
    with contextlib.suppress(ConnectionResetError):
        while piece := connection.recv(65536):
            said += piece
    return said


def answer(port: int, client: str, request: bytes = GET) -> bytes:
    with connected(port, client) as connection:
        connection.sendall(request.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n", 1))
        return all_of(connection)


# -- time -------------------------------------------------------------------------------------


@pytest.mark.parametrize("said", [b"", b"GET /hea", GET[:-2]])
def test_silent_connection_ends(port: int, said: bytes) -> None:
    with connected(port, "127.1.0.1") as connection:
        connection.sendall(said)
        assert all_of(connection) == b""


def test_head_that_comes_byte_by_byte_ends(port: int) -> None:
    with connected(port, "127.1.0.2") as connection:
        connection.settimeout(0.05)
        connection.sendall(b"GET /")
        with contextlib.suppress(ConnectionError):
            while True:
                connection.sendall(b"a")
                with contextlib.suppress(TimeoutError):
                    assert connection.recv(100) == b""
                    break


def test_next_head_has_a_limit_too(port: int) -> None:
    with connected(port, "127.1.0.3") as connection:
        connection.sendall(GET + b"GET /")
        assert all_of(connection).count(b"HTTP/1.1") == 1


def test_stalled_upload_is_told_and_ends(port: int) -> None:
    with connected(port, "127.1.0.4") as connection:
        connection.sendall(FORM + b"\r\n" + PART)
        said = all_of(connection)
    assert said.startswith(b"HTTP/1.1 408")
    assert b"Connection: close" in said


def test_stalled_json_is_told_and_ends(port: int) -> None:
    with connected(port, "127.1.0.5") as connection:
        connection.sendall(
            b"POST /api/inventory HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 9\r\n"
            b"Content-Type: application/json\r\n\r\n{"
        )
        assert all_of(connection).startswith(b"HTTP/1.1 408")


def test_body_that_goes_on_after_its_answer_ends(port: int) -> None:
    with connected(port, "127.1.0.6") as connection:
        connection.sendall(CHUNKED)
        assert connection.recv(2**16).startswith(b"HTTP/1.1 405")
        connection.settimeout(0.05)
        with contextlib.suppress(ConnectionError):
            for _ in range(400):
                connection.sendall(b"10000\r\n" + b"a" * 2**16 + b"\r\n")
                with contextlib.suppress(TimeoutError):
                    assert connection.recv(100) == b""
                    break
            else:
                pytest.fail("it is read for ever")


async def endless(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    for _ in range(10_000):
        await send({"type": "http.response.body", "body": b"x" * 2**16, "more_body": True})
        await asyncio.sleep(0)


@pytest.mark.parametrize("app", [None, endless])
def test_client_that_does_not_read_its_answer_is_cut_off(
    monkeypatch: pytest.MonkeyPatch, app: Any
) -> None:
    monkeypatch.setattr(connections, "_PATIENCE", 0.5)
    monkeypatch.setattr(connections, "_SLOWEST", 2**20)
    server = make_server(Settings())
    server.config.app = app or server.config.app
    with running(server) as address, socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.connect(("127.0.0.1", int(address.rpartition(":")[2])))
        eventually(lambda: server.server_state.connections)
        (one,) = server.server_state.connections
        # So that it cannot hold the answer.
        one.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        connection.sendall(b"GET /openapi.json HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        eventually(lambda: not server.server_state.connections)
        assert len(all_of(connection)) < 2**20


def test_request_before_the_last_answer_is_refused(port: int) -> None:
    with connected(port, "127.1.0.9") as connection:
        connection.sendall(GET * 1000)
        assert b"HTTP/1.1 400" in all_of(connection)


@pytest.mark.parametrize(
    "begin",
    [
        b"GET /",
        b"GET / HTTP/1.1\r\nX: ",
        CHUNKED + b"0\r\nX: ",
        CHUNKED + b"1000000\r\n" + b"a" * 2**24 + b"\r\n0\r\nX: ",
    ],
)
def test_endless_head_is_refused(port: int, begin: bytes) -> None:
    with connected(port, "127.1.0.7") as connection:
        sent = 0
        with contextlib.suppress(ConnectionError):
            connection.sendall(begin)
            while sent < 2**26:
                connection.sendall(b"a" * 2**16)
                sent += 2**16
        assert sent < 2**26


def test_other_protocol_is_answered_in_this_one(port: int) -> None:
    asked = GET.replace(b"\r\n\r\n", b"\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n")
    with connected(port, "127.1.0.8") as connection:
        connection.sendall(asked)
        assert all_of(connection).startswith(b"HTTP/1.1 200")


# -- shares -----------------------------------------------------------------------------------


def test_client_gets_half_and_leaves_some_for_others() -> None:
    async def taken(places: Places) -> Counter[str]:
        found = Counter[str]()
        async with contextlib.AsyncExitStack() as stack:
            for name in "aaaaabbbccdef":
                with contextlib.suppress(ProblemError):
                    await stack.enter_async_context(places.take(name, "streams"))
                    found[name] += 1
        return found

    places = Places(8)
    for _ in range(2):
        assert asyncio.run(taken(places)) == {"a": 4, "b": 2, "c": 1, "d": 1}
    assert places._held == {}


def test_silent_connections_of_one_client_leave_room_for_others(port: int) -> None:
    with contextlib.ExitStack() as stack:
        silent = [stack.enter_context(connected(port, "127.2.0.1")) for _ in range(16)]
        assert answer(port, "127.2.0.2").startswith(b"HTTP/1.1 200")
        refused = [all_of(connection) for connection in silent]
    assert sum(said.startswith(b"HTTP/1.1 503") for said in refused) >= 8
    # Their places are free again.
    eventually(lambda: answer(port, "127.2.0.1").startswith(b"HTTP/1.1 200"))


def test_stalled_uploads_of_one_client_leave_room_for_others(port: int) -> None:
    with contextlib.ExitStack() as stack:
        for _ in range(2):
            stalled = stack.enter_context(connected(port, "127.3.0.1"))
            stalled.sendall(FORM + b"Expect: 100-continue\r\n\r\n")
            assert stalled.recv(100).startswith(b"HTTP/1.1 100"), "it holds a place"
        third = stack.enter_context(connected(port, "127.3.0.1"))
        third.sendall(FORM + b"\r\n")
        assert third.recv(100).startswith(b"HTTP/1.1 503")
        other = stack.enter_context(connected(port, "127.3.0.2"))
        other.sendall(FORM + b"Expect: 100-continue\r\n\r\n")
        assert other.recv(100).startswith(b"HTTP/1.1 100")


def test_request_before_one_that_cannot_be_read_is_no_internal_error(
    port: int, caplog: pytest.LogCaptureFixture
) -> None:
    for more in (b"\0", GET):
        with connected(port, "127.4.0.2") as connection:
            connection.sendall(GET + more)
            assert b"HTTP/1.1 400" in all_of(connection)
    for _ in range(5):
        with connected(port, "127.4.0.2") as connection:
            connection.sendall(GET + GET)
    assert answer(port, "127.4.0.2").startswith(b"HTTP/1.1 200")
    assert "Traceback" not in caplog.text


def test_upload_that_breaks_off_is_no_internal_error(
    port: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    json = FORM.replace(b"multipart/form-data", b"application/json").replace(b"100000", b"9")
    for request in (FORM + b"\r\n" + PART, json + b"\r\n{"):
        caplog.clear()
        with connected(port, "127.4.0.1") as connection:
            connection.sendall(request)
        eventually(lambda: "127.4.0.1 broke off POST '/api/photos'" in caplog.text)
        assert "Traceback" not in caplog.text
        assert "internal error" not in caplog.text


# -- names ------------------------------------------------------------------------------------


def limited(**settings: Any) -> Any:
    return running(make_server(Settings(api_requests_per_second=0.01, **settings)))


def statuses(address: str, *forwarded: str) -> list[int]:
    with httpx.Client(base_url=address, verify=False) as client:
        return [
            client.get("/api/nothing", headers={"X-Forwarded-For": one}).status_code
            for one in forwarded
        ]


def test_clients_of_a_trusted_proxy_have_limits_of_their_own(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    with limited(api_trusted_proxies=("127.0.0.1", "10.0.0.0/8")) as address:
        asked = ("192.0.2.1", "192.0.2.2", "192.0.2.1", "2001:db8::1", "2001:db8::2")
        assert statuses(address, *asked) == [404, 404, 429, 404, 429]
        # What the client said itself, and a second trusted proxy.
        forged = ("192.0.2.9, 192.0.2.1", "192.0.2.3, 10.1.1.1", "192.0.2.9, 192.0.2.3, 10.1.1.1")
        assert statuses(address, *forged) == [429, 404, 429]
        assert statuses(address, "x" * 5000, "", "::ffff:192.0.2.1") == [404, 404, 429]
        with connected(int(address.rpartition(":")[2])) as connection:
            connection.sendall(FORM + b"X-Forwarded-For: 192.0.2.77\r\n\r\n" + PART)
        eventually(lambda: "192.0.2.77 broke off POST" in caplog.text)


def test_forwarded_address_of_anybody_else_is_ignored() -> None:
    for trusted in ((), ("192.0.2.1",)):
        with limited(api_trusted_proxies=trusted) as address:
            assert statuses(address, "192.0.2.1", "192.0.2.2", "127.0.0.9") == [404, 429, 429]


def test_connections_of_a_trusted_proxy_have_no_share(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "_MOST_CONNECTIONS", 8)
    with contextlib.ExitStack() as stack:
        settings = Settings(api_trusted_proxies=("127.0.0.1",))
        address = stack.enter_context(running(make_server(settings)))
        port = int(address.rpartition(":")[2])
        for _ in range(7):
            connection = stack.enter_context(connected(port))
            connection.sendall(GET)
            assert connection.recv(1000).startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize("wrong", ["proxy.example", "10.0.0.1/8", "*", "10.0.0.0/8 192.0.2.1"])
def test_proxies_are_addresses_or_networks(wrong: str) -> None:
    with pytest.raises(ValidationError, match="api_trusted_proxies"):
        Settings(api_trusted_proxies=wrong)  # type: ignore[arg-type]  # as in the environment
    given = Settings(api_trusted_proxies="10.0.0.0/8, ::1")
    assert given.api_trusted_proxies == ("10.0.0.0/8", "::1/128")


@pytest.mark.parametrize(
    ("host", "name"),
    [("192.0.2.1", "192.0.2.1"), ("::ffff:192.0.2.1", "192.0.2.1"), ("::1", "::/64"),
     ("2001:db8:1:2:3::4", "2001:db8:1:2::/64"), ("fe80::1%eth0", "fe80::/64"), ("a:b", "a:b")],
)  # fmt: skip
def test_client_is_an_address_or_a_network(host: str, name: str) -> None:
    assert client_of({"client": (host, 1)}) == name
    assert client_of({"client": None}) == ""


# -- addresses --------------------------------------------------------------------------------


def opened(host: str, port: int = 0) -> socket.socket:
    return listen(host, port, host_option="--host", port_option="--port")


@pytest.mark.parametrize("host", ["::1", "[::1]", "::"])
def test_server_listens_on_ipv6(host: str) -> None:
    with running(make_server(Settings()), host) as address:
        port = int(address.rpartition(":")[2])
        asked = ["::1", "127.0.0.1"] if host == "::" else ["::1"]
        for name in asked:
            assert httpx.get(f"{origin(name, port)}/healthz").status_code == 200


def test_port_in_use_is_said_with_what_to_do() -> None:
    for host in ("127.0.0.1", "::"):
        with opened(host) as first, pytest.raises(ConfigurationError, match="in use") as raised:
            opened(host, first.getsockname()[1])
        assert "with --port (0 for any)" in str(raised.value)


@pytest.mark.parametrize("host", ["192.0.2.1", "2001:db8::1", "no-such-host.invalid", "::zz"])
def test_address_of_another_machine_is_refused(host: str) -> None:
    said = r"listen on .* port 0: (Cannot assign requested address|[^:]* not known)\. .*--host"
    with pytest.raises(ConfigurationError, match=said):
        opened(host)
