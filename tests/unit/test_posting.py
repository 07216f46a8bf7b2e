"""Messages to a receiver: signed, to no private address, once resolved, within a time."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from photoqueue import posting
from photoqueue.errors import ConfigurationError
from photoqueue.posting import NotAcceptedError, Receiver, sign
from photoqueue.settings import load_settings
from tests.receivers import SECRET, HttpReceiver, running
from tests.tls import make_certificate

#: The example in the specification of Standard Webhooks.
EXAMPLE = ("msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')
SIGNATURE = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@pytest.fixture
def receiver() -> Iterator[HttpReceiver]:
    with running() as receiver:
        yield receiver


def resolve(monkeypatch: pytest.MonkeyPatch, *answers: str) -> list[str]:
    """Let names resolve to one of the answers after the other; return those that were asked for."""
    asked: list[str] = []

    def getaddrinfo(host: str, port: int, **_: Any) -> list[Any]:
        asked.append(host)
        address = answers[min(len(asked), len(answers)) - 1]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return asked


def test_signature_is_that_of_the_specification() -> None:
    assert sign(SECRET, *EXAMPLE) == SIGNATURE
    other = "whsec_" + "B" * 32
    assert sign(f"{other} {SECRET}", *EXAMPLE).split()[1] == SIGNATURE


def test_message_has_the_headers_of_standard_webhooks(receiver: HttpReceiver) -> None:
    receiver.receiver().post(*EXAMPLE)
    (headers,) = receiver.headers
    assert headers["webhook-id"] == EXAMPLE[0]
    assert headers["webhook-timestamp"] == str(EXAMPLE[1])
    assert headers["webhook-signature"] == SIGNATURE
    assert headers["content-type"] == "application/json"
    assert headers["host"] == f"127.0.0.1:{receiver.port}"
    assert (headers["path"], headers["body"].encode()) == ("/hook?key=hunter2", EXAMPLE[2])


def test_message_goes_through_tls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    certificate = make_certificate(tmp_path)
    with running(certificate) as receiver:
        with pytest.raises(NotAcceptedError, match=r"(?i)certificate"):
            receiver.receiver().post(*EXAMPLE)
        assert receiver.requests == 0
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
        receiver.receiver().post(*EXAMPLE)
        assert receiver.headers[0]["webhook-signature"] == SIGNATURE


def test_certificate_is_checked_for_the_name_not_the_address(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate = make_certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
    with running(certificate) as receiver:
        resolve(monkeypatch, "127.0.0.1")
        url = receiver.url.replace("127.0.0.1", "hooks.example")
        with pytest.raises(NotAcceptedError, match=r"(?i)certificate"):
            receiver.receiver(url).post(*EXAMPLE)
        assert receiver.requests == 0


@pytest.mark.parametrize("status", [302, 307, 400, 410, 429, 500])
def test_any_other_answer_is_a_refusal(receiver: HttpReceiver, status: int) -> None:
    receiver.status = status
    with pytest.raises(NotAcceptedError, match=f"it answered {status}") as error:
        receiver.receiver().post(*EXAMPLE)
    assert "hunter2" not in str(error.value)


def test_redirect_is_not_followed(receiver: HttpReceiver) -> None:
    receiver.status, receiver.location = 307, receiver.url
    with pytest.raises(NotAcceptedError, match="it answered 307, and redirects are not followed"):
        receiver.receiver().post(*EXAMPLE)
    assert receiver.requests == 1


@pytest.mark.parametrize("hang", ["answer", "drip"])
def test_receiver_that_hangs_is_left(
    receiver: HttpReceiver, monkeypatch: pytest.MonkeyPatch, hang: str
) -> None:
    monkeypatch.setattr(posting, "LIMIT_SECONDS", 0.3)
    if hang == "answer":
        receiver.answers.clear()
    else:
        receiver.drip = 0.05
    with pytest.raises(NotAcceptedError, match=r"it did not answer within 0\.3 s"):
        receiver.receiver().post(*EXAMPLE)
    assert receiver.requests == 1


def test_server_that_hangs_before_tls_is_left(
    receiver: HttpReceiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(posting, "LIMIT_SECONDS", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"https://127.0.0.1:{silent.getsockname()[1]}/"
        with pytest.raises(NotAcceptedError, match=r"it did not answer within 0\.3 s"):
            receiver.receiver(url).post(*EXAMPLE)


def test_server_that_is_away_is_a_refusal(receiver: HttpReceiver) -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    with pytest.raises(NotAcceptedError, match="Connection refused"):
        receiver.receiver(f"http://127.0.0.1:{port}/").post(*EXAMPLE)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.1.2.3",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",
        "224.0.1.1",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[fd00::1]",
        "[fe80::1]",
    ],
)
def test_private_address_is_refused_before_it_is_connected_to(
    receiver: HttpReceiver, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    monkeypatch.setattr(socket, "socket", None)  # nothing may be opened
    url = f"http://{address}:{receiver.port}/"
    with pytest.raises(NotAcceptedError, match=r"private address .* PHOTOQUEUE_WEBHOOK_NETWORKS"):
        receiver.receiver(url, allowed=()).post(*EXAMPLE)


def test_private_network_that_is_allowed_gets_messages(receiver: HttpReceiver) -> None:
    receiver.receiver(allowed=("127.0.0.0/8",)).post(*EXAMPLE)
    with pytest.raises(NotAcceptedError, match="private address"):
        receiver.receiver(allowed=("10.0.0.0/8", "::/0")).post(*EXAMPLE)
    assert receiver.requests == 1


def test_name_that_resolves_differently_later_leads_nowhere_else(
    receiver: HttpReceiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The second answer, if it were asked for, is an address that nothing listens on.
    asked = resolve(monkeypatch, "127.0.0.1", "127.0.0.2")
    url = receiver.url.replace("127.0.0.1", "hooks.example")
    allowed = receiver.receiver(url, allowed=("127.0.0.1/32",))
    allowed.post(*EXAMPLE)
    assert (asked, receiver.requests) == (["hooks.example"], 1)
    assert receiver.headers[0]["host"] == f"hooks.example:{receiver.port}"
    # At the next message it is resolved anew, and refused.
    with pytest.raises(NotAcceptedError, match=r"hooks\.example has the private address 127.0.0.2"):
        allowed.post(*EXAMPLE)
    assert receiver.requests == 1


def test_name_with_one_private_address_among_others_is_refused(
    receiver: HttpReceiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = [(socket.AF_INET, 1, 6, "", (ip, 1)) for ip in ("93.184.215.14", "10.0.0.1")]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
    monkeypatch.setattr(socket, "socket", None)
    with pytest.raises(NotAcceptedError, match=r"10\.0\.0\.1"):
        receiver.receiver("http://hooks.example/", allowed=()).post(*EXAMPLE)


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "hunter2",
        "http://",
        "http://host:hunter2/",
        "https://ana:hunter2@host/",
        "http://[hunter2/",
    ],
)
def test_address_that_is_none_is_named_by_its_variable(url: str) -> None:
    settings = load_settings(alert_url=SecretStr(url))
    with pytest.raises(ConfigurationError, match="PHOTOQUEUE_ALERT_URL is not an HTTP") as error:
        Receiver.of(settings, "alert_url")
    assert "hunter2" not in str(error.value)


@pytest.mark.parametrize("secret", ["hunter2", "whsec_", "whsec_aHVudGVyMg==", " ", f"{SECRET} x"])
def test_secret_that_is_none_is_refused(secret: str) -> None:
    with pytest.raises(ConfigurationError, match="PHOTOQUEUE_WEBHOOK_SECRET") as error:
        load_settings(webhook_secret=secret)
    assert "hunter2" not in str(error.value)
