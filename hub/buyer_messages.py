"""Hands messages to buyers over to a channel that reaches them, each once (TRK-08).

A message is taken in a commit of its own before it is handed over: what is under way when the hub falls over is
not sent again by itself but shown as failed, for a person to look at. Without a channel nothing is taken: the
service desk shows it as ready to send.
"""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Protocol

import structlog
from sqlalchemy import Engine, select

from app.core import messages
from app.core.order import MessageState, Order
from app.core.texts import Texts
from hub.db import tables as t
from hub.orders.messages import MessageJob
from hub.orders.writer import Writer

log = structlog.get_logger(__name__)
#: Messages in one look; more wait for the next.
MOST = 50


class MessageChannel(Protocol):
    """A way to buyers. ``name`` is what the history says."""

    name: str

    async def send(self, order: Order, text: str) -> bool:
        """Whether it was taken. Never raises for weather."""


class BuyerMessages:
    """The sender: one step sends what waits."""

    def __init__(self, engine: Engine, writer: Writer, channel: MessageChannel, texts: Texts) -> None:
        self._engine = engine
        self._writer = writer
        self._channel = channel
        self._texts = texts
        self._is_fresh = True

    async def step(self, now: datetime) -> None:
        """Send what is queued; at the first step, what an earlier life left half-way is shown as failed."""
        if self._is_fresh:
            self._is_fresh = False
            for key in await asyncio.to_thread(self._rows, MessageState.sending):
                await self._move(key, MessageState.failed)
        for key in await asyncio.to_thread(self._rows, MessageState.queued):
            order = await self._move(key, MessageState.sending)
            if order is None:
                continue
            taken = await self._channel.send(order, text_of(order, *key[1:], self._texts))
            await self._move(key, MessageState.sent if taken else MessageState.failed)
            if not taken:
                log.warning("message_not_taken", channel=self._channel.name, order_no=key[0])

    def _rows(self, state: MessageState) -> list[tuple[str, str, str]]:
        row = t.buyer_message
        asked = select(row.c.order_no, row.c.parcel_no, row.c.kind).where(row.c.state == str(state))
        with self._engine.connect() as conn:
            return [tuple(found) for found in conn.execute(asked.order_by(row.c.at).limit(MOST))]

    async def _move(self, key: tuple[str, str, str], state: MessageState) -> Order | None:
        return await self._writer.message(MessageJob(*key, state, self._channel.name))


def text_of(order: Order, parcel_no: str, kind: str, texts: Texts) -> str:
    """The message in the buyer's language: number of the shop's order, courier and waybill, nothing of a person."""
    message, parcel = messages.found(order, parcel_no, kind), order.parcel(parcel_no)
    lang = message.lang if message is not None else messages.lang_of(order)
    known = f"states.carrier_{parcel.carrier}" if parcel else ""
    return texts.text(
        f"messages.{kind}",
        lang,
        order_no=order.channel_order_no,
        carrier=texts.text(known if texts.has(known) else "states.carrier_other", lang),
        waybill=parcel.waybill_no if parcel else "",
    )
