"""A day's figures: one formula each, fair to who is counted."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from app.core.figures import SPAN_CAP, Fact, Tally, day_of, outbound, share, total, work_seconds

EIGHT = datetime(2026, 11, 21, 0, 0, tzinfo=UTC)


def _fact(minute: float, kind: str, parcel: str = "P1", who: str = "李娜", **more: object) -> Fact:
    given: dict[str, object] = {
        "at": EIGHT + timedelta(minutes=minute),
        "kind": kind,
        "order_no": parcel[:2],
        "parcel_no": parcel,
        "who": who,
        "station_id": "S1",
        "warehouse": "main",
    }
    return Fact(**(given | more))  # type: ignore[arg-type]


def _one(*facts: Fact) -> Tally:
    [tally] = day_of(facts).done()
    return tally


def test_a_parcel_counts_from_its_last_opening_to_its_closing() -> None:
    tally = _one(
        _fact(0, "opened"), _fact(2, "opened"), _fact(3, "line_packed", qty=2), _fact(4.5, "parcel_closed")
    )
    assert (tally.parcels, tally.units, tally.seconds, tally.right) == (1, 2, 150.0, 1)
    assert (tally.orders, tally.scanned_orders) == (1, 1)


def test_a_box_left_open_over_lunch_counts_the_cap() -> None:
    assert _one(_fact(0, "opened"), _fact(70, "parcel_closed")).seconds == SPAN_CAP.total_seconds()
    assert work_seconds(None, EIGHT) == 0.0
    assert work_seconds(EIGHT, EIGHT - timedelta(seconds=5)) == 0.0, "a clock that was set back"


def test_facts_may_come_in_any_order() -> None:
    facts = [_fact(0, "opened"), _fact(1, "line_packed"), _fact(2, "parcel_closed")]
    assert day_of(facts).done() == day_of(reversed(facts)).done()


def test_what_was_taken_back_or_closed_twice_was_not_right_at_once_and_counts_once() -> None:
    undone = _one(
        _fact(0, "opened"), _fact(1, "line_packed"), _fact(1, "line_unpacked"), _fact(2, "parcel_closed")
    )
    assert (undone.parcels, undone.right) == (1, 0)
    again = _one(
        _fact(0, "opened"),
        _fact(1, "parcel_closed"),
        _fact(5, "line_unpacked"),
        _fact(6, "parcel_closed"),
    )
    assert (again.parcels, again.right) == (1, 0)


def test_goods_taken_out_for_a_stop_count_against_nobody_and_the_parcel_is_saved_once() -> None:
    tally = _one(
        _fact(0, "opened"),
        _fact(1, "line_packed", qty=2),
        _fact(2, "freeze_acked"),
        _fact(3, "line_unpacked"),
        _fact(4, "parcel_closed"),
        _fact(5, "parcel_pulled"),
    )
    assert (tally.saved, tally.right, tally.units) == (1, 1, 1)


def test_what_had_left_already_was_not_saved() -> None:
    assert _one(_fact(0, "handed_over"), _fact(1, "freeze_acked")).saved == 0


def test_who_closes_gets_the_span_and_each_counts_what_they_packed() -> None:
    day = day_of([
        _fact(0, "opened", who="李娜"),
        _fact(1, "line_packed", who="李娜"),
        _fact(2, "line_packed", who="王芳"),
        _fact(3, "parcel_closed", who="王芳"),
    ]).done()
    assert {t.who: (t.parcels, t.units, t.seconds) for t in day} == {
        "王芳": (1, 1, 180.0),
        "李娜": (0, 1, 0.0),
    }
    assert (total(day).parcels, total(day).units) == (1, 2)


def test_an_order_is_paperless_when_every_unit_of_every_box_was_scanned() -> None:
    facts = [
        _fact(0, "line_packed", "P1a"),
        _fact(1, "parcel_closed", "P1a"),
        _fact(2, "line_packed", "P1b", by_hand=True),
        _fact(3, "parcel_closed", "P1b"),
        _fact(4, "line_packed", "P2a"),
        _fact(5, "parcel_closed", "P2a"),
        _fact(6, "parcel_closed", "P3a"),
    ]
    tally = _one(*facts)
    assert (tally.orders, tally.scanned_orders) == (3, 1), "one by hand, one with no count at all"
    assert share(1, 3) == pytest.approx(33.3, abs=0.1)
    assert share(0, 0) is None


def test_of_an_earlier_day_only_what_it_began_is_known() -> None:
    day = day_of([
        _fact(-5, "opened", is_before=True),
        _fact(-4, "line_packed", is_before=True),
        _fact(1, "parcel_closed"),
    ]).done()
    [tally] = day
    assert (tally.parcels, tally.units, tally.seconds, tally.scanned_orders) == (1, 0, 360.0, 1)


def test_a_parcel_closed_before_and_again_today_is_no_new_parcel() -> None:
    day = day_of([
        _fact(-5, "parcel_closed", is_before=True),
        _fact(1, "opened"),
        _fact(2, "parcel_closed"),
    ]).done()
    assert [(t.parcels, t.seconds) for t in day] == [(0, 60.0)]


def test_the_way_out_is_told_by_its_mean_and_by_nine_of_ten() -> None:
    assert outbound([]) is None
    spread = outbound([float(n) for n in range(1, 11)])
    assert spread is not None
    assert (spread.count, spread.mean_s, spread.p90_s) == (10, 5.5, 9.0)
    one = outbound([7.0])
    assert one is not None and (one.mean_s, one.p90_s) == (7.0, 7.0)
