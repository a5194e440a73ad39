"""What the commands that call a hub have in common: its address, who signs in, words on stdout and stderr."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from app import resources, wire
from app.core.texts import Lang
from app.ports import HubAway, HubTrouble
from sync.client import HubClient
from sync.places import authority_of


@asynccontextmanager
async def called(
    address: str, lang: Lang, *, token: str = "", sign_in: tuple[str, str] | None = None
) -> AsyncIterator[HubClient]:
    """A client of the hub at ``address``, signed in with name and password where given, closed at the end.

    ``address``: as at joining, ``https://HOST:PORT#FINGERPRINT`` for a hub with an authority of its own. Raises
    HubTrouble.
    """
    url, _, fingerprint = whole_address(address).partition("#")
    is_own = url.lower().startswith("https:") and bool(fingerprint)
    ca_pem = await authority_of(url, fingerprint) if is_own else ""
    client = HubClient(url, "" if sign_in else token, lang=lambda: lang, ca_pem=ca_pem)
    try:
        if sign_in:
            await client.sign_in(wire.SignIn(user=sign_in[0], password=sign_in[1]))
        yield client
    finally:
        await client.close()


def whole_address(text: str) -> str:
    """``text`` with what goes without saying: this computer's own hub is asked in plain, every other in secret."""
    text = text.strip()
    if "://" in text:
        return text
    is_here = text.startswith(("127.0.0.1", "localhost"))
    return f"{'http' if is_here else 'https'}://{text}"


class Voice:
    """Sentences of one area of the texts."""

    def __init__(self, lang: Lang, area: str) -> None:
        self.lang: Lang = lang
        self._area = area
        self._texts = resources.texts()

    def words(self, key: str, **params: object) -> str:
        """A text of the area, or of another one where the key names it: ``roles.packer``."""
        return self._texts.text(key if "." in key else f"{self._area}.{key}", self.lang, **params)

    def out(self, key: str, **params: object) -> None:
        sys.stdout.write(self.words(key, **params) + "\n")

    def sorry(self, status: int, key: str, **params: object) -> int:
        sys.stderr.write(self.words(key, **params) + "\n")
        return status

    def trouble(self, status: int, trouble: HubTrouble, address: str) -> int:
        """The hub's own sentence, else ours for what kept it from answering."""
        own = f"sync.{trouble.key}"
        if trouble.text:
            gap = " " if self.lang == "en" else ""
            words = gap.join(part for part in (trouble.text, trouble.hint) if part)
        elif isinstance(trouble, HubAway) or not self._texts.has(own):
            words = self.words("upload.hub_away", hub=address)
        else:
            words = self.words(own)
        sys.stderr.write(words + "\n")
        return status
