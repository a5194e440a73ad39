"""While a command is under way everybody who can wait gives way to it, but not for ever."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator

import pytest

from app.ports import SystemClock
from hub.orders import hurry as hurried
from hub.orders.hurry import Hurry

pytestmark = pytest.mark.anyio


@pytest.fixture
def hurry(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hurry]:
    """Gives way for a minute: who goes on is let go by the command's end."""
    monkeypatch.setattr(hurried, "MOST_S", 60.0)
    before = sys.getswitchinterval()
    yield Hurry(SystemClock())
    sys.setswitchinterval(before)


async def test_at_leisure_nobody_waits(hurry: Hurry) -> None:
    await asyncio.wait_for(hurry.at_leisure(), 15)
    assert hurry.is_calm


async def test_who_can_wait_goes_on_when_the_last_command_has_ended(hurry: Hurry) -> None:
    with hurry.under_way():
        with hurry.under_way():
            waiting = [asyncio.create_task(hurry.at_leisure()) for _ in range(3)]
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.01)
        assert not any(one.done() for one in waiting)
    await asyncio.wait_for(asyncio.gather(*waiting), 15)


async def test_who_waits_and_hangs_up_is_forgotten(hurry: Hurry) -> None:
    with hurry.under_way():
        gone, waiting = (asyncio.create_task(hurry.at_leisure()) for _ in range(2))
        await asyncio.sleep(0.01)
        gone.cancel()
    await asyncio.wait_for(waiting, 15)


async def test_a_command_that_takes_long_holds_nobody_up_for_ever(
    hurry: Hurry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hurried, "MOST_S", 0.01)
    monkeypatch.setattr(hurried, "FREE_S", 60.0)
    with hurry.under_way():
        await asyncio.wait_for(hurry.at_leisure(), 15)
        await asyncio.wait_for(hurry.at_leisure(), 15)
        hurry.give_way()
        assert not hurry.is_calm
