"""Keeps tests on this machine: Python's own sockets may speak to loopback only."""

from __future__ import annotations

import ipaddress
import sys

attempts: list[str] = []
"""What a test tried to reach; the fixture in conftest.py reads and clears it."""

_state = {"forbidden": False}


class NetworkUsed(RuntimeError):
    """A test reached for another machine. Not an OSError, so that no retry takes it for weather."""


def is_loopback(host: object) -> bool:
    """Whether a host as sockets take it (name, IPv4 or IPv6 text, bytes, None) is this machine."""
    if isinstance(host, bytes):
        host = host.decode("ascii", "replace")
    if host is None or host in {"", "localhost"}:
        return True
    try:
        address = ipaddress.ip_address(str(host).partition("%")[0])
    except ValueError:
        return False
    return address.is_loopback or address.is_unspecified


def forbid_all_but_loopback() -> None:
    """From now on connecting to, sending to or looking up any other machine raises NetworkUsed."""
    if not _state["forbidden"]:
        _state["forbidden"] = True
        sys.addaudithook(_watch)


def _watch(event: str, args: tuple[object, ...]) -> None:
    if event in {"socket.connect", "socket.sendto"}:
        address = args[1]
        host = address[0] if isinstance(address, tuple) else None  # a path is a Unix socket
    elif event in {"socket.getaddrinfo", "socket.gethostbyname"}:
        host = args[0]
    else:
        return
    if not is_loopback(host):
        attempts.append(f"{event} {host!r}")
        raise NetworkUsed(f"tests stay on this machine: {event} {host!r}")
