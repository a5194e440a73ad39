"""Douyin's JSON to our values and back. Pure: no network, no clock of its own.

``to_order(payload, shop) -> ChannelOrder`` and ``told(payload, shop) -> Told`` for one order of ``order.searchList``
or ``order.orderDetail``; ``read_push(raw, headers, shop, now) -> Push``; ``signed(...)`` and ``param_json`` for
requests; ``trouble(answer) -> ShopTrouble | None`` for what comes back.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from app.core.channel import ChannelLine, ChannelOrder
from app.core.order import Consignee, RefundState
from hub.config import Shop
from hub.connectors.channels.douyin import settings as say
from hub.connectors.payload import QUICK_READER, Payload, as_json
from hub.connectors.shapes import (
    BadPayload,
    BadSignature,
    Cause,
    Hint,
    HintKind,
    Later,
    NoPermission,
    NotTaken,
    Push,
    ShopTrouble,
    TokenExpired,
    Told,
)

# ------------------------------------------------------------------------------------------------- requests


def param_json(params: Mapping[str, Any]) -> str:
    """The business parameters as they are signed and sent: compact, keys sorted at every level, nothing escaped,
    whole floats as integers."""
    return json.dumps(_whole(params), ensure_ascii=False, separators=(",", ":"), sort_keys=True)


def signature(app_key: str, app_secret: str, method: str, params: str, timestamp: str) -> str:
    """Lower-case hex HMAC-SHA256 of one request; the access token is no part of it."""
    text = f"app_key{app_key}method{method}param_json{params}timestamp{timestamp}v2"
    return hmac.new(
        app_secret.encode(), f"{app_secret}{text}{app_secret}".encode(), hashlib.sha256
    ).hexdigest()


def query(shop: Shop, method: str, params: str, now: datetime, access_token: str) -> dict[str, str]:
    """What stands behind the question mark; ``params`` travels as the body, as signed. No token: none is sent."""
    timestamp = now.astimezone(say.ZONE).strftime("%Y-%m-%d %H:%M:%S")
    sign = signature(shop.app_key, shop.app_secret, method, params, timestamp)
    asked = {"app_key": shop.app_key, "method": method, "timestamp": timestamp, "v": "2"}
    asked |= {"sign": sign, "sign_method": "hmac-sha256"}
    return asked | {"access_token": access_token} if access_token else asked


def _whole(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _whole(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_whole(inner) for inner in value]
    if isinstance(value, float | Decimal) and value == int(value):
        return int(value)
    return value


# -------------------------------------------------------------------------------------------------- answers


def trouble(answer: Payload) -> ShopTrouble | None:
    """What an answer complains of, in either spelling; None for a good one. Some answers carry both spellings."""
    code = answer.whole("code", 10000)
    if code in (0, 10000):
        number = answer.whole("err_no", 0)
        return _trouble(number, "", answer.text("message", "")) if number else None
    sub_code = answer.text("sub_code", "").replace(" ", "")
    return _trouble(code, sub_code, answer.text("sub_msg", "") or answer.text("msg", ""))


def _trouble(code: int, sub_code: str, text: str) -> ShopTrouble:
    word = " ".join(part for part in (str(code), sub_code, text[:200]) if part)
    kind = next((kind for start, kind in say.SUB_CODES.items() if sub_code.startswith(start)), None)
    if kind is None and not sub_code and "access_token" in text:
        kind = TokenExpired  # the older spelling has no sub_code
    kind = kind or say.CODES.get(code, Later)
    if kind is NotTaken and any(busy in text for busy in say.BUSY_WORDS):
        kind = Later
    if kind is Later:
        return Later(word, say.WAIT.get(code, say.WAIT_ELSE))
    return NoPermission(word, say.RIGHTS.get(code, Cause.right_call)) if kind is NoPermission else kind(word)


# --------------------------------------------------------------------------------------------------- orders


def told(payload: Payload, shop: Shop, raw: bytes | None = None) -> Told:
    """One order with what is unknown about it; ``raw`` is the answer it came in. Raises :class:`BadPayload`."""
    order = to_order(payload, shop)
    return Told(
        order=order,
        modified_at=order.modified_at,
        raw=raw if raw is not None else as_json(payload.value).encode(),
        unknown=tuple(sorted(set(_unknown(payload)))),
    )


def to_order(payload: Payload, shop: Shop) -> ChannelOrder:
    """One order. Names, phones and addresses in it are the platform's masks: its cipher texts stay in the raw answer.

    Raises :class:`BadPayload` where the order's number, lines, quantities or money cannot be read.
    """
    state = _state(payload)
    lines = tuple(payload.items("sku_order_list"))
    if not lines:
        raise BadPayload("sku_order_list")
    carrier, waybill_no = next(_waybills(payload), ("", ""))
    return ChannelOrder(
        channel="douyin",
        shop_id=shop.id,
        channel_order_no=_order_no(payload, "order_id"),
        channel_state=_state_word(payload, state),
        modified_at=payload.unix("update_time"),
        refund_state=_refund_state(lines, state),
        is_risk=state in say.RISK,
        is_paid=state in say.PAID,
        is_shipped=state in say.SHIPPED,
        is_cancelled=state in say.CANCELLED,
        ordered_at=payload.unix("create_time"),
        paid_at=payload.unix("pay_time"),
        ship_by_at=payload.unix("exp_ship_time"),
        promised_at=payload.unix("latest_receipt_time"),
        paid_fen=_fen(payload, "pay_amount"),
        coupon_fen=_fen(payload, "promotion_amount"),
        freight_fen=_fen(payload, "post_amount"),
        lines=tuple(_line(line) for line in lines),
        buyer_nick=payload.text("user_nick_name", ""),
        consignee=_consignee(payload),
        buyer_remark=payload.text("buyer_words", ""),
        seller_remark=payload.text("seller_words", ""),
        carrier=carrier,
        waybill_no=waybill_no,
        tags=(say.STATES[101],) if state == 101 else (),
        extra=_extra(payload, lines),
    )


def order_no_of(payload: Payload) -> str:
    """The number alone of an order that cannot be read as a whole. Raises :class:`BadPayload`."""
    return _order_no(payload, "order_id")


def has_waybill(payload: Payload, waybill_no: str) -> bool:
    """Whether the platform already knows this waybill for the order."""
    return any(known == waybill_no for _, known in _waybills(payload))


def _state(payload: Payload) -> int | None:
    """The number that decides: a refund or cancel in ``main_status`` first, then ``order_status``; None: unknown."""
    main, order = payload.whole("main_status", -1), payload.whole("order_status", -1)
    if main in say.REFUNDED | say.CANCELLED or order not in say.STATES:
        return main if main in say.STATES else None
    return order


def _state_word(payload: Payload, state: int | None) -> str:
    if state is not None:
        return say.STATES[state]
    return payload.text("order_status_desc", "") or payload.text("order_status", "")


def _unknown(payload: Payload) -> Iterator[str]:
    for name in ("order_status", "main_status"):
        if (number := payload.whole(name, 1)) not in say.STATES:
            yield f"{name}={number}"
    known = say.AFTER_SALE_OPEN | say.AFTER_SALE_DONE | say.AFTER_SALE_NONE
    for line in payload.items("sku_order_list"):
        if (number := line.whole("after_sale_info.after_sale_status", 0)) not in known:
            yield f"after_sale_status={number}"


def _refund_state(lines: tuple[Payload, ...], state: int | None) -> RefundState | None:
    """Of the whole order, from its lines; None where no line says anything."""
    if state in say.REFUNDED:
        return RefundState.done
    told = [_line_refund(line) for line in lines]
    if RefundState.asked in told:
        return RefundState.asked
    done = told.count(RefundState.done)
    if done:
        return RefundState.done if done == len(lines) else RefundState.part
    is_sure = all(
        state is RefundState.none or line.get("after_sale_info") is None
        for state, line in zip(told, lines, strict=True)
    )
    return RefundState.none if is_sure and RefundState.none in told else None


def _line_refund(line: Payload) -> RefundState | None:
    """Of one line; None where nothing is said of it, or with a number that no table knows."""
    info = line.get("after_sale_info")
    if info is None:
        return None
    status = info.whole("after_sale_status", 0)
    if info.whole("after_sale_type", 0) in say.NO_MONEY_TYPES:
        return RefundState.none
    if status in say.AFTER_SALE_OPEN:
        return RefundState.asked
    if status in say.AFTER_SALE_DONE:
        return RefundState.done
    return RefundState.none if status in say.AFTER_SALE_NONE else None


def _line(line: Payload) -> ChannelLine:
    qty = line.whole("item_num")
    if not 0 < qty < 1_000_000:
        raise BadPayload(f"{line.at}.item_num")
    sku_code = line.text("code", "") or line.text("out_sku_id", "") or line.text("sku_id")
    values = [spec.text("value", "") for spec in line.items("spec")]
    return ChannelLine(
        sku_code=sku_code,
        title=line.text("product_name", ""),
        spec=" / ".join(value for value in values if value),
        qty=qty,
        price_fen=_fen(line, "origin_amount"),
        refund_state=_line_refund(line),
    )


def _consignee(payload: Payload) -> Consignee:
    """Masks where they are told, plain texts where an old test shop still tells them, never a cipher."""
    places = [_place(payload, name) for name in ("province", "city", "town")]
    street = _place(payload, "street")
    detail = _shown(payload, "mask_post_addr.detail", "post_addr.encrypt_detail", "post_addr.detail")
    return Consignee(
        name=_shown(payload, "mask_post_receiver", "encrypt_post_receiver", "post_receiver"),
        phone=_shown(payload, "mask_post_tel", "encrypt_post_tel", "post_tel"),
        province=places[0],
        city=places[1],
        district=places[2],
        address=f"{street}{detail}",
    )


def _place(payload: Payload, name: str) -> str:
    return payload.text(f"post_addr.{name}.name", "") or payload.text(f"mask_post_addr.{name}.name", "")


def _shown(payload: Payload, mask: str, sealed: str, plain: str) -> str:
    said = payload.text(mask, "") or payload.text(sealed, "") or payload.text(plain, "")
    return "" if said.startswith(("#", "$", "~")) or len(said) > 200 else said


def _waybills(payload: Payload) -> Iterator[tuple[str, str]]:
    for parcel in payload.items("logistics_info"):
        company = parcel.text("company", "")
        yield say.CARRIER_OF.get(company, company), parcel.text("tracking_no", "")


def _extra(payload: Payload, lines: tuple[Payload, ...]) -> dict[str, Any]:
    """What only Douyin has (MAP-03), under our own names; ids are texts. What is not told is left out."""
    extra: dict[str, Any] = {
        "open_address_id": payload.text("open_address_id", ""),
        "doudian_open_id": payload.text("doudian_open_id", ""),
        "seller_flag": payload.whole("seller_remark_stars", 0),
        "cancel_reason": payload.text("cancel_reason", ""),
        **_influencer(next((line for line in lines if _id(line, "author_id")), lines[0])),
        "sub_orders": [_sub_order(line) for line in lines],
    }
    return {name: value for name, value in extra.items() if value}


def _influencer(line: Payload) -> dict[str, Any]:
    return {
        "influencer_id": _id(line, "author_id"),
        "influencer_name": line.text("author_name", ""),
        "commission_rate": line.text("commission_rate", ""),
        "commission_fen": line.whole("estimated_commission", 0),
        "influencer_cost_fen": line.whole("author_cost_amount", 0),
        "live_room_id": line.text("room_id_str", "") or _id(line, "room_id"),
    }


def _sub_order(line: Payload) -> dict[str, str]:
    told = {
        "sub_order_no": _id(line, "order_id"),
        "product_id": line.text("product_id_str", "") or _id(line, "product_id"),
        "sku_id": _id(line, "sku_id"),
        "influencer_id": _id(line, "author_id"),
    }
    return {name: value for name, value in told.items() if value}


def _id(payload: Payload, path: str) -> str:
    said = payload.text(path, "")
    return "" if said == "0" else said


def _fen(payload: Payload, path: str) -> int:
    fen = payload.whole(path, 0)
    if fen < 0:
        raise BadPayload(f"{payload.at}.{path}".lstrip("."))
    return fen


#: Message ids as they are; no digits but those of a number, no number but one that any database takes.
_PLAIN_ID = re.compile(r"[0-9A-Za-z:_-]{1,128}")
_MOST = 2**63 - 1
#: Unix seconds of the next centuries; larger ones are milliseconds, or nonsense.
_LAST_SECOND = 10_000_000_000
_ORDER_NO = re.compile(r"[0-9A-Za-z_-]{1,64}")


def _order_no(payload: Payload, path: str) -> str:
    said = payload.text(path)
    if not _ORDER_NO.fullmatch(said) or said == "0":
        raise BadPayload(f"{payload.at}.{path}".lstrip("."))
    return said


# --------------------------------------------------------------------------------------------------- pushes


def push_signature(app_key: str, app_secret: str, raw: bytes) -> str:
    """``event-sign`` of a push: MD5 over key, body as it came, secret."""
    text = app_key.encode() + raw + app_secret.encode()
    return hashlib.md5(text, usedforsecurity=False).hexdigest()


def read_push(raw: bytes, headers: Mapping[str, str], shop: Shop, now: datetime) -> Push:
    """The hints of a signed list of events, each read by itself. ``now`` is not needed: these pushes carry no time
    of sending; a push that comes again is known by its event ids.

    Raises :class:`BadSignature`, before anything is parsed, and nothing else.
    """
    said = headers.get("event-sign") or next((v for k, v in headers.items() if k.lower() == "event-sign"), "")
    expected = push_signature(shop.app_key, shop.app_secret, raw)
    given = said.strip().lower().encode("utf-8", "replace")
    if not (shop.app_key and shop.app_secret and hmac.compare_digest(expected.encode(), given)):
        raise BadSignature("event-sign")
    try:
        body = Payload.read(raw).value
    except BadPayload:
        return Push(hints=(), answer=say.ANSWER, damaged=(raw.decode("utf-8", "backslashreplace"),))
    hints: list[Hint] = []
    damaged: list[str] = []
    for n, event in enumerate(body if isinstance(body, list) else [body]):
        if (hint := _plain(event)) is not None:
            hints.append(hint)
            continue
        try:
            hints += _hints(Payload(event, f"[{n}]"))
        except BadPayload:
            damaged.append(as_json(event))
    return Push(hints=tuple(hints), answer=say.ANSWER, damaged=tuple(damaged))


def _plain(event: Any) -> Hint | None:
    """The same as :func:`_hints` of an event that is just as Douyin writes them, in a fifth of the time; None for
    all others: those are read piece by piece."""
    if type(event) is not dict:
        return None
    tag, message_id, text = event.get("tag"), event.get("msg_id"), event.get("data")
    if type(tag) is not str or type(message_id) is not str or type(text) is not str:
        return None
    kind = say.PLAIN_TAGS.get(tag)
    if kind is None or not _PLAIN_ID.fullmatch(message_id):
        return None
    try:
        data = QUICK_READER.decode(text)
    except (ValueError, RecursionError, ArithmeticError):
        return None
    if type(data) is not dict:
        return None
    number, seller, at = data.get("p_id"), data.get("shop_id"), None
    if (
        type(number) is not int
        or type(seller) is not int
        or not (0 < number <= _MOST and 0 < seller <= _MOST)
    ):
        return None
    for name in say.EVENT_TIMES:
        if (moment := data.get(name)) is not None:
            if type(moment) is not int or not 0 < moment <= _LAST_SECOND:
                return None
            at = datetime.fromtimestamp(moment, UTC)
            break
    order_no = str(number)
    return Hint(
        event_id=f"{message_id}/{tag}/{order_no}",
        channel_order_no=order_no,
        kind=kind,
        at=at,
        word=tag,
        seller=str(seller),
    )


def _hints(event: Payload) -> list[Hint]:
    """None for the address check and for goods, one for an order; everything else is damaged."""
    tag = event.text("tag")
    data = event.get("data") or Payload({})
    if isinstance(data.value, str):
        # the address check may bring any text
        data = (
            Payload({})
            if tag == say.CHECK_TAG and not data.value.startswith("{")
            else Payload.read(data.value)
        )
    has_order = data.has("p_id")
    if not has_order and (tag == say.CHECK_TAG or tag in say.TAGS_OF_GOODS):
        return []
    order_no = _order_no(data, "p_id")
    at = _event_time(data)
    event_id = f"{_message_id(event)}/{tag}/{order_no}"
    kind = _kind(tag, data)
    return [
        Hint(
            event_id=event_id,
            channel_order_no=order_no,
            kind=kind,
            at=at,
            word=tag,
            is_known=tag in say.TAGS,
            seller=_seller(data),
        )
    ]


def _kind(tag: str, data: Payload) -> HintKind:
    kind = say.TAGS.get(tag, HintKind.changed)
    if tag == say.PAID_OR_PENDING_TAG and _number(data, "order_status") == 2 and data.has("pay_time"):
        return HintKind.changed
    if tag == say.REFUND_DONE_TAG and _number(data, "aftersale_type") == say.BEFORE_SHIPPING:
        return HintKind.refund_asked
    return kind


def _message_id(event: Payload) -> str:
    """Theirs; where it is missing or not to be believed, a digest of the event: the same again is the same."""
    for name in ("msg_id", "msgId"):
        try:
            said = event.text(name, "")
        except BadPayload:
            said = ""
        if 0 < len(said) <= 128 and said.isascii() and said.isprintable():
            return said
    return hashlib.sha256(as_json(event.value).encode()).hexdigest()


def _event_time(data: Payload) -> datetime | None:
    """A time that cannot be read says nothing; it is no reason to lose a cancel."""
    for name in say.EVENT_TIMES:
        if name not in data.value:
            continue
        try:
            if at := data.unix(name):
                return at
        except BadPayload:
            continue
    return None


def _seller(data: Payload) -> str:
    try:
        return _id(data, "shop_id")
    except BadPayload:
        return ""


def _number(data: Payload, path: str) -> int | None:
    try:
        return data.whole(path, -1)
    except BadPayload:
        return None
