"""Messages to an address of an operator's choice, in the form of Standard Webhooks.

A name is resolved once: the addresses that were checked are those that are connected to, so that a
name which resolves differently later leads nowhere else.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import http.client
import socket
import ssl
import threading
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Any, Final
from urllib.parse import SplitResult, urlsplit

from pydantic import SecretStr

from photoqueue.errors import ConfigurationError, ServiceError
from photoqueue.settings import Settings, variable_of

#: Seconds for a connection to a receiver, and again for its answer.
LIMIT_SECONDS: Final = 20.0
_PREFIX: Final = "whsec_"


class NotAcceptedError(ServiceError):
    """A receiver did not accept a message; the text is the reason, without the address."""


def sign(secret: str, message_id: str, timestamp: int, body: bytes) -> str:
    """Return the value of ``webhook-signature``; one signature for each key of the secret.

    Parameters
    ----------
    secret
        ``whsec_…``, the key in base64; several, separated by spaces, while one replaces another.
    timestamp
        Seconds since 1970, as in ``webhook-timestamp``.
    """
    signed = b"%s.%d.%s" % (message_id.encode(), timestamp, body)
    keys = [base64.b64decode(one.removeprefix(_PREFIX)) for one in secret.split()]
    digests = [hmac.digest(key, signed, hashlib.sha256) for key in keys]
    return " ".join(f"v1,{base64.b64encode(digest).decode()}" for digest in digests)


@dataclass(frozen=True, slots=True, kw_only=True)
class Receiver:
    """An address that takes messages; the one of a setting."""

    url: SecretStr
    secret: SecretStr | None
    #: Private networks that it may be in.
    networks: Sequence[str]
    #: Where the address comes from, for messages.
    variable: str

    @classmethod
    def of(cls, settings: Settings, field: str) -> Receiver | None:
        """Return the receiver of a field such as ``alert_url``; None if it is not set.

        Raises
        ------
        ConfigurationError
            The address is not an HTTP address.
        """
        url: SecretStr | None = getattr(settings, field)
        if url is None:
            return None
        found = cls(
            url=url,
            secret=settings.webhook_secret,
            networks=settings.webhook_networks,
            variable=variable_of(field),
        )
        found._parts()
        return found

    def post(self, message_id: str, timestamp: int, body: bytes) -> None:
        """Send a message as JSON, signed if there is a secret; any answer of 2xx accepts it.

        Parameters
        ----------
        message_id
            The same for each attempt; the receiver tells by it what it has already.
        timestamp
            Seconds since 1970, of this attempt.

        Raises
        ------
        NotAcceptedError
            The receiver did not answer in time, answered otherwise or must not be connected to.
        """
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "photoqueue",
            "webhook-id": message_id,
            "webhook-timestamp": str(timestamp),
        }
        if self.secret is not None:
            secret = self.secret.get_secret_value()
            headers["webhook-signature"] = sign(secret, message_id, timestamp, body)
        try:
            status = self._send(headers, body)
        except TimeoutError:
            raise NotAcceptedError(f"it did not answer within {LIMIT_SECONDS:g} s") from None
        except (OSError, ValueError, http.client.HTTPException) as exc:
            # Not the text of any other error, which may contain the address and its secret.
            reason = getattr(exc, "strerror", None) or type(exc).__name__
            raise NotAcceptedError(str(reason)) from None
        if not 200 <= status < 300:
            followed = ", and redirects are not followed" if 300 <= status < 400 else ""
            raise NotAcceptedError(f"it answered {status}{followed}")

    def _parts(self) -> SplitResult:
        try:
            parts = urlsplit(self.url.get_secret_value())
            known = parts.scheme in ("http", "https") and parts.hostname and parts.username is None
            _ = parts.port  # which is checked when it is read
        except ValueError:
            known = False
        if not known:
            raise ConfigurationError(
                f"{self.variable} is not an HTTP address. It looks like https://host/path, "
                "without a login."
            )
        return parts

    def _send(self, headers: dict[str, str], body: bytes) -> int:
        """Send a request; return the status of the answer, whose body nobody reads."""
        parts = self._parts()
        host, secure = parts.hostname or "", parts.scheme == "https"
        addresses = self._addresses(host, parts.port or (443 if secure else 80))
        with ExitStack() as stack:
            sock = stack.enter_context(_connected(addresses))
            if secure:
                context = ssl.create_default_context()
                sock = stack.enter_context(
                    context.wrap_socket(sock, server_hostname=host, do_handshake_on_connect=False)
                )
            late = threading.Event()

            def cut() -> None:
                late.set()
                with suppress(OSError):  # not of the SSLSocket, which another thread reads
                    socket.socket.shutdown(sock, socket.SHUT_RDWR)

            # Time limits of sockets are for each read: a byte now and then would never end.
            timer = threading.Timer(LIMIT_SECONDS, cut)
            timer.daemon = True
            timer.start()
            stack.callback(timer.cancel)
            try:
                if isinstance(sock, ssl.SSLSocket):
                    sock.do_handshake()
                connection = http.client.HTTPConnection(host)
                connection.sock = sock
                target = f"{parts.path or '/'}{'?' if parts.query else ''}{parts.query}"
                headers["Host"] = parts.netloc
                connection.request("POST", target, body, headers)
                status = connection.getresponse().status
            except Exception:
                if not late.is_set():
                    raise
            if late.is_set():
                raise TimeoutError
        return status

    def _addresses(self, host: str, port: int) -> list[tuple[socket.AddressFamily, Any]]:
        """Resolve a name to addresses that may all be connected to."""
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        for *_, sockaddr in found:
            address = ip_address(sockaddr[0])
            if isinstance(address, IPv6Address):
                address = address.ipv4_mapped or address
            public = address.is_global and not address.is_multicast
            if not public and not any(address in ip_network(one) for one in self.networks):
                raise NotAcceptedError(
                    f"{host} has the private address {address}. If that is meant, add its network "
                    "to PHOTOQUEUE_WEBHOOK_NETWORKS"
                )
        return [(family, sockaddr) for family, *_, sockaddr in found]


def _connected(addresses: Sequence[tuple[socket.AddressFamily, Any]]) -> socket.socket:
    """Return a connection to the first of some addresses that takes one."""
    error: OSError = OSError("no address")
    for family, sockaddr in addresses:
        sock = socket.socket(family, socket.SOCK_STREAM)
        sock.settimeout(LIMIT_SECONDS / len(addresses))
        try:
            sock.connect(sockaddr)
        except OSError as exc:
            sock.close()
            error = exc
        else:
            sock.settimeout(LIMIT_SECONDS)
            return sock
    raise error
