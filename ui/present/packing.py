"""The packing desk as values: the open parcel, what to do now, the last scan, the queue."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field, replace
from datetime import datetime

from app.core import freeze, lines
from app.core.order import GONE_STATES, Item, Order, OrderLine, OrderState, Parcel, ParcelLine, StopKind
from app.core.reasons import Reason, Refused
from app.core.values import dataclass
from app.station.outcome import Light, Outcome
from app.store.views import QueueRow
from ui.present import states
from ui.present.states import Chip, Number, State
from ui.present.words import Words

S = OrderState

#: Goods titles on buttons and prompts are cut here: the full title stands on the line itself.
TITLE_LIMIT = 22


@dataclass(frozen=True, slots=True)
class Keys:
    """The keys of the bench, shown on buttons and in sentences and obeyed by them."""

    print_next: str = "F2"
    aside: str = "F3"
    close: str = "F4"
    handover: str = "F5"
    undo: str = "F6"
    abnormal: str = "F7"
    ack: str = "F9"
    bind: str = "F12"
    back: str = "Esc"


KEYS = Keys()


@dataclass(frozen=True, slots=True)
class Bench:
    """Who looks: this station, the names of the others, and what is known of the goods."""

    station_id: str = ""
    names: Mapping[str, str] = field(default_factory=dict)
    items: Mapping[str, Item] = field(default_factory=dict)

    def name_of(self, station_id: str | None, words: Words) -> str:
        return self.names.get(station_id or "", "") or words.tr("packing.another_bench")


@dataclass(frozen=True, slots=True)
class Prompt:
    """What to do now, in one sentence, and one line that helps."""

    state: State
    icon: str
    text: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Remark:
    title: str
    text: str


@dataclass(frozen=True, slots=True)
class LineView:
    """One kind of goods in the box; ``is_next`` marks the one the prompt speaks of. ``is_out``: ``of`` units of it
    have to come out again."""

    line_no: int
    title: str
    spec: str
    sku_code: str
    bin: str
    picture: str
    done: int
    of: int
    is_next: bool = False
    is_out: bool = False

    @property
    def is_done(self) -> bool:
        return self.done >= self.of


@dataclass(frozen=True, slots=True)
class PackView:
    """The open parcel. ``lines`` are still to be packed, ``done_lines`` fold down."""

    parcel_no: str
    order_no: str
    number: Number
    shop: str
    carrier: str
    waybill_no: str
    chips: tuple[Chip, ...]
    deadline: datetime | None
    remarks: tuple[Remark, ...]
    prompt: Prompt
    lines: tuple[LineView, ...]
    done_lines: tuple[LineView, ...]
    done: int
    of: int
    is_stopped: bool
    can_close: bool
    can_undo: bool
    can_print: bool
    waiting: str = ""


def pack_view(order: Order, parcel_no: str, bench: Bench, words: Words, *, waiting: bool = False) -> PackView:
    """The open parcel as the packer sees it. ``waiting``: something of it is not at the hub yet.

    Raises LookupError for a parcel the order does not have.
    """
    parcel = order.parcel(parcel_no)
    if parcel is None:
        raise LookupError(parcel_no)
    blocked = freeze.blocks(order, parcel, bench.station_id or None)
    all_lines = _lines(order, parcel, bench)
    out = tuple(
        replace(_line(order, pl, bench), done=0, of=pl.qty_packed - pl.qty, is_out=True)
        for pl in lines.may_take_out(order, parcel)
    )
    todo = (*out, *(line for line in all_lines if not line.is_done))
    works = blocked is None and parcel.state is not S.packed and not out
    if (works or out) and todo:
        todo = (replace(todo[0], is_next=True), *todo[1:])
    return PackView(
        parcel_no=parcel_no,
        order_no=order.order_no,
        number=states.number(parcel_no),
        shop=states.shop_line(order, words),
        carrier=states.carrier_name(parcel.carrier, words),
        waybill_no=parcel.waybill_no,
        chips=_chips(order, parcel, words),
        deadline=None if parcel.state in GONE_STATES or parcel.state is S.cancelled else deadline(order),
        remarks=(*_off(order, parcel, words), *remarks(order, words)),
        prompt=_prompt(order, parcel, blocked, todo, bench, words),
        lines=todo,
        done_lines=tuple(line for line in all_lines if line.is_done),
        done=parcel.qty_packed,
        of=parcel.qty,
        is_stopped=parcel.is_frozen,
        can_close=works and parcel.is_complete,
        can_undo=bool(out) or (works and parcel.qty_packed > 0),
        can_print=blocked is None,
        waiting=words.tr("packing.waiting_here") if waiting else "",
    )


def deadline(order: Order) -> datetime | None:
    """When the parcel must be out: the platform's limit, else our own promise; the queue is sorted by the same."""
    return order.ship_by_at or order.promised_at


def remarks(order: Order, words: Words) -> tuple[Remark, ...]:
    said = (("packing.buyer_remark", order.buyer_remark), ("packing.seller_remark", order.seller_remark))
    return tuple(Remark(words.tr(key), text.strip()) for key, text in said if text.strip())


def _off(order: Order, parcel: Parcel, words: Words) -> tuple[Remark, ...]:
    """What of this box no longer goes, before every other remark."""
    items = lines.off_lines(order, parcel) if parcel.state not in GONE_STATES else ""
    return (Remark(words.tr("packing.no_longer"), items),) if items else ()


def _lines(order: Order, parcel: Parcel, bench: Bench) -> tuple[LineView, ...]:
    return tuple(_line(order, line, bench) for line in parcel.lines if line.qty > 0)


def _line(order: Order, line: ParcelLine, bench: Bench) -> LineView:
    bought = order.line(line.line_no) if line.order_no == order.order_no else None
    bought = bought or OrderLine(line_no=line.line_no, sku_code="")
    item = bench.items.get(bought.sku_code, Item(sku_code=bought.sku_code))
    return LineView(
        line_no=line.line_no,
        title=bought.title or item.title or bought.sku_code,
        spec=bought.spec or item.spec,
        sku_code=bought.sku_code,
        bin=item.bin,
        picture=item.picture,
        done=line.qty_packed,
        of=line.qty,
    )


def _chips(order: Order, parcel: Parcel, words: Words) -> tuple[Chip, ...]:
    chips = [states.parcel_chip(order, parcel, words)]
    if order.is_rush:
        chips.append(Chip("wait", words.tr("packing.rush")))
    if order.is_cross_border:
        chips.append(Chip("info", words.tr("packing.cross_border")))
    return tuple(chips)


def _prompt(
    order: Order,
    parcel: Parcel,
    blocked: Refused | None,
    todo: Sequence[LineView],
    bench: Bench,
    words: Words,
) -> Prompt:
    tr = words.tr
    if todo and todo[0].is_out:
        detail = tr("packing.do_take_out_detail", key=KEYS.undo)
        return Prompt(
            "wait", "hand", tr("packing.do_take_out", title=cut(todo[0].title), n=todo[0].of), detail
        )
    if blocked is not None:
        return _blocked(order, parcel, blocked, bench, words)
    if parcel.state is S.packed:
        return Prompt("ok", "check", tr("packing.do_next"), tr("packing.do_next_detail"))
    if not todo:
        if not parcel.waybill_no:
            return Prompt("info", "scanner", tr("packing.do_bind"), tr("packing.do_bind_detail"))
        return Prompt("ok", "box", tr("packing.do_close"), tr("packing.do_close_detail", key=KEYS.close))
    line, left = todo[0], parcel.qty - parcel.qty_packed
    if left == 1:
        return Prompt("info", "scanner", tr("packing.do_scan_last"), tr("packing.do_scan_last_detail"))
    detail = tr("packing.do_scan_detail", n=line.of - line.done, all=left)
    return Prompt("info", "scanner", tr("packing.do_scan"), detail)


def _blocked(order: Order, parcel: Parcel, blocked: Refused, bench: Bench, words: Words) -> Prompt:
    tr = words.tr
    match blocked.reason:
        case Reason.frozen:
            over = [s for s in order.stops_over(parcel) if s.kind is StopKind.freeze]
            if lines.waits_for_the_hub(order, parcel):
                return Prompt("wait", "clock", tr("packing.do_wait_hub"), tr("packing.do_wait_hub_detail"))
            if over and all(s.line_nos for s in over):
                items = lines.named(order, sorted({n for s in over for n in s.line_nos}))
                return Prompt(
                    "stop", "hand", tr("packing.do_lines", items=items), tr("packing.do_lines_detail")
                )
            cancelled = parcel.state is S.cancelled or any(s.command == "cancel" for s in over)
            key = "packing.do_cancelled" if cancelled else "packing.do_frozen"
            return Prompt("stop", "hand", tr(key), tr("packing.do_frozen_detail"))
        case Reason.already_handed_over:
            return Prompt("ok", "truck", tr("packing.do_gone"), tr("packing.do_gone_detail"))
        case Reason.not_released:
            return Prompt(
                "wait", "clock", tr("packing.do_not_released"), tr("packing.do_not_released_detail")
            )
        case Reason.refund_asked:
            return Prompt("wait", "hand", tr("packing.do_refund"), tr("packing.do_refund_detail"))
        case Reason.no_lease:
            where = bench.name_of(parcel.holder, words)
            return Prompt(
                "wait", "person", tr("packing.do_elsewhere", station=where), tr("packing.do_elsewhere_detail")
            )
        case _:
            hold = next((s for s in order.stops_over(parcel) if s.kind is StopKind.hold), None)
            why = (hold.note or states.hold_reason(hold.reason, words)) if hold else ""
            return Prompt("wait", "hand", tr("packing.do_hold", why=why), tr("packing.do_hold_detail"))


def cut(title: str) -> str:
    """A title short enough for a sentence."""
    return title if len(title) <= TITLE_LIMIT else title[: TITLE_LIMIT - 1].rstrip() + "…"


# -- the last scan -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ScanView:
    """What the last scan did: colour, one word, one sentence. ``stays`` until the next good scan or a touch."""

    state: State
    head: str
    text: str
    code: str = ""
    stays: bool = False


def scan_view(outcome: Outcome, words: Words) -> ScanView:
    """An outcome of the desk: refusals each with their own colour, sound and sentence, good ones amber until they
    are safe on the disk, then green."""
    params = dict(outcome.params)
    if outcome.parcel_no:
        params.setdefault("number", states.short(outcome.parcel_no))
    code = params.get("code", "")
    params["scanned"] = cut(params.get("scanned", code))
    if "slip" in params:
        params |= _pair_named(params, words)
    if "slips" in params:
        params["slips"] = words.tr("packing.slips_joined").join(map(states.short, params["slips"].split()))
    expected = params.get("expected", "")
    if outcome.reason is not Reason.not_complete:  # there each title has its number behind it
        due = expected.split("、")[: None if outcome.reason is Reason.over_quantity else 1]
        expected = "、".join(cut(title) for title in due)
    params["expected"] = expected or words.tr("packing.nothing_lacks")
    if outcome.is_ok:
        state = _LIGHT[outcome.light]
        head = words.tr(f"station.head_{outcome.done.value}")
        return ScanView(state, head, words.tr(f"station.done_{outcome.done.value}", **params), code)
    look = words.texts.table[f"reasons.{outcome.result}"]
    state = _COLOUR.get(look.get("colour", ""), "wait")
    head = words.maybe(f"packing.head_{outcome.result}", words.tr("packing.head_other"))
    text = words.tr(f"reasons.{outcome.result}", **params)
    if outcome.reason in _LOOKS and "likely" in params:
        likely = words.tr("packing.or").join(cut(title) for title in params["likely"].split("、"))
        text = words.tr(_LOOKS[outcome.reason], n=params["n"], likely=likely, why=text)
    if outcome.reason in _SAYS_LACKS and expected:
        text = words.tr("packing.still_lacks", why=text, expected=expected)
    return ScanView(state, head, text, code, stays=state in ("stop", "wait"))


def _pair_named(params: Mapping[str, str], words: Words) -> dict[str, str]:
    """A slip and the label beside it by the numbers people say."""
    waybill, owner = params.get("waybill", ""), params.get("label_of", "")
    label = (
        words.tr("packing.label_of", number=states.short(owner), waybill=waybill)
        if owner
        else words.tr("packing.label_strange", waybill=waybill)
    )
    return {"slip": states.short(params["slip"]), "label": label}


#: A weight that cannot be right says first which goods it may be.
_LOOKS = {Reason.too_light: "packing.looks_light", Reason.too_heavy: "packing.looks_heavy"}
#: Beside these no stands what the box still lacks.
_SAYS_LACKS = frozenset({Reason.not_complete, Reason.over_quantity, Reason.same_unit, Reason.unknown_code})
_LIGHT: dict[Light, State] = {Light.amber: "wait", Light.green: "ok", Light.red: "stop", Light.blue: "info"}
_COLOUR: dict[str, State] = {"ok": "ok", "wait": "wait", "stop": "stop", "info": "info"}


# -- the queue -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class QueueView:
    """One parcel in the thin column: number and deadline, goods, and what keeps this bench from taking it."""

    parcel_no: str
    order_no: str
    tail: str
    goods: str
    deadline: datetime | None
    is_rush: bool
    chip: Chip | None


def queue_view(row: QueueRow, bench: Bench, words: Words) -> QueueView:
    key = "packing.queue_more" if row.line_count > 1 else "packing.queue_units"
    return QueueView(
        parcel_no=row.parcel_no,
        order_no=row.order_no,
        tail=states.short(row.parcel_no),
        goods=words.tr(key, title=cut(row.title), n=row.qty),
        deadline=row.deadline,
        is_rush=row.is_rush,
        chip=_queue_chip(row, bench, words),
    )


def _queue_chip(row: QueueRow, bench: Bench, words: Words) -> Chip | None:
    if row.is_frozen:
        return Chip("stop", words.tr("states.stop_freeze"))
    if row.is_on_hold:
        return Chip("wait", words.tr("states.stop_hold"))
    if row.holder and row.holder != bench.station_id:
        return Chip("idle", bench.name_of(row.holder, words))
    if row.state in (S.picking, S.packing):
        return states.order_chip(row.state, words)
    return None
