"""A day's work over HTTP: one's own figures, the way down from the warehouse to a single act, how fast orders left."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import text

from app.core.figures import WORK_KINDS
from hub.db import tables as t
from hub.orders.workdays import Asked, WorkDays
from tests.helpers.hub import TOML, HubClient, RunningHub, a_channel_order, hub_in_thread

TWO_HOUSES = TOML + '\n[[warehouse]]\nid = "main"\n\n[[warehouse]]\nid = "north"\n'
NINE = datetime(2026, 11, 21, 1, 0, tzinfo=UTC)  # nine in the morning in Shanghai


class Turned:
    """A clock that the test turns."""

    def __init__(self) -> None:
        self.at = NINE + timedelta(hours=3)

    def now(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return 1000.0 + (self.at - NINE).total_seconds()


class Floor:
    """A hub with two benches, of which one is worked at by Li Na and one by nobody who signed on."""

    def __init__(self, hub: RunningHub, clock: Turned) -> None:
        self.hub, self.clock = hub, clock
        hub.person("packer", name="李娜")
        paired = hub.pair("packing", name="1 号台")
        bench = hub.client(paired.token)
        self.li = hub.client(paired.token, hub.sign_in("李娜", station=bench))
        self.other = hub.station("packing", name="2 号台")
        self.supervisor = hub.person("supervisor", name="主管", warehouse="main")
        self.n = 0

    def packs(
        self, bench: HubClient, minute: float, *, took: float = 2.0, by_hand: bool = False
    ) -> tuple[str, str]:
        """An order of one line is opened, counted and closed so many minutes after nine."""
        self.n += 1
        order = self.hub.given(a_channel_order(f"W{self.n}", lines=1))
        parcel = order.parcels[0].parcel_no
        begin = NINE + timedelta(minutes=minute)
        acts: list[tuple[str, float, dict[str, Any]]] = [
            ("opened", 0, {}),
            ("line_packed", took / 2, {"line_no": 1, "qty": 1, "by_hand": by_hand}),
            ("parcel_closed", took, {}),
        ]
        for kind, after, body in acts:
            at = begin + timedelta(minutes=after)
            receipt = bench.act(kind, order.order_no, parcel, made_at=at, body=body)
            assert receipt.outcome == "applied", receipt
        return order.order_no, parcel


@pytest.fixture(scope="module")
def floor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Floor]:
    """Li Na packed two parcels, the other bench one by hand; one of hers was handed over at eleven."""
    clock = Turned()
    with hub_in_thread(tmp_path_factory.mktemp("hub"), TWO_HOUSES, clock=clock) as hub:
        floor = Floor(hub, clock)
        order_no, parcel = floor.packs(floor.li, 10)
        floor.packs(floor.li, 20, took=25)
        floor.packs(floor.other, 30, by_hand=True)
        gone = floor.li.act("handed_over", order_no, parcel, made_at=NINE + timedelta(hours=2))
        assert gone.outcome == "applied", gone
        yield floor


def test_a_person_sees_what_they_packed_today_and_nobody_else(floor: Floor) -> None:
    mine = floor.li.get("/v1/me/day").json()
    assert (mine["day"], mine["user"], mine["parcels"], mine["units"]) == ("20261121", "李娜", 2, 2)
    assert mine["seconds"] == 120 + 600, "the box that lay open for 25 minutes counts the cap"
    assert (mine["saved"], mine["right"]) == (0, 2)
    assert mine["seq"] == floor.hub.client().get("/healthz").json()["seq"]
    other = floor.other.get("/v1/me/day").json()
    assert (other["user"], other["parcels"]) == ("2 号台", 1)


def test_a_supervisor_goes_from_the_day_to_the_warehouse_to_the_person_to_the_acts(floor: Floor) -> None:
    day = floor.supervisor.get("/v1/work", params={"day": "20261121"}).json()
    [house] = day["houses"]
    assert (house["warehouse"], house["parcels"], house["units"], house["seconds"]) == ("main", 3, 3, 840)
    assert (house["orders"], house["scanned_orders"], day["paperless_aim"]) == (3, 2, 95.0)
    people = {row["who"]: row for row in day["people"]}
    assert (people["李娜"]["parcels"], people["2 号台"]["parcels"]) == (2, 1)
    assert people["2 号台"]["is_station"] and not people["李娜"].get("is_station")
    assert people["李娜"]["station"] == "1 号台"
    acts = floor.supervisor.get(
        "/v1/work/acts", params={"day": "20261121", "who": "李娜", "station": people["李娜"]["station_id"]}
    ).json()
    assert [act["kind"] for act in acts["acts"]] == [
        *("opened", "line_packed", "parcel_closed") * 2,
        "handed_over",
    ]
    assert [act["seconds"] for act in acts["acts"] if act["kind"] == "parcel_closed"] == [120, 600]
    assert acts["acts"][0]["at"] == "2026-11-21T01:10:00Z" and acts["acts"][0]["text"]
    assert acts["next"] == ""


def test_acts_come_in_pages_and_each_once(floor: Floor) -> None:
    seen, after = [], ""
    for _ in range(10):
        page = floor.supervisor.get(
            "/v1/work/acts", params={"limit": 3, "after": after, "who": "李娜"}
        ).json()
        seen += [(act["at"], act["kind"], act["parcel_no"]) for act in page["acts"]]
        after = page["next"]
        if not after:
            break
    assert len(seen) == len(set(seen)) == 7
    assert seen == sorted(seen, key=lambda act: act[0])


def test_how_fast_orders_left_is_told_by_hour_and_for_the_day(floor: Floor) -> None:
    told = floor.supervisor.get("/v1/work").json()["outbound"]
    assert [(row["hour"], row["orders"], row["mean_s"], row["p90_s"]) for row in told] == [
        (11, 1, 7200, 7200),
        (None, 1, 7200, 7200),
    ]


def test_another_day_is_empty_and_a_day_that_is_none_is_refused(floor: Floor) -> None:
    empty = floor.supervisor.get("/v1/work", params={"day": "20261120"}).json()
    assert (empty["houses"], empty["people"], empty["outbound"]) == ([], [], [])
    for day in ("20261399", "21.11.2026", "x"):
        assert floor.supervisor.get("/v1/work", params={"day": day}).status_code == 422


def test_another_warehouse_is_none_of_a_supervisors_business(floor: Floor) -> None:
    assert floor.supervisor.get("/v1/work/acts", params={"warehouse": "north"}).status_code == 403
    away = floor.hub.person("supervisor", name="北仓主管", warehouse="north")
    assert away.get("/v1/work").json()["people"] == []
    assert away.get("/v1/work/acts").json()["acts"] == []


def test_what_is_taken_away_as_a_file_holds_no_formula(floor: Floor) -> None:
    floor.hub.person("packer", name="=1+1")
    paired = floor.hub.pair("packing", name="@bench")
    evil = floor.hub.client(paired.token, floor.hub.sign_in("=1+1", station=floor.hub.client(paired.token)))
    order = floor.hub.given(a_channel_order("EVIL", lines=1))
    made_at = floor.clock.at - timedelta(minutes=1)
    opened = evil.act("opened", order.order_no, order.parcels[0].parcel_no, made_at=made_at)
    assert opened.outcome == "applied"
    told = floor.supervisor.get("/v1/exports/work", params={"who": "=1+1"})
    assert told.headers["content-type"].startswith("text/csv")
    assert told.content.startswith(b"\xef\xbb\xbf")
    [heading, line] = csv.reader(told.content.decode("utf-8-sig").splitlines())
    assert line[1:3] == ["'=1+1", "'@bench"]
    assert not any(cell.startswith(("=", "+", "-", "@")) for cell in line)
    assert len(heading) == len(line)


def test_the_index_holds_what_counts_as_work_and_no_day_is_found_by_reading_all(
    db: str, tmp_path: Path
) -> None:
    """A year of history must cost a day's figures nothing; nor may an import pay for them."""
    with hub_in_thread(tmp_path, db=db) as hub:
        engine = hub.app.doors.orders.engine
        hub.given(a_channel_order("IDX", lines=1))
        with engine.connect() as conn:
            if engine.dialect.name == "sqlite":
                explain = f"EXPLAIN QUERY PLAN SELECT body FROM history WHERE {t.WORK_KINDS_SQL} AND at >= 1 AND at < 9"
            else:
                conn.execute(text("SET enable_seqscan = off"))
                explain = f"EXPLAIN SELECT body FROM history WHERE {t.WORK_KINDS_SQL} AND at >= 1 AND at < 9"
            plan = " ".join(str(row) for row in conn.execute(text(explain)))
        assert "ix_history_work" in plan, plan
        assert all(f"'{kind}'" in t.WORK_KINDS_SQL for kind in WORK_KINDS)
        asked = Asked(day=date(2026, 11, 21), zone=ZoneInfo("Asia/Shanghai"), who="李'娜\"", station_id="S-1")
        days = WorkDays(engine, "main")
        assert days.mine(asked)[0].parcels == 0
        assert days.day_and_gone(Asked(day=date(2026, 11, 21), zone=ZoneInfo("Asia/Shanghai"))) == ([], [])
        assert days.acts(asked, "", 10) == ([], "")
