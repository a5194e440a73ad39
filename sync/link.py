"""Joins client and engines: what main hands to a station (``connect`` and ``pair``)."""

from __future__ import annotations

from collections.abc import Sequence

from app.ports import Engine
from app.store.link import LinkParts
from app.wire import Paired
from sync.beat import Beater
from sync.client import HubClient
from sync.digest import DigestCheck
from sync.feed import Feed
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


def connect(hub_url: str, token: str, parts: LinkParts) -> HubLink:
    """``app.store.link.Connect``. Raises Insecure for plain HTTP to another machine."""
    return HubLink(HubClient(hub_url, token, lang=parts.lang), parts)


async def pair(hub_url: str, code: str, name: str, lang: str) -> Paired:
    """``app.store.link.Pair``. Raises HubTrouble."""
    client = HubClient(hub_url, lang=lambda: lang)
    try:
        return await client.pair(code, name)
    finally:
        await client.close()
