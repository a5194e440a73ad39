"""Every kind of act: recorded or judged, answered once, fed to everybody who may see it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import msgspec
import pytest

from app.core.acts import COMMANDS, FACTS, ActKind
from app.core.order import InterceptResult, OrderState
from app.wire import Change, ChannelRef
from tests.helpers.builders import LEAD, REP, Core, a_channel_order, an_actor
from tests.helpers.databases import only_sqlite
from tests.helpers.feed import prove_feed

pytestmark = pytest.mark.anyio
K = ActKind

#: Kind, body, does it need a packed parcel.
APPLIED: list[tuple[ActKind, dict[str, Any], str]] = [
    (K.opened, {}, "fresh"),
    (K.line_packed, {"line_no": 1}, "fresh"),
    (K.line_unpacked, {"line_no": 1}, "packed"),
    (K.parcel_closed, {"weight_g": 321}, "full"),
    (K.slip_printed, {"job_key": "k"}, "fresh"),
    (K.label_printed, {"job_key": "k", "waybill_no": "SF1"}, "fresh"),
    (K.freeze_shown, {"stop_ids": ["x"]}, "fresh"),
    (K.freeze_acked, {"stop_ids": ["x"], "how": "key"}, "fresh"),
    (K.parcel_pulled, {"how": "found"}, "packed"),
    (K.put_back, {"line_no": 1, "bin": "A-01"}, "fresh"),
    (K.waybill_bound, {"waybill_no": "YT123", "carrier": "yuantong"}, "fresh"),
    (K.barcode_learned, {"code": "690001", "sku_code": "SKU-1"}, "fresh"),
    (K.handed_over, {"carrier": "yuantong"}, "packed"),
    (K.marked_abnormal, {"reason": "damaged", "note": "盒子破了"}, "fresh"),
    (K.cancel, {"reason": "buyer"}, "fresh"),
    (K.change_remark, {"seller_remark": "送小样"}, "fresh"),
    (K.rush, {"note": "VIP"}, "fresh"),
    (K.hold, {"reason": "address"}, "fresh"),
    (K.release, {}, "held"),
    (K.take_over, {"statement": "我在货架上找到了"}, "fresh"),
    (K.reveal, {"reason": "买家来电核对"}, "fresh"),
]
#: Proven where the message it is about is made (test_messages.py).
ELSEWHERE = {K.message_sent}
REFUSED = COMMANDS - ELSEWHERE - {kind for kind, _, _ in APPLIED}


def test_every_kind_of_act_has_a_proof() -> None:
    assert {kind for kind, _, _ in APPLIED} | ELSEWHERE | REFUSED == FACTS | COMMANDS


@only_sqlite
@pytest.mark.parametrize(("kind", "body", "stage"), APPLIED, ids=lambda value: str(value))
async def test_an_act_is_applied_and_fed(core: Core, kind: ActKind, body: dict[str, Any], stage: str) -> None:
    [order] = await core.given(a_channel_order(lines=1))
    if stage == "full":
        await core.do("line_packed", order, line_no=1)
    if stage == "packed":
        await core.packed(order)
    if stage == "held":
        held = core.envelope("hold", order, parcel_no=None)
        await core.writer.acts([held], LEAD)
        body = {"stop_id": held.act_id}
    before = core.order(order.order_no)
    if kind in COMMANDS and kind is not K.take_over:
        body = {**body, "parcel_no": None}
    changes = await prove_feed(core, lambda: core.do(kind, order, **body))

    rows = [msgspec.json.decode(c.body) for c in changes if c.kind == "history"]
    assert rows and all(row["actor"] == "李华" and row["source"] == "station:bench-1" for row in rows)
    assert all(row["act_id"] and row["station_id"] == "bench-1" and row["made_at"] for row in rows)
    after = core.order(order.order_no)
    assert after.version == before.version + (after != before)
    [(outcome,)] = core.rows("SELECT outcome FROM receipt ORDER BY seq DESC LIMIT 1")
    assert outcome == "applied"


@pytest.mark.parametrize("kind", sorted(REFUSED))
async def test_a_command_of_a_later_issue_is_refused_and_stands_in_the_file(core: Core, kind: str) -> None:
    [order] = await core.given()
    bodies = {"decide_conflict": {"stop_id": "x", "choice": "cancel"}}
    changes = await prove_feed(core, lambda: core.command(kind, order, **bodies.get(kind, {})))
    [row] = [msgspec.json.decode(c.body) for c in changes]
    assert (row["kind"], row["params"]["reason"], row["actor"]) == ("refused", "not_supported", "小王")
    assert core.order(order.order_no) == order


async def test_a_barcode_learned_at_a_bench_reaches_every_bench(core: Core) -> None:
    [order] = await core.given()
    changes = await prove_feed(
        core, lambda: core.do("barcode_learned", order, code="6900099", sku_code="SKU-1", pack_qty=6)
    )
    [item] = [msgspec.json.decode(c.body) for c in changes if c.kind == "item"]
    assert item["barcodes"] == [{"code": "6900099", "pack_qty": 6}]
    again = await core.do("barcode_learned", order, code="6900099", sku_code="SKU-1", pack_qty=6)
    assert again.outcome == "applied" and core.rows("SELECT count(*) FROM item_barcode") == [(1,)]


async def test_a_fact_the_hub_knows_better_about_is_kept_as_a_clash(core: Core) -> None:
    [order] = await core.given(a_channel_order(lines=1))
    await core.packed(order)
    await core.command("cancel", order, is_final=True)
    changes = await prove_feed(core, lambda: core.do("handed_over", order))

    after = core.order(order.order_no)
    assert after.parcels[0].state is OrderState.shipped_despite_cancel
    assert after.parcels[0].intercept_result is InterceptResult.too_late
    assert "clash" in core.kinds(order)
    alarms = {a["kind"]: a for a in _bodies(changes, "alarm")}
    assert alarms.keys() == {"clash", "shipped_despite_cancel"}
    said = {"what": "frozen", "kind": "handed_over", "person": "李华", "station": "bench-1"}
    assert alarms["clash"]["params"] == {"order_no": order.order_no, **said}
    assert alarms["shipped_despite_cancel"]["level"] == "critical"


async def test_thirty_clashes_on_one_parcel_are_one_alarm(core: Core) -> None:
    [order] = await core.given(a_channel_order(lines=1, qty=40))
    await core.command("cancel", order)
    for _ in range(30):
        assert (await core.do("line_packed", order, line_no=1)).outcome == "clash"
    [alarm] = core.lookup.alarms()
    assert core.order(order.order_no).parcels[0].qty_packed == 30, "what was packed is in the box"

    acked = await core.writer.alarm_ack(alarm.alarm_id, LEAD)
    assert acked is not None and acked.acked_by == LEAD.name
    assert await core.writer.alarm_ack(alarm.alarm_id, REP) == acked, "the first one counts"
    await core.do("line_packed", order, line_no=1)
    assert len(core.lookup.alarms()) == 1 and len(core.lookup.alarms(open_only=False)) == 2


async def test_acknowledging_is_fed_and_unknown_alarms_are_none(core: Core) -> None:
    [order] = await core.given()
    await core.do("marked_abnormal", order, reason="wet")
    [alarm] = core.lookup.alarms(warehouse="main")
    changes = await prove_feed(core, lambda: core.writer.alarm_ack(alarm.alarm_id, LEAD))
    assert _bodies(changes, "alarm")[0]["acked_by"] == LEAD.name
    assert await core.writer.alarm_ack("nothing", LEAD) is None
    assert core.lookup.alarms(warehouse="elsewhere") == []


async def test_a_fact_of_an_unknown_order_is_kept_and_a_command_refused(core: Core) -> None:
    await core.a_station("bench-1", warehouse="east")
    fact = msgspec.structs.replace(
        core.envelope("line_packed", "OD20261120001", line_no=1),
        channel_ref=ChannelRef(shop_id="s", channel_order_no="c"),
    )
    [receipt] = await core.writer.acts([fact], an_actor("bench-1"))
    assert (receipt.outcome, receipt.reason) == ("clash", "order_unknown")
    assert core.rows("SELECT act_id, shop_id, channel_order_no FROM kept_act") == [(fact.act_id, "s", "c")]
    assert [a.kind for a in core.lookup.alarms(warehouse="east")] == ["order_unknown"]

    command = await core.command("cancel", "OD20261120001")
    assert (command.outcome, command.reason) == ("refused", "order_unknown")
    assert core.rows("SELECT count(*) FROM kept_act") == [(1,)]
    no_station = await core.do("opened", "OD20261120002", by=LEAD)
    assert no_station.outcome == "clash" and len(core.lookup.alarms(warehouse="main")) == 1


async def test_the_same_act_again_gets_the_same_answer(core: Core) -> None:
    [order] = await core.given()
    fact = core.envelope("line_packed", order, line_no=1)
    [first] = await core.writer.acts([fact], an_actor("bench-1"))
    ref = ChannelRef(shop_id=order.shop_id, channel_order_no=order.channel_order_no)
    [second] = await core.writer.acts([msgspec.structs.replace(fact, channel_ref=ref)], an_actor("bench-1"))
    assert second == msgspec.structs.replace(first, replayed=True)
    assert core.order(order.order_no).parcels[0].qty_packed == 1
    assert first.seq == core.feed.head()


async def test_twice_in_one_group_counts_once(core: Core) -> None:
    [order] = await core.given(a_channel_order(qty=5))
    fact = core.envelope("line_packed", order, line_no=1)
    first, second = await core.writer.acts([fact, fact], an_actor("bench-1"))
    assert (first.replayed, second.replayed, first.seq) == (False, True, second.seq)
    assert core.order(order.order_no).parcels[0].qty_packed == 1


async def test_a_used_id_with_another_body_is_refused(core: Core) -> None:
    [order] = await core.given()
    fact = core.envelope("line_packed", order, line_no=1)
    other = msgspec.structs.replace(fact, body={"line_no": 2})
    first, second = await core.writer.acts([fact, other], an_actor("bench-1"))
    [third] = await core.writer.acts([other], an_actor("bench-1"))
    assert first.outcome == "applied"
    assert [(r.outcome, r.reason) for r in (second, third)] == [("refused", "id_reused")] * 2
    assert core.order(order.order_no).parcels[0].qty_packed == 1


async def test_an_act_from_too_long_ago_needs_a_person(core: Core) -> None:
    [order] = await core.given()
    at = core.clock.now() - timedelta(days=30)
    late = await core.do("opened", order, made_at=at - timedelta(seconds=1))
    assert (late.outcome, late.reason) == ("refused", "too_old")
    assert (await core.do("opened", order, made_at=at)).outcome == "applied"


async def test_a_body_we_cannot_read_is_an_answer_not_an_error(core: Core) -> None:
    [order] = await core.given()
    wrong = await core.do("line_packed", order, line_no="one")
    unknown = await core.do("sung_a_song", order)
    assert [(r.outcome, r.reason) for r in (wrong, unknown)] == [("refused", "bad_body")] * 2
    assert "line_no" in wrong.params["text"]


async def test_made_at_is_corrected_by_what_the_beats_taught(core: Core) -> None:
    [order] = await core.given()
    await core.a_station()
    slow = core.clock.now() - timedelta(hours=1)
    await core.beat(clock=slow)
    await core.do("opened", order, made_at=slow - timedelta(seconds=10))
    await core.do("slip_printed", order, made_at=slow + timedelta(hours=5), job_key="k")
    story = core.lookup.story(order.order_no)
    assert [row.kind for row in story] == ["opened", "received", "released", "slip_printed"], "as it happened"
    opened, printed = story[0], story[-1]
    assert opened.made_at == core.clock.now() - timedelta(seconds=10)
    assert printed.made_at == core.clock.now(), "nothing happened in the future"
    [raw] = core.rows(f"SELECT made_at FROM receipt WHERE act_id = '{opened.act_id}'")
    assert raw == (int((slow - timedelta(seconds=10)).timestamp() * 1000),), "the raw value is kept"


async def test_what_is_needed_to_see_an_act_is_in_its_receipt(core: Core) -> None:
    [order] = await core.given()
    refused = await core.command("release", order, stop_id="none")
    assert refused.outcome == "refused" and refused.seq == core.feed.head()
    opened, revealed = await core.writer.acts(
        [core.envelope("opened", order), core.envelope("reveal", order, parcel_no=None, reason="核对")], LEAD
    )
    [(seq,)] = core.rows(f"SELECT seq FROM orders WHERE order_no = '{order.order_no}'")
    assert opened.seq == revealed.seq == seq == core.feed.head()


async def test_a_stop_is_told_at_once_with_the_changed_parcels(core: Core) -> None:
    [order] = await core.given()
    await core.command("cancel", order, note="买家不要了")
    [urgent] = core.heard[-1].urgent
    assert (urgent.warehouse, urgent.event.order_no, urgent.event.is_frozen) == ("main", order.order_no, True)
    assert [s.command for s in urgent.event.stops] == ["cancel"]
    assert [p.is_frozen for p in urgent.event.parcels] == [True]
    assert urgent.event.seq <= core.heard[-1].seq_to
    [stop] = urgent.event.stops

    await core.command("release", order, stop_id=stop.stop_id)
    [lifted] = core.heard[-1].urgent
    assert lifted.event.stops == () and not lifted.event.is_frozen
    await core.command("change_remark", order, seller_remark="好")
    assert core.heard[-1].urgent == ()


def _bodies(changes: list[Change], kind: str) -> list[dict[str, Any]]:
    return [msgspec.json.decode(change.body) for change in changes if change.kind == kind]
