"""Where a hub is: several processes may serve one database, each at an address of its own (design 3.2).

The client speaks to one of them; where that one is gone it goes on with the next. All have the same epoch and numbers,
so nothing is loaded anew; who calls waits between tries as it does for a single hub.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from app.ports import HubAway, Insecure, NotThatHub

if TYPE_CHECKING:
    import ssl

    import httpx

#: httpx's order of time limits: to connect, to read, to write, to get a connection of the pool.
Limits = tuple[float, float, float, float]
TIMEOUT: Limits = (4.0, 20.0, 10.0, 10.0)
_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


class Place:
    """One address. ``is_ours``: our token was taken there; a "no" of any other place proves nothing."""

    def __init__(self, url: str, sha256: str = "", ca_pem: str = "", *, is_ours: bool = False) -> None:
        """Raises Insecure for plain HTTP to another machine."""
        parts = urlsplit(url)
        if parts.scheme != "https" and (parts.hostname or "") not in _LOOPBACK:
            raise Insecure(hint=url)
        self.url = url.rstrip("/")
        self.sha256 = sha256
        self.ca_pem = ca_pem
        self.is_ours = is_ours
        self.http: httpx.AsyncClient | None = None

    @property
    def is_to_trust(self) -> bool:
        """Whether its authority has to be looked at before anything is said."""
        return bool(self.sha256) and not self.ca_pem and self.url.startswith("https:")

    def opened(self) -> httpx.AsyncClient:
        """Its connections, made at the first call."""
        if self.http is None:
            import httpx

            limits = httpx.Limits(max_connections=20)
            self.http = httpx.AsyncClient(
                verify=self._trust(), trust_env=False, timeout=TIMEOUT, limits=limits
            )
        return self.http

    def _trust(self) -> ssl.SSLContext | bool:
        """Whose certificates count: those of the hub's own authority, else those the system knows."""
        if not self.ca_pem:
            return self.url.startswith("https:")
        import ssl

        return ssl.create_default_context(cadata=self.ca_pem)


class Places:
    """The addresses of one hub, the present one first asked."""

    def __init__(self, url: str, ca_pem: str = "", http: httpx.AsyncClient | None = None) -> None:
        """Raises Insecure. ``http`` lets tests bring their own transport."""
        self._paired = Place(url, ca_pem=ca_pem, is_ours=True)
        self._paired.http = http
        self._all = [self._paired]
        self._at = self._paired
        self._is_closed = False
        #: Told of the address from which on another one is used.
        self.moved: Callable[[str], None] = _nothing

    @property
    def current(self) -> Place:
        """HubAway after :meth:`close`: engines of a link that was just let go of may step once more."""
        if self._is_closed:
            raise HubAway(hint="closed")
        return self._at

    def know(self, addresses: Iterable[str]) -> None:
        """All addresses the hub names, ``#`` and the fingerprint of its certificate behind those that have one.

        One that may not be spoken to (plain HTTP to another machine) is passed over.
        """
        known = {place.url: place for place in self._all}
        named = [self._paired]
        for address in addresses:
            url, _, sha256 = address.strip().partition("#")
            try:
                place = known.get(url.rstrip("/")) or Place(
                    url, sha256, "" if sha256 else self._paired.ca_pem
                )
            except Insecure:
                continue
            if place not in named:
                named.append(place)
        self._all = named if self._at in named else [*named, self._at]

    async def ready(self) -> Place:
        """The present place, trusted as it must be. Raises HubAway, NotThatHub."""
        place = self.current
        if place.is_to_trust:
            try:
                place.ca_pem = await authority_of(place.url, place.sha256)
            except (HubAway, NotThatHub):
                self.lost(place)
                raise
        return place

    def lost(self, place: Place) -> bool:
        """This place did not answer: the next call goes to the next one. False: there is no other."""
        if len(self._all) < 2:
            return False
        if place is self._at:
            self._at = self._all[(self._all.index(place) + 1) % len(self._all)]
            self.moved(self._at.url)
        return True

    async def close(self) -> None:
        self._is_closed = True
        for place in self._all:
            if place.http is not None:
                await place.http.aclose()


async def authority_of(hub_url: str, sha256: str) -> str:
    """The hub's own authority as PEM, if it is the one with this fingerprint. Raises NotThatHub, HubAway.

    Asked without trust, because trust is what is being looked for; nothing else is said to the hub before.
    """
    import hashlib
    import ssl

    import httpx

    client = httpx.AsyncClient(verify=False, trust_env=False, timeout=TIMEOUT)
    try:
        answer = await client.get(hub_url.rstrip("/") + "/ca.pem")
        pem = answer.text
        found = hashlib.sha256(ssl.PEM_cert_to_DER_cert(pem)).hexdigest()
    except httpx.HTTPError as error:
        raise HubAway(hint=type(error).__name__) from error
    except ValueError as error:  # what came is no certificate
        raise NotThatHub(hint=hub_url) from error
    finally:
        await client.aclose()
    if found != "".join(c for c in sha256.lower() if c in "0123456789abcdef"):
        raise NotThatHub(hint=hub_url)
    return pem


def _nothing(_url: str) -> None:
    pass
