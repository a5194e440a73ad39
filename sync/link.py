"""Joins client and engines: what main hands to a station (``connect`` and ``pair``)."""

from __future__ import annotations

from collections.abc import Sequence

from app.ports import Engine
from app.store.link import Joined, LinkParts
from sync.beat import Beater
from sync.client import HubClient
from sync.digest import DigestCheck
from sync.feed import Feed
from sync.places import authority_of
from sync.pull import Puller
from sync.push import Pusher
from sync.stream import StreamReader


class HubLink:
    """``app.store.link.Link``: one hub, one token, five engines that never wait for each other."""

    def __init__(self, hub: HubClient, parts: LinkParts) -> None:
        feed = Feed(parts)
        self.hub = hub
        self.puller = Puller(hub, feed)
        self.pusher = Pusher(hub, feed)
        self.stream = StreamReader(hub, feed, self.puller)
        self.beater = Beater(hub, feed, self.puller)
        self.digest = DigestCheck(hub, feed, self.puller)

    @property
    def engines(self) -> Sequence[Engine]:
        return (self.stream, self.puller, self.pusher, self.beater, self.digest)

    def push_soon(self) -> None:
        self.pusher.wake()

    async def close(self) -> None:
        await self.puller.close()
        await self.stream.close()
        await self.hub.close()


def connect(hub_url: str, token: str, parts: LinkParts, ca_pem: str = "") -> HubLink:
    """``app.store.link.Connect``. Raises Insecure for plain HTTP to another machine."""
    client = HubClient(hub_url, token, lang=parts.lang, ca_pem=ca_pem)
    client.also_at(parts.addresses)
    return HubLink(client, parts)


async def pair(hub_url: str, code: str, name: str, lang: str) -> Joined:
    """``app.store.link.Pair``. Raises HubTrouble."""
    address, _, fingerprint = hub_url.strip().partition("#")
    is_https = address.lower().startswith("https:")
    ca_pem = await authority_of(address, fingerprint) if is_https and fingerprint else ""
    client = HubClient(address, lang=lambda: lang, ca_pem=ca_pem)
    try:
        return Joined(await client.pair(code, name), address.rstrip("/"), ca_pem)
    finally:
        await client.close()
