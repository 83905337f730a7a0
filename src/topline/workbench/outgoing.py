"""Calls to addresses that people type in: never to our own network, never to where a name moves meanwhile."""

import http.client
import ipaddress
import json
import socket
import ssl
import threading
from collections.abc import Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import SplitResult, urlsplit

from django.conf import settings

from topline.units.errors import ToplineError
from topline.units.text import N_

TIMEOUT_SECONDS = 10
MOST_SECONDS = 30
"""Of a whole call: who answers a byte now and then is cut off."""

_PORTS = {"http": 80, "https": 443}
_WRAPPING = [ipaddress.ip_network(text) for text in ("::/96", "::ffff:0:0/96", "64:ff9b::/96")]
"""IPv6 networks whose addresses stand for an IPv4 address, which their last 32 bits are."""


class AddressError(ToplineError):
    message = N_("“%(url)s” is no address to call. Write it in full, such as https://hooks.example.org/sales.")


class PrivateAddressError(ToplineError):
    message = N_(
        "%(host)s lies in a private network, which is not called. Whoever runs Topline may allow it by "
        "TOPLINE_PRIVATE_CALLS."
    )


class CallError(ToplineError):
    message = N_("%(host)s didn't take the call: %(reason)s.")


def check(url: str) -> SplitResult:
    """The address in its parts, if it may be called by its looks. Raises AddressError, PrivateAddressError."""
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        raise AddressError(url=url[:200]) from None
    if parts.scheme not in _PORTS or not parts.hostname or parts.username or parts.password:
        raise AddressError(url=url[:200])
    try:
        _refuse_private(parts.hostname, parts.hostname)
    except ValueError:
        return parts  # a name: what it stands for is looked up when it is called
    return parts


def post(url: str, content: Mapping[str, Any], *, key: str) -> None:
    """Hand JSON over, with `key` as Idempotency-Key; a redirect is not followed.

    The name is looked up once, each of its addresses must be public, and the one that was checked is the one called.
    Raises AddressError, PrivateAddressError, CallError.
    """
    parts = check(url)
    host, port = str(parts.hostname), parts.port or _PORTS[parts.scheme]
    try:
        found = {entry[4][0] for entry in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)}
    except OSError as error:
        raise CallError(host=host, reason=str(error)) from None
    for address in found:
        _refuse_private(str(address), host)
    connection = _Pinned(host, port, str(min(found)), is_tls=parts.scheme == "https")
    path = f"{parts.path or '/'}{'?' + parts.query if parts.query else ''}"
    headers = {"Content-Type": "application/json", "Idempotency-Key": key, "User-Agent": "Topline"}
    limit = threading.Timer(MOST_SECONDS, connection.cut)
    limit.start()
    try:
        connection.request("POST", path, json.dumps(content, default=str).encode(), headers)
        status = connection.getresponse().status
    except (OSError, http.client.HTTPException) as error:
        raise CallError(host=host, reason=str(error) or type(error).__name__) from None
    finally:
        limit.cancel()
        connection.close()
    if not 200 <= status < 300:
        raise CallError(host=host, reason=f"HTTP {status}")


class _Pinned(http.client.HTTPConnection):
    """A connection to the address that was checked, whatever the name stands for by now."""

    def __init__(self, host: str, port: int, address: str, *, is_tls: bool) -> None:
        super().__init__(host, port, timeout=TIMEOUT_SECONDS)
        self.address, self.is_tls = address, is_tls
        self.default_port = _PORTS["https" if is_tls else "http"]

    def connect(self) -> None:
        self.sock = socket.create_connection((self.address, self.port), self.timeout)
        if self.is_tls:
            self.sock = ssl.create_default_context().wrap_socket(self.sock, server_hostname=self.host)

    def cut(self) -> None:
        """Ends the call from another thread: whoever waits for the answer gets an error."""
        if self.sock:
            with suppress(OSError):
                self.sock.shutdown(socket.SHUT_RDWR)


def _refuse_private(address: str, host: str) -> None:
    """Raises PrivateAddressError; ValueError if it isn't a number's address."""
    number = ipaddress.ip_address(address.partition("%")[0])
    is_local = isinstance(number, ipaddress.IPv6Address) and (number.is_multicast or number.is_site_local)
    if any(number in network for network in _WRAPPING):
        number = ipaddress.IPv4Address(int(number) & 0xFFFFFFFF)
    if (is_local or number.is_multicast or not number.is_global) and not settings.PRIVATE_CALLS:
        raise PrivateAddressError(host=host)
