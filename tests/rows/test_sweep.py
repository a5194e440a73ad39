"""The sweep of the morning by itself (ING-09): at nine by the shop's clock, whatever polls and pushes never told."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.clock import FakeClock
from tests.helpers.hub import TOML, RunningHub, hub_in_thread
from tests.helpers.platform import Platform, an_event, folders, platform_serving, toml_of
from tests.helpers.station import until

#: 08:53 in Shanghai.
BEFORE_NINE = datetime(2026, 11, 21, 0, 53, tzinfo=UTC)
PATIENCE_S = 20
HIDDEN, KNOWN = 200, 20


@dataclass
class Morning:
    clock: FakeClock
    platform: Platform
    hub: RunningHub

    def asked(self, method: str, path: str) -> Any:
        answer = self.hub.admin().request(method, f"/v1/shops{path}", timeout=120)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def missed(self) -> list[str]:
        return sorted(self.asked("GET", "/shop-1/missed")["channel_order_nos"])

    def held(self) -> int:
        with self.hub.app.doors.orders.engine.connect() as conn:
            return int(conn.exec_driver_sql("SELECT count(*) FROM orders").scalar_one())

    def next_poll(self) -> None:
        """The pace of three minutes passes, and the line has looked at what is due."""
        now = self.clock.go(minutes=3)
        until(lambda: self.polled_to(now), "no poll", PATIENCE_S)

    def polled_to(self, moment: datetime) -> bool:
        [shop] = [one for one in self.asked("GET", "")["shops"] if one["shop_id"] == "shop-1"]
        return (shop["health"]["cursor"] or "") >= f"{moment:%Y-%m-%dT%H:%M:%S}"


@pytest.fixture
def morning(tmp_path: Path) -> Iterator[Morning]:
    clock = FakeClock(BEFORE_NINE)
    with platform_serving() as platform:
        numbers = [f"H{n:03d}" for n in range(HIDDEN)] + [f"K{n:02d}" for n in range(KNOWN)]
        for n, no in enumerate(numbers):
            platform.put(no, BEFORE_NINE - timedelta(minutes=5 * n + 1))
        platform.hidden = set(numbers)
        toml = TOML + toml_of(platform, poll_s=180)
        with hub_in_thread(tmp_path / "中枢", toml, clock, folders=folders) as hub:
            yield Morning(clock, platform, hub)


def test_at_nine_exactly_the_hidden_orders_are_listed_and_one_call_brings_them_in(morning: Morning) -> None:
    """200 orders that neither polls nor pushes told: nobody asks, and none of them is listed before nine."""
    until(lambda: morning.polled_to(BEFORE_NINE), "the first poll", PATIENCE_S)
    morning.hub.admin()
    raw, headers = morning.platform.push(
        *(an_event(f"e{n}", f"K{n:02d}", at=morning.clock.now()) for n in range(KNOWN))
    )
    pushed = morning.hub.client().post("/v1/webhooks/shop-1", content=raw, headers=headers)
    assert pushed.status_code == 200
    until(lambda: morning.held() == KNOWN, "what was pushed", PATIENCE_S)
    morning.platform.hidden = set()  # the platform's whole list has them; no poll looks so far back
    morning.next_poll()
    morning.next_poll()
    assert (morning.missed(), morning.held()) == ([], KNOWN), "it is 08:59"

    morning.clock.go(minutes=1)
    until(morning.missed, "nine o'clock and no sweep", PATIENCE_S)
    assert morning.missed() == [f"H{n:03d}" for n in range(HIDDEN)]
    assert morning.held() == KNOWN, "it lists; a person brings in"
    assert morning.asked("POST", "/shop-1/missed") == {"taken": HIDDEN, "left": 0}
    assert morning.held() == KNOWN + HIDDEN
    assert morning.asked("POST", "/shop-1/sweep") == {"channel_order_nos": []}
    assert morning.held() == KNOWN + HIDDEN
