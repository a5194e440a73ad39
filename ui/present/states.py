"""Values as people name them: each state with its colour's meaning and its word."""

from __future__ import annotations

import re
from typing import Literal

from app.core.order import (
    CommandState,
    InterceptResult,
    Order,
    OrderState,
    Parcel,
    RefundState,
    Stop,
    StopKind,
)
from app.core.values import dataclass
from ui.present.words import Words

State = Literal["ok", "wait", "stop", "info", "idle"]

S = OrderState


@dataclass(frozen=True, slots=True)
class Chip:
    """A state in one word: the widget adds colour and shape."""

    state: State
    text: str


_ORDER: dict[OrderState, State] = {
    S.new: "idle",
    S.released: "info",
    S.picking: "info",
    S.packing: "info",
    S.packed: "ok",
    S.handed_over: "ok",
    S.in_transit: "ok",
    S.delivered: "ok",
    S.closed: "ok",
    S.cancelled: "stop",
    S.shipped_despite_cancel: "stop",
    S.returning: "wait",
    S.returned: "idle",
}
_INTERCEPT: dict[InterceptResult, State] = {
    InterceptResult.trying: "wait",
    InterceptResult.stopped: "ok",
    InterceptResult.too_late: "stop",
    InterceptResult.at_station_offline: "wait",
}
_COMMAND: dict[CommandState, State] = {
    CommandState.received: "info",
    CommandState.counting_down: "wait",
    CommandState.awaiting_decision: "wait",
    CommandState.sent: "info",
    CommandState.acknowledged: "info",
    CommandState.done: "ok",
    CommandState.refused: "stop",
    CommandState.failed: "stop",
    CommandState.overtaken: "idle",
}
_PRINTER: dict[str, State] = {
    "ready": "ok",
    "busy": "info",
    "paper_low": "wait",
    "paper_out": "stop",
    "cover_open": "stop",
    "offline": "stop",
    "error": "stop",
}

# prefix + business day, optional letter of a restored series; the rest is what people say aloud
_NUMBER = re.compile(r"([A-Z]{2,4}\d{8})([A-Z]?(?:\d{3}|\d{6}))(\d{2})?")


def order_chip(state: OrderState, words: Words) -> Chip:
    return Chip(_ORDER[state], words.tr(f"states.order_{state.value}"))


def refund_chip(state: RefundState, words: Words) -> Chip:
    return Chip("idle" if state is RefundState.none else "stop", words.tr(f"states.refund_{state.value}"))


def intercept_chip(result: InterceptResult, words: Words) -> Chip:
    return Chip(_INTERCEPT[result], words.tr(f"states.intercept_{result.value}"))


def command_chip(state: CommandState, words: Words) -> Chip:
    return Chip(_COMMAND[state], words.tr(f"states.command_{state.value}"))


def stop_chip(stop: Stop, words: Words) -> Chip:
    """The loudest word about a stop: what was asked, in red for a freeze and amber for a hold."""
    kind: State = "stop" if stop.kind is StopKind.freeze else "wait"
    return Chip(kind, words.maybe(f"states.stop_{stop.command}", words.tr(f"states.stop_{stop.kind.value}")))


def printer_chip(state: str, words: Words) -> Chip:
    key = state if state in _PRINTER else "unknown"
    return Chip(_PRINTER.get(key, "idle"), words.tr(f"states.printer_{key}"))


def parcel_chip(order: Order, parcel: Parcel, words: Words) -> Chip:
    """Where a parcel stands; a stop over it speaks first."""
    for stop in sorted(order.stops_over(parcel), key=lambda s: s.kind is not StopKind.freeze):
        return stop_chip(stop, words)
    return order_chip(parcel.state, words)


def channel_name(channel: str, words: Words) -> str:
    return words.maybe(f"states.channel_{channel}", words.tr("states.channel_other"))


def carrier_name(carrier: str, words: Words) -> str:
    if not carrier:
        return words.tr("states.carrier_none")
    return words.maybe(f"states.carrier_{carrier}", words.tr("states.carrier_other"))


def courier_source(name: str, words: Words) -> str:
    """Who told a courier's news: an aggregator by its own name, else the courier."""
    return words.maybe(f"states.connector_{name}", carrier_name(name, words))


def hold_reason(reason: str, words: Words) -> str:
    """Why something was stopped: ours by name, anything else is a person's own words."""
    return words.texts.reason(reason, words.lang)


def shop_line(order: Order, words: Words) -> str:
    return f"{channel_name(order.channel, words)} · {order.shop_id}"


@dataclass(frozen=True, slots=True)
class Number:
    """An order or parcel number in the parts people use: they say ``tail`` and check ``head``."""

    full: str
    head: str
    tail: str
    parcel: str


def number(text: str) -> Number:
    """OD2026112100102 is head OD20261121, tail 001, parcel 02; other texts are all tail."""
    match = _NUMBER.fullmatch(text)
    if match is None:
        return Number(text, "", text, "")
    return Number(text, match[1], match[2], match[3] or "")


def short(text: str) -> str:
    """The number as it is spoken: "001", or "001-02" for the second box."""
    parts = number(text)
    return f"{parts.tail}-{parts.parcel}" if parts.parcel and parts.parcel != "01" else parts.tail
