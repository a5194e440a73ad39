"""Notices to people outside the house, by apprise: WeCom, DingTalk, mail and what else it speaks."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from importlib import import_module
from typing import Any

import structlog

from app.core.order import Order
from app.core.texts import Lang, Texts
from hub.config import Notice

log = structlog.get_logger(__name__)

LANGS: tuple[Lang, ...] = ("zh", "en")
#: A notice that nobody takes in this time is lost, and said in the log.
WITHIN_S = 20


class Notices:
    """Every [[notice]] of hub.toml gets each text, in Chinese and English."""

    def __init__(self, notices: Sequence[Notice], texts: Texts) -> None:
        # its own log tells whole addresses, and their secrets stand in them
        logging.getLogger("apprise").setLevel(logging.CRITICAL + 1)
        self._notices = tuple(notice for notice in notices if notice.kind == "house")
        self._texts = texts

    async def send(self, key: str, trouble: str = "", **params: Any) -> bool:
        """``notices.<key>`` to all of them; False when one did not take it. Never raises for what they do.

        ``trouble`` is said in its own words as ``{why}``.
        """
        if not self._notices:
            return True
        title = self._texts.text(f"notices.{key}_title", "zh", **params)
        body = "\n".join(self._said(key, trouble, lang, params) for lang in LANGS)
        done = await asyncio.gather(*(self._sent(notice, title, body) for notice in self._notices))
        return all(done)

    def _said(self, key: str, trouble: str, lang: Lang, params: dict[str, Any]) -> str:
        why = self._texts.text(f"notices.trouble_{trouble}", lang, **params) if trouble else ""
        return self._texts.text(f"notices.{key}", lang, **{**params, "why": why})

    async def _sent(self, notice: Notice, title: str, body: str) -> bool:
        try:
            async with asyncio.timeout(WITHIN_S):
                taken = await asyncio.to_thread(_tell, notice.url, title, body)
        except TimeoutError:
            taken = False
        if not taken:
            log.warning("notice_not_taken", notice=notice.id)
        return taken


class BuyerNotice:
    """The [[notice]] of kind "buyer" as a way to buyers: a group, a gateway, whatever apprise speaks to."""

    def __init__(self, notice: Notice) -> None:
        logging.getLogger("apprise").setLevel(logging.CRITICAL + 1)
        self.name = notice.id
        self._url = notice.url

    async def send(self, order: Order, text: str) -> bool:
        """Whether it was taken. Never raises for weather."""
        try:
            async with asyncio.timeout(WITHIN_S):
                return await asyncio.to_thread(_tell, self._url, "", text)
        except TimeoutError:
            return False


def _tell(url: str, title: str, body: str) -> bool:
    """Blocks until the other side has answered. Its own words may hold the address's secrets: they stay out."""
    apprise: Any = import_module("apprise")
    voice = apprise.Apprise()
    return bool(voice.add(url)) and bool(voice.notify(body=body, title=title))
