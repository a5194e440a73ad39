"""What could not be read is put aside: sealed, listed, said, and never in the way of what can be read."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from hub.connectors.line import records
from hub.connectors.line.ground import Tools
from hub.connectors.line.shops import ShopLine
from hub.connectors.shapes import BadPayload, Seen
from hub.orders.said import SayJob

#: How the reference of a list that was put aside begins.
WINDOW = "list:"


class Aside:
    """Where the line puts it."""

    def __init__(self, tools: Tools) -> None:
        self._writer = tools.writer
        self._vault = tools.vault

    async def order(self, shop: ShopLine, channel_order_no: str, bad_payload: BadPayload) -> None:
        content = {"shop_id": shop.id, "channel_order_no": channel_order_no, "path": bad_payload.path}
        await self.keep(shop, "detail", channel_order_no, f"BadPayload {bad_payload.path}"[:200], [content])

    async def window(self, shop: ShopLine, since: datetime, until: datetime, bad_payload: BadPayload) -> None:
        """A whole list that stays unreadable, to be asked for again by its span."""
        content = {"shop_id": shop.id, "since": since.isoformat(), "until": until.isoformat()}
        error = f"BadPayload {bad_payload.path}"[:200]
        await self.keep(shop, "list", span_of(since, until), error, [content])

    async def element(self, shop: ShopLine, seen: Seen, span: str) -> None:
        """One element of a list: put aside alone, once however often the list brings it, beside its span to ask for."""
        content = {"shop_id": shop.id, "text": seen.damaged}
        error = f"BadPayload {seen.path}"[:200]
        await self.keep(shop, "element", f"{span}#{mark_of(seen)}", error, [content])

    async def keep(
        self, shop: ShopLine, what: str, channel_order_no: str, error: str, contents: Sequence[dict[str, Any]]
    ) -> None:
        """Sealed, listed, and said while nobody has seen the last one."""
        ref = f"{shop.id} {channel_order_no}".rstrip()
        await self._writer.run(records.quarantined(self._vault, what, ref, error, contents))
        await self._writer.say(SayJob("quarantined", "major", {"shop_id": shop.id}, shop.shop.warehouse))


def span_of(since: datetime, until: datetime) -> str:
    return f"{WINDOW}{since.isoformat()}/{until.isoformat()}"


def mark_of(seen: Seen) -> str:
    """Tells a damaged element from others, however often it comes."""
    return hashlib.sha256(seen.damaged.encode()).hexdigest()[:16]
