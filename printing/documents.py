"""What stands on a paper, in words, before anybody thinks of dots or bytes. Pure.

A document holds finished texts in one language; what the order does not say is empty and takes no room.
The consignee is drawn as the order body holds it: masked in a feed, full only behind the label door.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from datetime import datetime, tzinfo

from app.core.order import Item, Order, OrderLine, Parcel
from app.core.qr import slip_code
from app.core.texts import Lang, Texts
from app.core.values import dataclass

# The pictures among the symbols that our font can draw; it has no other emoji.
_DRAWN = frozenset(
    "☀☁☂☃★☆☉☎☏☖☗☜☝☞☟☯♀♁♂♠♡♢♣♤♥♦♧♨♩♪♫♬♭♮♯♲♳♴♵♶♷♸♹♺♻♼♽⚠⚽⚾✂✓✚✽✿❀❖"
    "❶❷❸❹❺❻❼❽❾❿➀➁➂➃➄➅➆➇➈➉➊➋➌➍➎➏➐➑➒➓➡⌘⏎⬅⬆⬇⬚⮕⌅⌆⌇⌒〈〉⎰⎱⎾⎿⏀⏁⏂⏃⏄⏅⏆⏇⏈⏉⏊⏋⏌⏚⏛"
)
_PICTURE = "\x00"
# Anything beyond plain Latin, Chinese and its punctuation is looked at character by character.
_ODD = re.compile(
    "[^\x20-\x7e\u00a1-\u00ac\u00ae-\u024f\u2010-\u2027\u2030-\u205e\u20a0-\u20c0\u2100-\u22ff"
    "\u2460-\u25ff\u2e80-\ud7a3\uff01-\uffee]"
)
_OWN_NO = re.compile(r"[A-Za-z]{2,4}\d{8}([A-Za-z]?\d{3,6})")


@dataclass(frozen=True, slots=True, kw_only=True)
class SlipLine:
    """One article to pick. ``qty`` is what this parcel needs now (cancelled and refunded units are gone)."""

    bin: str = ""
    sku_code: str = ""
    title: str = ""
    spec: str = ""
    qty: int = 1
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """A boxed remark: ``label`` names whose it is, ``text`` is plain text with its own line breaks."""

    label: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PickSlip:
    """One pick slip. ``tail`` is what people call out ("001"), ``qr`` the payload of its code or empty."""

    lang: Lang = "zh"
    tail: str = ""
    order_no: str = ""
    parcel_mark: str = ""
    qr: str = ""
    rush: str = ""
    copy: str = ""
    copy_reason: str = ""
    deadline: str = ""
    shop: str = ""
    marks: tuple[str, ...] = ()
    notes: tuple[Note, ...] = ()
    lines: tuple[SlipLine, ...] = ()
    totals: str = ""
    consignee: str = ""
    region: str = ""
    carrier: str = ""
    fine_print: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """One shipping label. The consignee is whole only in an order body that came through the label door."""

    carrier: str = ""
    routing_code: str = ""
    waybill_no: str = ""
    to: str = ""
    name: str = ""
    phone: str = ""
    region: str = ""
    address: str = ""
    note: Note | None = None
    contents: str = ""
    tail: str = ""
    parcel_mark: str = ""
    copy: str = ""
    rush: str = ""
    qr: str = ""
    fine_print: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class HandoverRow:
    place: str
    waybill_no: str
    parcel_no: str
    carrier: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HandoverList:
    """What the courier signs for."""

    title: str
    count: str
    signs: str
    printed: str
    head: HandoverRow
    rows: tuple[HandoverRow, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """The texts, the language, and the zone in which people read clocks."""

    texts: Texts
    lang: Lang
    zone: tzinfo

    def say(self, key: str, **params: object) -> str:
        return self.texts.text(f"paper.{key}", self.lang, **params)

    def name_of(self, kind: str, code: str) -> str:
        """The name of a channel or carrier, or its code where we have no name."""
        key = f"paper.{kind}_{code}"
        return self.texts.text(key, self.lang) if self.texts.has(key) else code

    def lines(self, text: str) -> list[str]:
        """Somebody's text as plain lines."""
        return plain_lines(text, self.say("picture"))

    def plain(self, text: str) -> str:
        """Somebody's text as one plain line."""
        return " ".join(self.lines(text))

    def joined(self, by: str, *texts: str) -> str:
        """Those texts that say something, plain, in one line."""
        return by.join(text for text in map(self.plain, texts) if text)

    def moment(self, key: str, at: datetime | None) -> str:
        """``at`` in local time, or nothing."""
        if at is None:
            return ""
        local = at.astimezone(self.zone)
        return self.say(key, month=f"{local.month:02d}", day=f"{local.day:02d}", clock=f"{local:%H:%M}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Printing:
    """What this one print adds to the order: which copy and why, when, by whom, for which shop's name."""

    copy: int = 1
    reason: str = ""
    at: datetime | None = None
    by: str = ""
    shop_name: str = ""


def slip_of(
    order: Order,
    parcel_no: str,
    items: Mapping[str, Item],
    words: Words,
    printing: Printing,
    others: Sequence[Order] = (),
) -> PickSlip:
    """The pick slip of one parcel.

    ``items`` by sku_code bring bins (and titles the order lacks); ``others`` are the further orders of a
    merged parcel. An order without that parcel gives a slip of all its lines without a code.
    """
    parcel, to = order.parcel(parcel_no), order.consignee
    wanted = (w for w in _wanted(order, parcel, others, words) if w.qty > 0)
    lines = tuple(sorted((_slip_line(w, items, words) for w in wanted), key=_walking_order))
    return PickSlip(
        lang=words.lang,
        tail=short_tail(order.order_no),
        order_no=order.order_no,
        parcel_mark=_parcel_mark(order, parcel, words),
        qr=slip_code(parcel.parcel_no, parcel.slip_version) if parcel and _codable(parcel.parcel_no) else "",
        rush=words.say("rush") if order.is_rush else "",
        copy=words.say("copy", copy=printing.copy) if printing.copy > 1 else "",
        copy_reason=words.plain(printing.reason) if printing.copy > 1 else "",
        deadline=words.moment("ship_by", order.ship_by_at),
        shop=words.joined(
            " · ", words.name_of("channel", order.channel), printing.shop_name or order.shop_id
        ),
        marks=_marks(order, words),
        notes=_notes(order, words),
        lines=lines,
        totals=words.say("totals", kinds=len(lines), n=sum(line.qty for line in lines)) if lines else "",
        consignee=words.joined("  ", to.name, to.phone),
        region=words.joined(" ", to.province, to.city, to.district, to.address),
        carrier=words.name_of("carrier", parcel.carrier) if parcel else "",
        fine_print=_fine_print(order, parcel, words, printing),
    )


def label_of(order: Order, parcel_no: str, words: Words, printing: Printing) -> Label:
    """The label of one parcel, from what the order body holds: masked stays masked."""
    parcel, to = order.parcel(parcel_no) or Parcel(parcel_no=""), order.consignee
    remark = "\n".join(words.lines(order.buyer_remark))
    return Label(
        carrier=words.name_of("carrier", parcel.carrier),
        routing_code=words.plain(parcel.routing_code),
        waybill_no=words.plain(parcel.waybill_no),
        to=words.say("label_to"),
        name=words.plain(to.name),
        phone=words.plain(to.phone),
        region=words.joined(" ", to.province, to.city, to.district),
        address=words.plain(to.address),
        note=Note(label=words.say("buyer_remark"), text=remark) if remark else None,
        contents=words.say("label_contents", n=parcel.qty) if parcel.qty else "",
        tail=short_tail(order.order_no),
        parcel_mark=_parcel_mark(order, order.parcel(parcel_no), words),
        copy=words.say("copy", copy=printing.copy) if printing.copy > 1 else "",
        rush=words.say("rush") if order.is_rush else "",
        qr=slip_code(parcel.parcel_no, parcel.slip_version) if _codable(parcel.parcel_no) else "",
        fine_print=_fine_print(order, order.parcel(parcel_no), words, printing),
    )


def handover_of(orders: Sequence[Order], words: Words, printing: Printing) -> HandoverList:
    """The list of every parcel of these orders, in their order."""
    parcels = [parcel for order in orders for parcel in order.parcels]
    return HandoverList(
        title=words.say("handover_title"),
        count=words.say("handover_count", n=len(parcels)),
        signs=words.say("handover_signs"),
        printed=words.joined("  ", words.moment("printed_at", printing.at), printing.by),
        head=HandoverRow(
            place="#",
            waybill_no=words.say("handover_waybill"),
            parcel_no=words.say("handover_parcel"),
            carrier=words.say("handover_carrier"),
        ),
        rows=tuple(
            HandoverRow(
                place=str(place),
                waybill_no=words.plain(parcel.waybill_no),
                parcel_no=parcel.parcel_no,
                carrier=words.name_of("carrier", parcel.carrier),
            )
            for place, parcel in enumerate(parcels, start=1)
        ),
    )


def short_tail(order_no: str) -> str:
    """The day counter of an own number ("001", "A001"); of a foreign number its last four characters."""
    match = _OWN_NO.fullmatch(order_no)
    return match.group(1).upper() if match else order_no[-4:]


def plain_lines(text: str, picture: str) -> list[str]:
    """Plain text in the writer's own lines: no control, zero-width or direction-changing characters, no
    markup meant, runs of emoji (which no font of ours draws) as ``picture``. Empty lines are dropped."""
    kept = unicodedata.normalize("NFC", text)
    if _ODD.search(kept):
        kept = re.sub(f"{_PICTURE}+", picture, "".join(map(_tame, kept)))
    return [line for raw in kept.split("\n") if (line := " ".join(raw.split()))]


def _tame(char: str) -> str:
    if char in "\r\n\u2028\u2029\v\f":
        return "\n"
    if char == "\t":
        return " "
    if is_picture(char):
        return _PICTURE
    # Cf: zero-width joiners, byte-order marks, bidi overrides; fe0e, fe0f, 20e3: how an emoji would look
    dropped = unicodedata.category(char) in {"Cc", "Cf", "Cs"} or char in "\ufe0e\ufe0f\u20e3"
    return "" if dropped else char


def is_picture(char: str) -> bool:
    """Whether this is an emoji or the like that our font lacks."""
    code = ord(char)
    if 0x1F1E6 <= code < 0x1F200 or 0x1F300 <= code < 0x1FB00:
        return True
    symbols = 0x2300 <= code < 0x2400 or 0x2600 <= code < 0x27C0 or 0x2B00 <= code < 0x2C00
    return symbols and unicodedata.category(char) == "So" and char not in _DRAWN


def natural(text: str) -> tuple[tuple[int, int, str], ...]:
    """A sort key in which A-2 comes before A-10."""
    return tuple(
        (0, int(part), "") if part.isdecimal() else (1, 0, part.casefold())
        for part in re.split(r"([0-9]+)", text)
        if part
    )


@dataclass(frozen=True, slots=True)
class _Wanted:
    """How many of which order line lie in the parcel; ``line`` is None when its order is not at hand."""

    line: OrderLine | None
    qty: int
    note: str = ""


def _wanted(order: Order, parcel: Parcel | None, others: Sequence[Order], words: Words) -> list[_Wanted]:
    if parcel is None:
        return [_Wanted(line, line.qty_left) for line in order.lines if line.qty_left]
    by_no = {other.order_no: other for other in (*others, order)}
    found = []
    for pl in parcel.lines:
        if not pl.qty:  # it no longer goes
            continue
        home = by_no.get(pl.order_no)
        note = "" if pl.order_no == order.order_no else words.say("other_order", order_no=pl.order_no)
        found.append(_Wanted(home.line(pl.line_no) if home else None, pl.qty, note))
    return found


def _slip_line(wanted: _Wanted, items: Mapping[str, Item], words: Words) -> SlipLine:
    line = wanted.line or OrderLine(line_no=0, sku_code="")
    item = items.get(line.sku_code) or Item(sku_code=line.sku_code)
    return SlipLine(
        bin=words.plain(item.bin),
        sku_code=words.plain(line.sku_code),
        title=words.plain(line.title or item.title),
        spec=words.plain(line.spec or item.spec),
        qty=wanted.qty,
        note=wanted.note,
    )


def _walking_order(line: SlipLine) -> tuple[object, ...]:
    """Bins as one walks past them; what has no bin comes last."""
    return (not line.bin, natural(line.bin), natural(line.sku_code))


def _parcel_mark(order: Order, parcel: Parcel | None, words: Words) -> str:
    if parcel is None or len(order.parcels) < 2:
        return ""
    place = [p.parcel_no for p in order.parcels].index(parcel.parcel_no)
    return words.say("tail_of", n=place + 1, of=len(order.parcels))


def _codable(parcel_no: str) -> bool:
    return bool(parcel_no) and parcel_no.isascii() and parcel_no.isalnum()


def _marks(order: Order, words: Words) -> tuple[str, ...]:
    told = map(words.plain, (order.delivery_method, *order.tags))
    return (*([words.say("cross_border")] if order.is_cross_border else []), *(text for text in told if text))


def _notes(order: Order, words: Words) -> tuple[Note, ...]:
    told = (("buyer_remark", order.buyer_remark), ("seller_remark", order.seller_remark))
    return tuple(
        Note(label=words.say(key), text=text) for key, raw in told if (text := "\n".join(words.lines(raw)))
    )


def _fine_print(order: Order, parcel: Parcel | None, words: Words, printing: Printing) -> tuple[str, ...]:
    number = words.plain(order.channel_order_no)
    made = words.joined(
        "  ",
        parcel.parcel_no if parcel else "",
        words.say("version", n=parcel.slip_version) if parcel and parcel.slip_version > 1 else "",
        words.moment("printed_at", printing.at),
        words.say("printed_by", who=printing.by) if printing.by else "",
    )
    return tuple(text for text in (words.say("channel_order_no", no=number) if number else "", made) if text)
