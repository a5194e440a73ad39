"""The commands `setup`, `pair` and `user`: the first administrator, a code for another station, who may sign on."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime
from urllib.parse import urlsplit

from app import wire
from app.core.texts import Lang
from app.core.values import dataclass
from app.ports import HubTrouble, NotAllowed
from app.wire import Role, StationKind
from sync.client import HubClient
from sync.desk import Voice, called, whole_address

_HERE = ("127.0.0.1", "localhost", "::1")


@dataclass(frozen=True, slots=True)
class Caller:
    """Where the hub is and who asks it: an administrator with a password."""

    hub: str
    sign_in: tuple[str, str]
    lang: Lang


def set_up(hub: str, code: str, name: str, password: str, lang: Lang) -> int:
    """``setup``: the first administrator of a hub that has none. The exit status."""
    said = Voice(lang, "people")

    async def ask() -> None:
        async with called(hub, lang) as client:
            await client.set_up(wire.SetUp(code=code, user=name, password=password))

    if (status := _asked(said, hub, ask)) == 0:
        said.out("set_up", name=name)
    return status


def pair(who: Caller, kind: StationKind, warehouse: str) -> int:
    """``pair``: a code with which one station joins. The exit status."""

    async def ask(client: HubClient, said: Voice) -> None:
        opened = await client.pairing_code(kind, warehouse)
        said.out("code", code=_in_halves(opened.code), kind=said.words(f"states.kind_{kind}"))
        said.out("code_until", at=_local(opened.expires_at))
        url, _, _ = whole_address(who.hub).partition("#")
        if not opened.ca_sha256:
            said.out("code_here" if _is_here(url) else "code_at", hub=url)
        elif _is_here(url):
            said.out("code_own_address", port=urlsplit(url).port or 443, sha256=opened.ca_sha256)
        else:
            said.out("code_at", hub=f"{url}#{opened.ca_sha256}")

    return _done(who, ask)


def listed(who: Caller) -> int:
    """``user list``: everybody who may sign on. The exit status."""

    async def ask(client: HubClient, said: Voice) -> None:
        for user in await client.users():
            role = said.words(f"roles.{user.role}")
            key = "listed_off" if user.is_disabled else "listed"
            said.out(key, name=user.name, role=role, word=user.role, warehouse=user.warehouse)

    return _done(who, ask)


def add(who: Caller, name: str, role: str, password: str, warehouse: str) -> int:
    """``user add``: somebody new may sign on. The exit status."""
    said = Voice(who.lang, "people")
    if role not in list(Role):
        return _no_such_role(said, role)

    async def ask(client: HubClient, said: Voice) -> None:
        user = wire.NewUser(name=name, role=role, password=password, warehouse=warehouse)
        made = await client.add_user(user)
        said.out("added", name=made.name, role=said.words(f"roles.{made.role}"))

    return _done(who, ask)


def set_password(who: Caller, name: str, password: str) -> int:
    """``user password``: a new one for somebody. The exit status."""

    async def ask(client: HubClient, said: Voice) -> None:
        await client.set_password(name, password)
        said.out("password_set", name=name)

    return _done(who, ask)


def set_role(who: Caller, name: str, role: str, *, is_disabled: bool) -> int:
    """``user role``: another role, or nothing any more. The exit status."""
    said = Voice(who.lang, "people")
    if role not in list(Role):
        return _no_such_role(said, role)

    async def ask(client: HubClient, said: Voice) -> None:
        await client.set_role(name, role, is_disabled=is_disabled)
        said.out("off" if is_disabled else "role_set", name=name, role=said.words(f"roles.{role}"))

    return _done(who, ask)


def badge(who: Caller, name: str, drawn: Callable[[str, str, str], bool]) -> int:
    """``user badge``: a new one, drawn at once, for its code is told this once. The exit status.

    ``drawn`` puts name, role in words and code on a card and says whether the card could be written.
    """
    said = Voice(who.lang, "people")
    kept: list[bool] = []

    async def ask(client: HubClient, said: Voice) -> None:
        made = await client.make_badge(name)
        try:
            role = next((user.role for user in await client.users() if user.name == name), "")
        except NotAllowed:  # who runs a warehouse makes badges and sees no list: the card goes without
            role = ""
        kept.append(drawn(made.name, said.words(f"roles.{role}") if role else "", made.code))

    status = _done(who, ask)
    if status == 0:
        said.out("badge_made" if kept == [True] else "badge_not_drawn", name=name)
    return status if kept != [False] else 1


def take_badge(who: Caller, name: str) -> int:
    """``user badge --off``: it signs nobody on any more. The exit status."""

    async def ask(client: HubClient, said: Voice) -> None:
        await client.revoke_badge(name)
        said.out("badge_taken", name=name)

    return _done(who, ask)


def _done(who: Caller, ask: Callable[[HubClient, Voice], Awaitable[None]]) -> int:
    said = Voice(who.lang, "people")

    async def call() -> None:
        async with called(who.hub, who.lang, sign_in=who.sign_in) as client:
            await ask(client, said)

    return _asked(said, who.hub, call)


def _asked(said: Voice, hub: str, call: Callable[[], Awaitable[None]]) -> int:
    async def run() -> None:
        await call()

    try:
        asyncio.run(run())
    except HubTrouble as trouble:
        return said.trouble(1, trouble, hub)
    return 0


def _no_such_role(said: Voice, role: str) -> int:
    between = "、" if said.lang == "zh" else ", "
    every = between.join(said.words("role", role=said.words(f"roles.{word}"), word=word) for word in Role)
    return said.sorry(2, "no_such_role", role=role, roles=every)


def _is_here(url: str) -> bool:
    return (urlsplit(url).hostname or "") in _HERE


def _in_halves(code: str) -> str:
    """Eight characters as they are read out; blanks and dashes may be typed or left out."""
    return f"{code[:4]}-{code[4:]}"


def _local(at: datetime) -> str:
    return f"{at.astimezone():%H:%M}"
