"""Codes, scans, tracks, channel orders, masks, words: small tables."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core import lifecycle, masks, texts
from app.core.channel import ChannelLine, absorb, first_seen
from app.core.freeze import Rules
from app.core.history import HistoryKind
from app.core.order import Consignee, OrderState, RefundState
from app.core.packing import ItemCode, LineHit, match_item
from app.core.qr import badge_code, check_characters, command_code, has_valid_check, slip_code
from app.core.reasons import Reason, Refused
from app.core.scan import ScanClass, parse
from app.core.tracking import NodeKind, TrackNode, follow, merge_nodes
from tests.core.make import RULES, T0, an_order, channel_order, done

S = OrderState
ROOT = Path(__file__).parents[2]


def test_the_drawing_in_the_readme_is_the_table() -> None:
    assert lifecycle.diagram() in (ROOT / "app/core/README.md").read_text(encoding="utf-8")


def test_every_state_has_a_way_in_and_a_way_out_or_is_final() -> None:
    assert set(lifecycle.TRANSITIONS) == set(S)
    reached = {s for then in lifecycle.TRANSITIONS.values() for s in then} | {S.new}
    assert reached == set(S)
    assert all(lifecycle.TRANSITIONS[s] for s in S if s not in lifecycle.FINAL)


def test_check_characters_are_those_of_the_standard() -> None:
    assert check_characters("ISO79") == "3W"  # the example of ISO/IEC 7064
    assert has_valid_check("ISO793W")


@given(st.text("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ", min_size=4, max_size=30), st.data())
def test_one_wrong_or_two_swapped_characters_are_always_noticed(text: str, data: st.DataObject) -> None:
    code = text + check_characters(text)
    at = data.draw(st.integers(0, len(code) - 2))
    swapped = code[:at] + code[at + 1] + code[at] + code[at + 2 :]
    assert has_valid_check(swapped) == (swapped == code)
    wrong = data.draw(st.sampled_from([c for c in "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ" if c != code[at]]))
    assert not has_valid_check(code[:at] + wrong + code[at + 1 :])


@pytest.mark.parametrize(
    ("raw", "scan_class", "key"),
    [
        (slip_code("OD2026112100101", 3), ScanClass.order_qr, "OD2026112100101"),
        (slip_code("OD2026112100101", 3).lower() + "\r", ScanClass.order_qr, "OD2026112100101"),
        ("OD20261121001", ScanClass.order_no, "OD20261121001"),
        ("OD2026112100101", ScanClass.order_no, "OD2026112100101"),
        ("OD20261121001000", ScanClass.order_no, "OD20261121001000"),
        ("OD20261121A00101", ScanClass.order_no, "OD20261121A00101"),
        ("SF1234567890123", ScanClass.waybill, "SF1234567890123"),
        ("JD0076810060555-1-1-", ScanClass.waybill, "JD0076810060555"),
        ("６９０１２３４５６７８９２", ScanClass.item, "6901234567892"),
        (command_code("ACK"), ScanClass.command, "ACK"),
        (badge_code("ABCDEFGHIJKLMNOPQRSTUVWXYZ"), ScanClass.badge, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"),
        ("T-01", ScanClass.item, "T-01"),
        ("", ScanClass.unknown, ""),
        ("毛巾", ScanClass.unknown, "毛巾"),
    ],
)
def test_scanner_text_becomes_its_best_guess(raw: str, scan_class: ScanClass, key: str) -> None:
    guess = parse(raw).guesses[0]
    assert (guess.scan_class, guess.key) == (scan_class, key)


def test_a_slip_code_carries_its_version_and_order_numbers_tell_order_from_parcel() -> None:
    assert parse(slip_code("OD2026112100101", 7)).guesses[0].slip_version == 7
    assert [parse(no).guesses[0].is_parcel for no in ("OD20261121001", "OD2026112100101")] == [False, True]
    assert [parse(no).guesses[0].is_parcel for no in ("OD20261121001000", "OD2026112100100001")] == [
        False,
        True,
    ]


def test_an_article_code_may_also_be_a_waybill() -> None:
    classes = [g.scan_class for g in parse("6901234567892").guesses]
    assert classes == [ScanClass.item, ScanClass.waybill]


@given(st.text())
def test_no_text_breaks_the_scanner(text: str) -> None:
    assert parse(text).guesses


def test_goods_complete_the_line_they_belong_to() -> None:
    order = an_order()
    parcel = order.parcels[0]
    assert match_item(order, parcel, "x", [ItemCode("CUP-01")]) == LineHit(2, 1)
    assert match_item(order, parcel, "x", [ItemCode("TOWEL-BLUE", 2)]) == LineHit(1, 2)
    due = "纯棉毛巾 蓝色、马克杯"
    assert match_item(order, parcel, "x", []) == Refused(Reason.unknown_code, {"code": "x", "expected": due})
    wrong = match_item(order, parcel, "x", [ItemCode("PEN")])
    assert isinstance(wrong, Refused)
    assert wrong.reason is Reason.wrong_item
    assert wrong.params["expected"] == due
    full = done(order, "line_packed", line_no=2)
    over = match_item(full, full.parcels[0], "x", [ItemCode("CUP-01")])
    assert isinstance(over, Refused)
    assert over.reason is Reason.over_quantity


def node(kind: NodeKind, minute: int, text: str = "") -> TrackNode:
    return TrackNode(at=T0 + timedelta(minutes=minute), kind=kind, raw_text=text)


def test_tracks_merge_without_doubles_whatever_the_order() -> None:
    first, second, third = (
        node(NodeKind.picked_up, 1),
        node(NodeKind.hub_arrived, 2),
        node(NodeKind.other, 2, "?"),
    )
    merged = merge_nodes([second], [third, first, second])
    assert merged == (first, second, third)


@pytest.mark.parametrize(
    ("state", "kind", "then", "jump"),
    [
        (S.handed_over, NodeKind.picked_up, S.in_transit, False),
        (S.in_transit, NodeKind.out_for_delivery, S.in_transit, False),
        (S.in_transit, NodeKind.delivered, S.delivered, False),
        (S.handed_over, NodeKind.delivered, S.handed_over, True),
        (S.packing, NodeKind.picked_up, S.packing, True),
        (S.delivered, NodeKind.hub_arrived, S.delivered, False),
        (S.in_transit, NodeKind.returning, S.returning, False),
        (S.handed_over, NodeKind.awaiting_pickup, S.handed_over, False),
        (S.shipped_despite_cancel, NodeKind.delivered, S.shipped_despite_cancel, False),
        (S.handed_over, NodeKind.other, S.handed_over, False),
    ],
)
def test_the_state_follows_the_courier_and_impossible_jumps_are_flagged(
    state: S, kind: NodeKind, then: S, jump: bool
) -> None:
    followed = follow(state, kind)
    assert (followed.state, followed.is_jump) == (then, jump)


def test_the_same_word_of_the_channel_changes_nothing_and_a_new_one_is_kept() -> None:
    order = an_order()
    assert absorb(order, channel_order(), RULES, T0) == (order, [])
    changed, entries = absorb(
        order, channel_order(buyer_remark="要礼袋", refund_state=RefundState.asked), RULES, T0
    )
    assert changed.buyer_remark == "要礼袋"
    assert not changed.may_go.ok
    assert entries[0].after == {"refund_state": "asked", "buyer_remark": "要礼袋"}
    assert absorb(changed, channel_order(buyer_remark="", refund_state=RefundState.asked), RULES, T0) == (
        changed,
        [],
    )


def test_a_payment_that_comes_later_releases_the_order() -> None:
    order = an_order(is_paid=False, paid_at=None)
    paid, entries = absorb(order, channel_order(), RULES, T0)
    assert paid.order_state is S.released
    assert [e.kind for e in entries] == [HistoryKind.updated, HistoryKind.paid, HistoryKind.released]
    kept, _ = absorb(order, channel_order(), Rules(auto_release=False), T0)
    assert kept.order_state is S.new


@pytest.mark.parametrize(
    ("changes", "state"),
    [
        ({"is_shipped": True}, S.handed_over),
        ({"is_cancelled": True}, S.cancelled),
        ({"is_paid": False}, S.new),
    ],
)
def test_an_order_first_seen_late_takes_its_true_state(changes: dict[str, bool], state: S) -> None:
    order, entries = first_seen(channel_order(**changes), "OD20261121001", "main", T0, RULES)
    assert order.order_state is state
    assert [e.kind for e in entries] == [HistoryKind.received]


@pytest.mark.parametrize(
    ("full", "shown"),
    [
        ("18312342807", "183****2807"),
        ("86-183 1234 2807", "183****2807"),
        ("+8618312342807", "183****2807"),
        ("057187654321", "0571****4321"),
        ("010-87654321", "010****4321"),
        ("0086-18312342807", "183****2807"),
        ("87654321", "****4321"),
        ("110", "***"),
        ("", ""),
        # masked by a platform already
        ("1********20", "1********20"),
        ("138****2807", "138****2807"),
        ("183123428****", "*****3428"),
    ],
)
def test_phones_are_masked(full: str, shown: str) -> None:
    assert masks.phone(full) == shown


def test_a_consignee_shows_the_district_and_no_more() -> None:
    shown = masks.consignee(
        Consignee(name="欧阳娜娜", phone="18312342807", address="浙江省杭州市西湖区文三路 1 号 2 栋")
    )
    assert (shown.name, shown.province, shown.city, shown.district) == ("欧**", "浙江省", "杭州市", "西湖区")
    assert shown.address == "****"
    assert masks.split_address("北京市朝阳区望京街 9 号")[:3] == ("北京市", "", "朝阳区")
    assert masks.split_address("somewhere 5") == ("", "", "", "somewhere 5")
    kept = masks.consignee(
        Consignee(province="广东省", city="深圳市", district="龙华区", address="民治大道 3 号")
    )
    assert (kept.province, kept.address) == ("广东省", "****")


@given(st.text(max_size=60), st.text(max_size=30), st.text(max_size=30))
def test_a_mask_never_shows_a_whole_name_or_phone(address: str, name: str, phone: str) -> None:
    shown = masks.consignee(Consignee(name=name, phone=phone, address=address))
    assert len(shown.name) in (0, 3)
    assert sum(c.isdigit() for c in shown.phone) <= 7


def test_words_exist_for_every_reason_and_every_line_of_a_story() -> None:
    words = texts.load(ROOT / "resources/texts")
    for reason in Reason:
        entry = words.table[f"reasons.{reason}"]
        assert entry["sound"] in {"ok", "wrong", "too_many", "stop", "none"}
        assert entry["colour"] in {"ok", "wait", "stop", "info"}
    for kind in HistoryKind:
        for lang in ("zh", "en"):
            assert words.text(f"history.{kind}", lang, text="x").strip()


def test_words_read_one_by_one_are_what_stands_in_the_files() -> None:
    read_whole = {
        f"{path.stem}.{key}": words
        for path in (ROOT / "resources/texts").glob("*.toml")
        for key, words in tomllib.loads(path.read_text(encoding="utf-8")).items()
    }
    words = texts.load(ROOT / "resources/texts")
    assert (
        not words.has("packing.no_such_words")
        and not words.has("no_such_area.x")
        and not words.has("packing")
    )
    assert dict(words.table) == read_whole


def test_plurals_and_missing_fields_read_well() -> None:
    words = texts.Texts({"a.b": {"zh": "{n} 件", "en": "{n} units{missing}", "en_one": "1 unit"}})
    assert words.text("a.b", "en", n=1) == "1 unit"
    assert words.text("a.b", "en", n=2) == "2 units"
    assert words.text("a.b", "zh", n=1) == "1 件"
    assert words.has("a.b")
    with pytest.raises(KeyError):
        words.text("a.c", "zh")


def test_an_order_with_two_parcels_has_the_state_of_the_least_advanced_open_one() -> None:
    from app.core.order import settled

    order = an_order(lines=(ChannelLine(sku_code="A", qty=1),))
    first = order.parcels[0]
    second = replace(first, parcel_no=first.parcel_no[:-2] + "02")
    for states, expected in [
        ((S.packed, S.released), S.released),
        ((S.cancelled, S.packed), S.packed),
        ((S.closed, S.cancelled), S.closed),
        ((S.returned, S.cancelled), S.returned),
        ((S.cancelled, S.cancelled), S.cancelled),
    ]:
        both = replace(order, parcels=(replace(first, state=states[0]), replace(second, state=states[1])))
        assert settled(both).order_state is expected


def test_regression_a_file_that_says_cancelled_stops_the_order_and_silence_lifts_no_refund() -> None:
    # A second file with "cancelled" was ignored, and one without a refund column set the order free again.
    order = an_order(refund_state=RefundState.asked)
    assert absorb(order, channel_order(), RULES, T0) == (order, [])
    cancelled, entries = absorb(order, channel_order(is_cancelled=True), RULES, T0)
    assert cancelled.order_state is S.cancelled
    assert cancelled.is_frozen
    assert HistoryKind.cancel_took_effect in [entry.kind for entry in entries]
    assert absorb(cancelled, channel_order(is_cancelled=True), RULES, T0) == (cancelled, [])
    counting = done(an_order(), "cancel", on_parcel=False)
    final, _ = absorb(counting, channel_order(is_cancelled=True), RULES, T0)
    assert final.order_state is S.cancelled
    assert len(final.commands) == 1
