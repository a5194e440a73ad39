"""What Pinduoduo says, and how it wants to be asked. Pure: nothing here knows a network, a clock or a database."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, TypeVar
from urllib.parse import quote

from app.core import masks
from app.core.channel import ChannelLine, ChannelOrder
from app.core.order import Consignee, RefundState
from hub.config import Shop
from hub.connectors.channels.pdd import settings as words
from hub.connectors.payload import Payload, as_json
from hub.connectors.shapes import (
    BadPayload,
    Hint,
    HintKind,
    Later,
    NoPermission,
    NotTaken,
    Seen,
    ShopTrouble,
    SignInAgain,
    TokenExpired,
    Tokens,
    Told,
    WrongSettings,
)

T = TypeVar("T")

# ---------------------------------------------------------------------------------------------- questions


def sign(params: Mapping[str, str], secret: str) -> str:
    """MD5, capitals, of all parameters sorted by name as ``namevalue``, the secret before and after them."""
    joined = "".join(f"{name}{params[name]}" for name in sorted(params) if name != "sign")
    return _md5(secret + joined + secret).upper()


def request(
    method: str, shop: Shop, token: str, now: datetime, business: Mapping[str, str | int]
) -> dict[str, str]:
    """The signed parameters of one call; ``token`` "" for calls that need none."""
    params = {
        "type": method,
        "client_id": shop.app_key,
        "timestamp": str(int(now.timestamp())),
        "data_type": "JSON",
        **({"access_token": token} if token else {}),
        **{name: str(value) for name, value in business.items()},
    }
    return {**params, "sign": sign(params, shop.app_secret)}


def changes_of(since: datetime, until: datetime, page: int, page_size: int) -> dict[str, str | int]:
    """Business parameters of the increment: every state, every kind of order."""
    return {
        "start_updated_at": int(since.timestamp()),
        "end_updated_at": int(until.timestamp()),
        "order_status": 5,
        "refund_status": 5,
        "is_lucky_flag": 0,
        "page": page,
        "page_size": page_size,
    }


def message_path(client_id: str, secret: str, now: datetime) -> str:
    """Where on the message server this app's messages are."""
    millis = str(int(now.timestamp() * 1000))
    return (
        f"/message/{quote(client_id, safe='')}/{millis}/{quote(digest(client_id, millis, secret), safe='')}"
    )


def digest(client_id: str, millis: str, secret: str) -> str:
    """Base64 of the hex text (not of the bytes) of an MD5."""
    return base64.b64encode(_md5(client_id + millis + secret).encode("ascii")).decode("ascii")


def _md5(text: str) -> str:
    return hashlib.md5(text.encode("utf-8"), usedforsecurity=False).hexdigest()


# ------------------------------------------------------------------------------------------------- answers


def answer_of(raw: bytes, key: str) -> Payload:
    """The part of an answer that was asked for. Raises what an ``error_response`` means, else BadPayload."""
    whole = Payload.read(raw)
    if (error := whole.get("error_response")) is not None:
        raise trouble_of(error)
    return whole.need(key)


#: Tokens and ids that an error repeats to us have no place in logs and alarms.
_LONG: Final = re.compile(r"[0-9A-Za-z_+/=-]{14,}")


def trouble_of(error: Payload) -> ShopTrouble:
    """What an error means, told by its number alone: the wording is not stable. Nobody knows the number: Later."""
    code = _perhaps(lambda: error.whole("error_code"), 0)
    said = _perhaps(lambda: error.text("sub_msg", "") or error.text("error_msg", ""), "")
    word = f"{code} {_LONG.sub('…', masks.phones_in(said))[:120]}".strip()
    if code in words.TOKEN_OVER:
        return TokenExpired(word)
    if code in words.SIGN_IN_AGAIN:
        return SignInAgain(word)
    if code in words.WRONG_SETTINGS:
        return WrongSettings(word)
    if code in words.NO_PERMISSION:
        return NoPermission(word, words.NO_PERMISSION[code])
    if code in words.NOT_TAKEN:
        return NotTaken(word)
    return Later(word, words.TOO_OFTEN_AFTER) if code in words.TOO_OFTEN else Later(word)


def tokens_of(raw: bytes) -> Tokens:
    said = answer_of(raw, "pop_auth_token_refresh_response")
    return Tokens(
        access_token=_filled(said, "access_token"),
        refresh_token=said.text("refresh_token", ""),
        expires_at=said.unix("expires_at"),
    )


# -------------------------------------------------------------------------------------------------- orders


@dataclass(frozen=True, slots=True)
class Page:
    """One page of an increment."""

    total: int
    seen: tuple[Seen, ...]


def page_of(raw: bytes, shop: Shop) -> Page:
    """Every element of a page: whole, with its number alone, or as damaged."""
    said = answer_of(raw, "order_sn_increment_get_response")
    seen = []
    for entry in said.items("order_sn_list"):
        try:
            seen.append(_seen(entry, shop))
        except BadPayload:
            seen.append(Seen(channel_order_no="", damaged=as_json(entry.value), path=entry.at))
    return Page(said.whole("total_count"), tuple(seen))


def _seen(info: Payload, shop: Shop) -> Seen:
    order_no = _filled(info, "order_sn")
    try:
        # this element alone; amounts become texts, which are read alike and keep every digit
        told = _told(info, json.dumps(info.value, default=str).encode("ascii"), shop)
    except (BadPayload, RecursionError):
        return Seen(channel_order_no=order_no)  # asked for by itself: what is damaged then is kept
    return Seen(channel_order_no=order_no, modified_at=told.modified_at, told=told)


def told_of(raw: bytes, order_no: str, shop: Shop) -> Told | None:
    """The answer to the question for one order; None where the platform gives none."""
    info = answer_of(raw, "order_info_get_response").get("order_info")
    if info is None or info.value == {}:
        return None
    told = _told(info, raw, shop)
    if told.order.channel_order_no != order_no:
        raise BadPayload(f"{info.at}.order_sn")
    return told


def _told(info: Payload, raw: bytes, shop: Shop) -> Told:
    order = to_order(info, shop)
    return Told(order=order, modified_at=order.modified_at, raw=raw, unknown=unknown_codes(info))


def to_order(info: Payload, shop: Shop) -> ChannelOrder:
    """One ``order_info`` (or element of an increment). Raises :class:`BadPayload` with the path of what is wrong."""
    status = info.whole("order_status")
    confirmed = info.whole("confirm_status", 1 if info.text("confirm_time", "") else 0)
    refund_state = _refund_state(info)
    is_cancelled = (
        confirmed == 2
        or info.whole("group_status", 1) == 2
        or (status == 1 and info.whole("refund_status", 0) == 4)
    )
    return ChannelOrder(
        channel="pdd",
        shop_id=shop.id,
        channel_order_no=_filled(info, "order_sn"),
        channel_state=_state(info, status, confirmed),
        modified_at=info.local("updated_at", words.ZONE),
        refund_state=refund_state,
        is_risk=_must_wait(info),
        is_paid=confirmed == 1 and info.whole("group_status", 1) == 1 and _is_balance_paid(info),
        is_shipped=status in (2, 3),
        is_cancelled=is_cancelled,
        ordered_at=info.local("created_time", words.ZONE),
        paid_at=info.local("pay_time", words.ZONE) or info.local("confirm_time", words.ZONE),
        ship_by_at=info.local("last_ship_time", words.ZONE),
        paid_fen=info.fen_of_yuan("pay_amount"),
        coupon_fen=info.fen_of_yuan("discount_amount", 0),
        freight_fen=info.fen_of_yuan("postage", 0),
        lines=_lines(info),
        consignee=_consignee(info),
        buyer_remark=info.text("buyer_memo", ""),
        seller_remark=info.text("remark", ""),
        is_cross_border=_is_abroad(info),
        carrier=_carrier(info),
        # one aggregator of these orders misspells it
        waybill_no=info.text("tracking_number", "") or info.text("traking_number", ""),
        extra=_peculiar(info),
    )


def unknown_codes(info: Payload) -> tuple[str, ...]:
    """Codes of states that no table knows."""
    known: tuple[tuple[str, Any, int], ...] = (
        ("order_status", words.ORDER_STATUS, 1),
        ("confirm_status", words.CONFIRM_STATUS, 1),
        ("group_status", words.GROUP_STATUS, 1),
        ("refund_status", words.REFUND_STATUS, 1),
        ("after_sales_status", words.AFTER_SALES, 0),
        ("risk_control_status", words.RISK_STATUS, 0),
    )
    return tuple(
        f"{name}={code}" for name, table, usual in known if (code := info.whole(name, usual)) not in table
    )


def _state(info: Payload, status: int, confirmed: int) -> str:
    """The platform's own words for where the order is."""
    if confirmed != 1:
        return words.CONFIRM_STATUS.get(confirmed, f"confirm_status={confirmed}")
    if (group := info.whole("group_status", 1)) != 1:
        return words.GROUP_STATUS.get(group, f"group_status={group}")
    return words.ORDER_STATUS.get(status, f"order_status={status}")


def _refund_state(info: Payload) -> RefundState | None:
    """The strictest of two fields that both speak of it; None where neither says anything we know."""
    refund, after_sales = info.whole("refund_status", 0), info.whole("after_sales_status", 0)
    if refund == 4 or after_sales == 10:
        return RefundState.done
    if refund in (2, 3) or after_sales in words.REFUND_WANTED:
        return RefundState.asked
    return RefundState.none if refund == 1 and after_sales in words.AFTER_SALES else None


def _must_wait(info: Payload) -> bool:
    """The platform is still looking at it, asks to wait, or says something nobody here understands."""
    return (
        info.whole("risk_control_status", 0) != 0 or "ship_hold" in _tags(info) or bool(unknown_codes(info))
    )


def _is_balance_paid(info: Payload) -> bool:
    """Orders with a deposit are paid when the balance is."""
    return info.whole("trade_type", 0) != 1 or info.whole("step_order_info.step_trade_status", 2) == 2


def _lines(info: Payload) -> tuple[ChannelLine, ...]:
    lines = tuple(_line(item) for item in info.items("item_list"))
    if not lines:
        raise BadPayload(f"{info.at}.item_list")
    return lines


def _line(item: Payload) -> ChannelLine:
    qty = item.whole("goods_count")
    if qty < 1:
        raise BadPayload(f"{item.at}.goods_count")
    return ChannelLine(
        # the seller's own code of the variant; without one the platform's, which no other variant has
        sku_code=item.text("outer_id", "") or _filled(item, "sku_id"),
        title=item.text("goods_name", ""),
        spec=item.text("goods_spec", ""),
        qty=qty,
        price_fen=item.fen_of_yuan("goods_price"),
    )


def _carrier(info: Payload) -> str:
    company = info.whole("logistics_id", 0)
    return next((code for code, number in words.COMPANIES.items() if number == company), "")


def _is_abroad(info: Payload) -> bool:
    country, province = info.text("country", ""), info.text("province", "")
    return country not in ("", "中国") or province.startswith(("香港", "澳门", "台湾"))


def _tags(info: Payload) -> tuple[str, ...]:
    return tuple(tag.text("name", "") for tag in info.items("order_tag_list") if tag.whole("value", 0) == 1)


def _peculiar(info: Payload) -> dict[str, Any]:
    extra: dict[str, Any] = {}
    for name in words.PECULIAR:
        found = info.get(name)
        nothing = ("", -1, "-1") if name in words.SAYS_AT_ZERO else ("", 0, -1, "0", "-1")
        if found is not None and found.value not in nothing:
            text = info.text(name)
            extra[name] = int(text) if re.fullmatch(r"-?[0-9]{1,9}", text) else text
    for name in words.PECULIAR_YUAN:
        if fen := info.fen_of_yuan(name, 0):
            extra[f"{name}_fen"] = fen
    if depot := info.text("order_depot_info.depot_code", ""):
        extra["depot_code"] = depot
    if address := info.text("open_address_id", ""):  # the same for one address, whatever its stars show
        extra["open_address_id"] = address
    if tags := _tags(info):
        extra["order_tags"] = ",".join(tags)
    return extra


# ------------------------------------------------------------------------------------------- who receives

#: ``~...~...~1~~``, ``$...$...$1$$``, ``#...#...#1##``; and long rows of base64 without any sign.
_CIPHER: Final = re.compile(r"([~$#])[^\s]+\1[0-9]*\1\1|[A-Za-z0-9+/=]{40,}")


def _consignee(info: Payload) -> Consignee:
    """Empty stays empty. Where the platform gives a cipher, its mask stands instead: the cipher is kept in the raw
    answer, sealed, and is never taken for a name or a number."""
    province, city, district = (_open(info, name) for name in ("province", "city", "town"))
    address = _open(info, "receiver_address") or _open(info, "address")
    for part in (
        province,
        city,
        district,
    ):  # "上海市上海市长宁区...": the older field begins with all of them
        address = address.removeprefix(part) if part else address
    return Consignee(
        name=_open(info, "receiver_name"),
        phone=_open(info, "receiver_phone"),
        province=province,
        city=city,
        district=district,
        address=address,
    )


def _open(info: Payload, name: str) -> str:
    said = info.text(name, "")
    if said and _CIPHER.fullmatch(said) is None:
        return said
    mask = info.text(f"{name}_mask", "")
    return "" if _CIPHER.fullmatch(mask) else mask


# ------------------------------------------------------------------------------------------------ messages


@dataclass(frozen=True, slots=True)
class Message:
    """One message of the line: what it hints at, and the Ack that says it is taken."""

    hints: tuple[Hint, ...]
    ack: str


def read_message(frame: str) -> Message | None:
    """A frame of the message line; None for one that wants no answer (heartbeats, what is no message).

    A message that cannot be read is no reason to lose it: it is handed on whole, as a hint about no order.
    """
    try:
        whole = Payload.read(frame)
        if whole.text("commandType", "") != "Common":
            return None
        return Message(_hints(whole, frame), _ack(whole))
    except BadPayload:
        return None


def _hints(whole: Payload, frame: str) -> tuple[Hint, ...]:
    event_id = _filled(whole, "id")
    topic = _perhaps(lambda: whole.text("message.type", ""), "")
    content = _perhaps(lambda: _content(whole), Payload({}))
    order_no = _perhaps(lambda: content.text("tid", "") or content.text("order_sn", ""), "")
    is_known = topic in words.TOPICS
    if not order_no:
        if topic and not topic.startswith(words.ABOUT_ORDERS):
            return ()
        return (
            Hint(
                event_id=event_id,
                channel_order_no="",
                kind=HintKind.changed,
                word=topic,
                is_known=is_known,
                damaged=frame,
            ),
        )
    at = _perhaps(lambda: content.unix("modified") or whole.unix("sendTime"), None)
    return (
        Hint(
            event_id=event_id,
            channel_order_no=order_no,
            kind=_kind(topic, content),
            # orders tell the second of their change, not more: a detail of that second is not older
            at=at.replace(microsecond=0) if at else None,
            word=topic,
            is_known=is_known,
            seller=_perhaps(lambda: whole.text("message.mallID", "") or content.text("mall_id", ""), ""),
        ),
    )


def _content(whole: Payload) -> Payload:
    content = whole.need("message.content")
    return Payload.read(content.value, content.at) if isinstance(content.value, str) else content


def _kind(topic: str, content: Payload) -> HintKind:
    kind = words.TOPICS.get(topic, HintKind.changed)
    if kind is HintKind.refund_asked:
        bill = _perhaps(lambda: content.whole("bill_type", 0), 0)
        return HintKind.changed if bill in words.NO_REFUND_BILLS else kind
    return kind


def _perhaps(read: Callable[[], T], default: T) -> T:
    """One damaged piece of a message takes no other piece with it."""
    try:
        return read()
    except BadPayload:
        return default


def _ack(whole: Payload) -> str:
    """Repeats what identifies the message, digit for digit."""
    told = {"id": whole.need("id"), "sendTime": whole.get("sendTime")}
    told |= {"type": whole.get("message.type"), "mallID": whole.get("message.mallID")}
    said: dict[str, int | str] = {}
    for name, piece in told.items():
        if piece and isinstance(piece.value, int | str):
            said[name] = piece.value
        if name == "id":
            said["commandType"] = "Ack"
    return json.dumps(said, ensure_ascii=False, separators=(",", ":"))


HEARTBEAT: Final = '{"commandType":"HeartBeat"}'


def _filled(piece: Payload, path: str) -> str:
    """A text that has to be there."""
    said = piece.text(path)
    if not said:
        raise BadPayload(f"{piece.at}.{path}" if piece.at else path)
    return said
