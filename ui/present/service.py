"""The service desk as values: who was found, all fields with the system they come from, may it go."""

from __future__ import annotations

import re
from datetime import datetime

from app.core.order import (
    GONE_STATES,
    CommandState,
    InterceptResult,
    Order,
    OrderState,
    Parcel,
    StopKind,
)
from app.core.values import dataclass
from app.station.service import AnswerCard
from ui.present import states
from ui.present.packing import cut
from ui.present.states import Chip, State
from ui.present.words import Words

R = InterceptResult

_CHINESE = re.compile(r"[\u3400-\u9fff]")


@dataclass(frozen=True, slots=True)
class Hit:
    """One order in the list of what was found."""

    order_no: str
    number: str
    goods: str
    person: str
    when: str
    chip: Chip


def hit(order: Order, words: Words, now: datetime) -> Hit:
    first = order.lines[0] if order.lines else None
    title = cut((first.title or first.sku_code) if first else "")
    units = sum(line.qty for line in order.lines)
    key = "service.hit_goods" if len(order.lines) > 1 else "service.hit_good"
    stop = order.stops[0] if order.stops else None
    at = order.paid_at or order.received_at
    return Hit(
        order_no=order.order_no,
        number=order.order_no,
        goods=words.tr(key, title=title, n=units),
        person=" ".join(p for p in (order.consignee.name, order.consignee.phone[-4:]) if p),
        when=words.clock(at, now) if at else "",
        chip=states.stop_chip(stop, words) if stop else states.order_chip(order.order_state, words),
    )


@dataclass(frozen=True, slots=True)
class Field:
    """One field of the order and the system that said so (MAP-01)."""

    label: str
    value: str
    source: str
    copies: bool = False


@dataclass(frozen=True, slots=True)
class Group:
    title: str
    fields: tuple[Field, ...]


@dataclass(frozen=True, slots=True)
class OrderHead:
    """Number, the three states side by side, and whether it may go out, part by part."""

    number: str
    shop: str
    chips: tuple[tuple[str, Chip], ...]
    may_go: Chip
    parts: tuple[Chip, ...]


def order_head(order: Order, words: Words) -> OrderHead:
    tr = words.tr
    channel = _channel_state(order, words)
    return OrderHead(
        number=order.order_no,
        shop=states.shop_line(order, words),
        chips=(
            (tr("service.state_ours"), states.order_chip(order.order_state, words)),
            (tr("service.state_channel"), Chip("idle", channel)),
            (tr("service.state_refund"), states.refund_chip(order.refund_state, words)),
        ),
        may_go=_may_go(order, words),
        parts=_parts(order, words),
    )


def _parts(order: Order, words: Words) -> tuple[Chip, ...]:
    """Each condition by name; one that says no says why. What has left, or is over, is no alarm any more."""
    is_over = order.order_state in GONE_STATES and order.order_state is not OrderState.shipped_despite_cancel
    chips = []
    for part in order.may_go.parts:
        name = words.maybe(f"states.part_{part.name}", words.tr("states.part_other"))
        why = "" if part.ok else _why_not(part.name, order, words)
        text = words.tr("states.part_why", part=name, why=why) if why else name
        is_calm = is_over and part.name == "order_state"
        chips.append(Chip("ok" if part.ok else "info" if is_calm else "stop", text))
    return tuple(chips)


def _why_not(part: str, order: Order, words: Words) -> str:
    match part:
        case "paid":
            return words.tr("states.part_paid_no")
        case "order_state":
            return states.order_chip(order.order_state, words).text
        case "refund_state":
            return states.refund_chip(order.refund_state, words).text
        case "stops":
            return _stops_said(order, words)
        case _:
            return ""


def _stops_said(order: Order, words: Words) -> str:
    """What lies over the order, each word once: a hold by its reason, the rest by what was asked."""
    said = [
        states.hold_reason(stop.reason, words)
        if stop.kind is StopKind.hold and words.texts.has(f"states.hold_{stop.reason}")
        else states.stop_chip(stop, words).text
        for stop in order.stops
    ]
    return words.tr("states.list_and").join(dict.fromkeys(said))


def _may_go(order: Order, words: Words) -> Chip:
    """What has left needs no leave any more: that is no alarm."""
    if order.may_go.ok:
        return Chip("ok", words.tr("service.may_go_yes"))
    if order.order_state in GONE_STATES and order.order_state is not OrderState.shipped_despite_cancel:
        return Chip("info", words.tr("service.may_go_gone"))
    return Chip("stop", words.tr("service.may_go_no"))


def _channel_state(order: Order, words: Words) -> str:
    """The platform's word where it is one: its bare codes say nothing to people."""
    said = order.channel_state
    return (
        said
        if _CHINESE.search(said)
        else words.maybe(f"states.channel_state_{said.lower()}", words.tr("service.state_unknown"))
    )


def groups(order: Order, words: Words, *, money: bool = True) -> tuple[Group, ...]:
    """Every field of the unified order, grouped as people ask for them; ``money`` off where sums are masked."""
    tr = words.tr
    parcels = tuple(
        Group(tr("service.field_parcel", n=n), _parcel_fields(parcel, words))
        for n, parcel in enumerate(order.parcels, start=1)
    )
    shown = (
        Group(tr("service.group_order"), _order_fields(order, words, money)),
        Group(tr("service.group_goods"), _goods_fields(order, words, money)),
        Group(tr("service.group_people"), _people_fields(order, words)),
        *parcels,
    )
    extra = _extra_fields(order, words, money)
    return (*shown, Group(tr("service.group_extra"), extra)) if extra else shown


def _order_fields(order: Order, words: Words, money: bool) -> tuple[Field, ...]:
    tr = words.tr
    ours, shop = tr("states.source_hub"), states.shop_line(order, words)
    sums = (
        Field(tr("service.field_paid"), words.money(order.paid_fen), shop),
        Field(tr("service.field_coupon"), words.money(order.coupon_fen), shop),
        Field(tr("service.field_freight"), words.money(order.freight_fen), shop),
    )
    return (
        Field(tr("service.field_order_no"), order.order_no, ours, copies=True),
        Field(tr("service.field_channel_order_no"), order.channel_order_no, shop, copies=True),
        Field(tr("service.field_channel"), states.channel_name(order.channel, words), ours),
        Field(tr("service.field_shop"), order.shop_id, ours),
        Field(tr("service.field_state"), states.order_chip(order.order_state, words).text, ours),
        Field(tr("service.field_channel_state"), _channel_state(order, words), shop),
        Field(tr("service.field_refund_state"), states.refund_chip(order.refund_state, words).text, shop),
        *(sums if money else ()),
        Field(tr("service.field_ordered_at"), _moment(order.ordered_at, words), shop),
        Field(tr("service.field_paid_at"), _moment(order.paid_at, words), shop),
        Field(tr("service.field_ship_by"), _moment(order.ship_by_at, words), shop),
        Field(tr("service.field_promised"), _moment(order.promised_at, words), shop),
        Field(tr("service.field_delivery"), order.delivery_method or tr("service.unknown"), shop),
        Field(tr("service.field_cross_border"), _yes(order.is_cross_border, words), shop),
        Field(tr("service.field_rush"), _yes(order.is_rush, words), ours),
        Field(tr("service.field_warehouse"), order.warehouse, ours),
        Field(
            tr("service.field_feedback"),
            order.wms_feedback_code or tr("service.unknown"),
            tr("service.story_floor"),
        ),
    )


def _goods_fields(order: Order, words: Words, money: bool) -> tuple[Field, ...]:
    shop = states.shop_line(order, words)
    return tuple(
        Field(
            f"{words.tr('service.field_line', n=line.line_no)} · {line.sku_code}",
            " ".join(
                words.tr(
                    "service.line_value", title=line.title or line.sku_code, spec=line.spec, n=line.qty
                ).split()
            )
            + (f"  {words.money(line.price_fen)}" if money else "")
            + (
                "\n" + words.tr("service.line_left", cancelled=line.qty_cancelled, refunded=line.qty_refunded)
                if line.qty_cancelled or line.qty_refunded
                else ""
            ),
            shop,
        )
        for line in order.lines
    )


def _people_fields(order: Order, words: Words) -> tuple[Field, ...]:
    tr, who = words.tr, order.consignee
    shop, unknown = states.shop_line(order, words), tr("service.unknown")
    address = "".join((who.province, who.city, who.district, who.address))
    return (
        Field(tr("service.field_nick"), order.buyer_nick or unknown, shop),
        Field(tr("service.field_consignee"), who.name or unknown, shop),
        Field(tr("service.field_phone"), who.phone or unknown, shop),
        Field(tr("service.field_address"), address or unknown, shop),
        Field(tr("service.field_buyer_remark"), order.buyer_remark or tr("service.none"), shop),
        Field(tr("service.field_seller_remark"), order.seller_remark or tr("service.none"), shop),
    )


def _parcel_fields(parcel: Parcel, words: Words) -> tuple[Field, ...]:
    tr = words.tr
    ours = tr("states.source_hub")
    carrier = states.carrier_name(parcel.carrier, words)
    courier = carrier if parcel.carrier else ours
    synced = _moment(parcel.track_synced_at, words)
    return (
        Field(tr("service.field_state"), states.order_chip(parcel.state, words).text, ours),
        Field(tr("service.field_carrier"), carrier, ours),
        Field(
            tr("service.field_waybill"),
            parcel.waybill_no or tr("service.unknown"),
            ours,
            copies=bool(parcel.waybill_no),
        ),
        Field(tr("service.field_track"), synced, courier),
    )


def _extra_fields(order: Order, words: Words, money: bool) -> tuple[Field, ...]:
    """What is peculiar to the channel (MAP-03): by a name of ours where it has one, else as it came."""
    shop = states.shop_line(order, words)
    fields = [
        Field(words.maybe(f"service.extra_{key}", str(key)), _extra_value(str(key), value, words), shop)
        for key, value in order.extra.items()
        if value not in (None, "") and (money or not str(key).endswith("_fen"))
    ]
    if order.tags:
        fields.insert(
            0,
            Field(
                words.tr("service.field_tags"),
                words.tr("states.list_and").join(order.tags),
                words.tr("states.source_hub"),
            ),
        )
    return tuple(fields)


def _extra_value(key: str, value: object, words: Words) -> str:
    if key.endswith("_fen") and isinstance(value, int):
        return words.money(value)
    if isinstance(value, list):
        return words.tr("service.extra_many", n=len(value))
    said = f"service.extra_{key.removesuffix('_status')}_{value}"
    return words.tr(said) if words.texts.has(said) else str(value)


def _moment(at: datetime | None, words: Words) -> str:
    return words.moment(at) if at else words.tr("service.unknown")


def _yes(value: bool, words: Words) -> str:
    return words.tr("service.yes" if value else "service.no")


# -- what may be promised --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Answer:
    """The stop card: what a rep may tell the buyer now (design 3.8). ``counting_until`` runs down on the screen."""

    state: State
    head: str
    text: str
    age: str
    counting_until: datetime | None = None
    withdraw_id: str = ""


def answer_view(card: AnswerCard | None, order: Order, words: Words, now: datetime) -> Answer | None:
    """The card of the last cancel, else of a hold or freeze that lies over the order; None when nothing does."""
    if card is not None and card.command_state is not CommandState.overtaken:
        return _cancel_answer(card, order, words, now)
    if not order.stops:
        return None
    stop = order.stops[0]
    is_hold = stop.kind is StopKind.hold
    key = "service.answer_hold" if is_hold else "service.answer_frozen"
    why = stop.note or (
        states.hold_reason(stop.reason, words) if stop.reason else words.tr("supervisor.no_reason")
    )
    who = stop.actor or words.tr("states.source_hub")
    return Answer(
        "wait" if is_hold else "stop",
        words.tr(key),
        words.tr(f"{key}_text", who=who, why=why),
        words.tr("service.answer_age", ago=words.since(stop.since, now)),
    )


_WAITS = frozenset({CommandState.sent, CommandState.received})


def _cancel_answer(card: AnswerCard, order: Order, words: Words, now: datetime) -> Answer:
    tr = words.tr
    age = tr("service.answer_age", ago=words.since(card.asked_at, now))
    until = card.counting_down_until
    if card.command_state in _WAITS and card.result is None:
        return Answer("wait", tr("service.answer_sent"), tr("service.answer_sent_text"), age)
    head, text, state = _said(card, order, words)
    if card.items:
        is_done = until is None and card.result in (None, R.stopped)
        text = tr("service.answer_lines_done") if is_done else text
        text = tr("service.answer_lines", items=card.items, text=text)
    if until is not None and until > now and card.result in (None, R.stopped):
        left = max(1, round((until - now).total_seconds()))
        head = tr("service.answer_counting", n=left)
        text = tr("service.answer_counting_text")
        text = tr("service.answer_lines", items=card.items, text=text) if card.items else text
        return Answer("wait", head, text, age, until, card.stop_id)
    withdraw = card.stop_id if until is not None and until > now else ""
    return Answer(state, head, text, age, until, withdraw)


def _said(card: AnswerCard, order: Order, words: Words) -> tuple[str, str, State]:
    tr = words.tr
    worst = next((p for p in card.parcels if p.result is card.result), None)
    parcel = order.parcel(worst.parcel_no) if worst else None
    holder = (worst.holder_name if worst else "") or tr("packing.another_bench")
    match card.result:
        case R.too_late:
            carrier = states.carrier_name(parcel.carrier if parcel else "", words)
            waybill = parcel.waybill_no if parcel else ""
            return (
                tr("service.answer_too_late"),
                tr("service.answer_too_late_text", carrier=carrier, waybill=waybill),
                "stop",
            )
        case R.at_station_offline:
            return tr("service.answer_offline"), tr("service.answer_offline_text", station=holder), "wait"
        case R.trying:
            is_packed = parcel is not None and parcel.is_complete and parcel.holder is None
            key = "service.answer_trying_packed" if is_packed else "service.answer_trying_bench"
            return tr("service.answer_trying"), tr(key, station=holder), "wait"
        case R.stopped:
            return tr("service.answer_stopped"), tr("service.answer_stopped_text"), "ok"
        case _:
            return tr("service.answer_cancelled"), tr("service.answer_cancelled_text"), "ok"
