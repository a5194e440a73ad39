"""kuaidi100's texts and ours: signatures, requests, pushes and answers. Pure; the network is client.py's."""

from __future__ import annotations

import hashlib
import hmac
import json
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import parse_qsl
from zoneinfo import ZoneInfo

from app.core.masks import phones_in
from app.core.tracking import NodeKind, TrackNode
from hub.connectors.carriers.kuaidi100.settings import RESULT_V2, Account
from hub.connectors.carriers.kuaidi100.words import kind_of
from hub.connectors.couriers import News, Parcel, Watching
from hub.connectors.payload import Payload
from hub.connectors.shapes import (
    BadPayload,
    BadSignature,
    Cause,
    Later,
    NotTaken,
    ShopTrouble,
    SignInAgain,
    WrongSettings,
)

#: Times come without a zone, on the clock of the couriers' country, wherever the hub stands.
ZONE = ZoneInfo("Asia/Shanghai")
SOURCE = "carrier:kuaidi100"
#: What a push that was taken is answered with, byte for byte; anything else is sent again.
TAKEN: Final = '{"result":true,"returnCode":"200","message":"成功"}'.encode()
FIELDS_MAX = 16

_WATCHING = {
    "polling": Watching.goes_on,
    "updateall": Watching.goes_on,
    "shutdown": Watching.over,
    "abort": Watching.given_up,
}
#: ``returnCode`` of a refused call and whose turn it is then. 500 (no result yet) is news, not trouble.
_TROUBLE: dict[str, type[ShopTrouble]] = {
    "400": NotTaken,
    "408": NotTaken,
    "501": NotTaken,
    "502": Later,
    "503": WrongSettings,
    "600": SignInAgain,
    "601": SignInAgain,
    "700": WrongSettings,
    "701": NotTaken,
    "702": NotTaken,
}
_ENDS = frozenset({NodeKind.delivered})
_NO_RESULT = frozenset({"500", "201"})


# ------------------------------------------------------------------------------------------------ to them


def query_form(account: Account, parcel: Parcel) -> dict[str, str]:
    """The form of poll/query.do; ``param`` is signed as the very text that is sent."""
    asked = {"com": parcel.carrier, "num": parcel.waybill_no, "resultv2": RESULT_V2}
    if parcel.phone_tail:
        asked["phone"] = parcel.phone_tail
    param = _text(asked)
    return {
        "customer": account.customer,
        "sign": query_sign(param, account.key, account.customer),
        "param": param,
    }


def subscribe_form(account: Account, parcel: Parcel) -> dict[str, str]:
    """The form of poll. The number stands in the callback too: a push without a result still says whose it is."""
    parameters = {
        "callbackurl": _callback(account.callback_url, parcel.waybill_no),
        "salt": account.salt,
        "resultv2": RESULT_V2,
        "autoCom": "0" if parcel.carrier else "1",
    }
    if parcel.phone_tail:
        parameters["phone"] = parcel.phone_tail
    asked = {
        "company": parcel.carrier,
        "number": parcel.waybill_no,
        "key": account.key,
        "parameters": parameters,
    }
    return {"schema": "json", "param": _text(asked)}


def query_sign(param: str, key: str, customer: str) -> str:
    return _md5((param + key + customer).encode("utf-8")).upper()


def push_sign(param: bytes, salt: str) -> str:
    return _md5(param + salt.encode("utf-8"))


def _text(asked: dict[str, Any]) -> str:
    return json.dumps(asked, ensure_ascii=False, separators=(",", ":"))


def _md5(data: bytes) -> str:
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


def _callback(url: str, waybill_no: str) -> str:
    return f"{url}{'&' if '?' in url else '?'}nu={waybill_no}"


# ---------------------------------------------------------------------------------------------- from them


def read_push(body: bytes, salt: str, nu: str = "") -> News:
    """What a push says; ``nu`` is the number in the address it was sent to.

    Raises :class:`WrongSettings` without a salt, :class:`BadSignature`, :class:`BadPayload`.
    """
    return read_param(signed_param(body, salt), nu)


def signed_param(body: bytes, salt: str) -> bytes:
    """The decoded ``param`` of a form whose ``sign`` fits. Raises :class:`WrongSettings`, :class:`BadSignature`."""
    if not salt:
        raise WrongSettings(Cause.lacks.of("salt"))
    try:
        # latin-1 keeps every byte as it is: the sign is over bytes
        told = body.decode("latin-1")
        pairs = parse_qsl(told, keep_blank_values=True, max_num_fields=FIELDS_MAX, encoding="latin-1")
    except ValueError as error:
        raise BadSignature("form") from error
    form: dict[str, bytes] = {}
    for name, value in pairs:
        form.setdefault(name, value.encode("latin-1"))
    param, sign = form.get("param", b""), form.get("sign", b"")
    if not hmac.compare_digest(push_sign(param, salt).encode("ascii"), sign.strip().lower()):
        raise BadSignature("sign")
    return param


def read_param(param: bytes, nu: str = "") -> News:
    """What a push says. ``lastResult`` may be missing, empty or an error, as with ``abort``."""
    told = Payload.read(param)
    if not isinstance(told.value, dict):
        raise BadPayload("param")
    status = told.text("status", "")
    unknown = () if status in _WATCHING else (f"push.status={_short(status)}",)
    news = _news(_result(told), nu, unknown)
    old, new = told.text("comOld", ""), told.text("comNew", "")
    watching = _WATCHING.get(status, Watching.goes_on)
    return _with(news, watching, new if new and new != old else "")


def _result(told: Payload) -> Payload:
    """``lastResult``, which comes as an object, an object's text, "", null or not at all."""
    result = told.get("lastResult")
    if result is not None and isinstance(result.value, str) and result.value.strip():
        result = Payload.read(result.value, result.at)
    return result if result is not None and isinstance(result.value, dict) else Payload({}, "lastResult")


def read_answer(raw: bytes, nu: str) -> News:
    """What poll/query.do says; no nodes where it has none yet. Raises :class:`ShopTrouble`."""
    told = Payload.read(raw)
    if not isinstance(told.value, dict):
        raise BadPayload("json")
    code = told.text("returnCode", "") or told.text("status", "")
    if code in _NO_RESULT:
        return News(waybill_no=nu)
    if code != "200":
        raise _refused(code, told.text("message", ""))
    news = _news(told, nu, ())
    # state 3 and ischeck 1 also stand on "nothing found": what the nodes say decides
    is_over = any(node.kind in _ENDS for node in news.nodes[-1:])
    return _with(news, Watching.over if is_over else Watching.goes_on, "")


def read_subscribed(raw: bytes) -> None:
    """What poll says; a number that is watched already is no error. Raises :class:`ShopTrouble`."""
    told = Payload.read(raw)
    if not isinstance(told.value, dict):
        raise BadPayload("json")
    code = told.text("returnCode", "")
    if code not in ("200", "501"):
        if code == "500":
            raise Later(Cause.busy)
        raise _refused(code, told.text("message", ""))


def _refused(code: str, message: str) -> ShopTrouble:
    kind = _TROUBLE.get(code, Later)
    return kind(phones_in(f"{_short(code)} {_short(message, 120)}".strip()))


def _news(result: Payload, nu: str, unknown: tuple[str, ...]) -> News:
    """The nodes of a result, oldest first; each by itself, so that a damaged one takes no other along."""
    read: list[tuple[TrackNode, str]] = []
    words, damaged = list(unknown), []
    data = result.get("data")
    if data is not None and not isinstance(data.value, list):
        data = None
        damaged.append(_kept(result.value.get("data")))
    for piece in data.items() if data is not None else ():
        try:
            node, word = _node(piece)
        except BadPayload:
            damaged.append(_kept(piece.value))
            continue
        read.append((node, _kept(piece.value)))
        words += [word] if word else []
    # newest first is usual: turned round, nodes of one second keep the order in which they happened
    read.reverse()
    read.sort(key=lambda one: one[0].at)
    told_no = _clean_number(result)
    return News(
        waybill_no=told_no or nu,
        carrier=_short(result.text("com", ""), 40) if _is_plain(result, "com") else "",
        nodes=tuple(node for node, _ in read),
        raws=tuple(raw for _, raw in read),
        unknown=tuple(dict.fromkeys(words)),
        damaged=tuple(damaged),
    )


def _node(piece: Payload) -> tuple[TrackNode, str]:
    if not isinstance(piece.value, dict):
        raise BadPayload(piece.at)
    at = piece.local("ftime", ZONE) or piece.local("time", ZONE)
    if at is None or not datetime(2000, 1, 1, tzinfo=UTC) <= at <= datetime(2100, 1, 1, tzinfo=UTC):
        raise BadPayload(f"{piece.at}.time")
    text = phones_in(piece.text("context", ""))
    code = _short(piece.text("statusCode", ""))
    kind, unknown = kind_of(code, _short(piece.text("status", "")), text)
    place = piece.text("areaName", "") or piece.text("location", "")
    return TrackNode(at=at, kind=kind, raw_text=text, place=phones_in(place), source=SOURCE), unknown


def _with(news: News, watching: Watching, corrected: str) -> News:
    return News(
        waybill_no=news.waybill_no,
        carrier=news.carrier,
        nodes=news.nodes,
        raws=news.raws,
        watching=watching,
        corrected=_short(corrected, 40),
        unknown=news.unknown,
        damaged=news.damaged,
    )


def _clean_number(result: Payload) -> str:
    return result.text("nu", "") if _is_plain(result, "nu") else ""


def _is_plain(result: Payload, key: str) -> bool:
    """Whether a side field can be read: one that cannot must not cost the nodes beside it."""
    try:
        result.text(key, "")
    except BadPayload:
        return False
    return True


def _kept(value: Any) -> str:
    """A piece as JSON text that any file and screen can hold."""
    try:
        text = json.dumps(value, ensure_ascii=False, default=str)
        text.encode("utf-8")
    except RecursionError:
        return '"deep"'
    except UnicodeEncodeError:
        return json.dumps(value, ensure_ascii=True, default=str)
    return text


def _short(text: str, most: int = 32) -> str:
    return text if len(text) <= most else text[:most] + "…"
