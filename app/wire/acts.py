"""Acts on their way to the hub, and its answers to them."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

import msgspec

from app.core.acts import BODIES, Act, ActKind, Body

Outcome = Literal["applied", "clash", "refused"]


class ChannelRef(msgspec.Struct, frozen=True, kw_only=True):
    shop_id: str
    channel_order_no: str


class Envelope(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One act as it travels. ``body`` is the JSON object of the kind's shape in app.core.acts."""

    act_id: str
    kind: str
    order_no: str
    made_at: datetime
    parcel_no: str | None = None
    channel_ref: ChannelRef | None = None
    body: dict[str, Any] = {}


class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    """The hub's answer to one act. ``reason`` is a code of app.core.reasons, ``params`` fill its sentence."""

    act_id: str
    outcome: Outcome
    replayed: bool = False
    reason: str = ""
    params: dict[str, str] = {}
    seq: int = 0


def act_of(envelope: Envelope) -> Act:
    """The core's act of an envelope. Raises ``msgspec.ValidationError`` with the path of what is wrong."""
    try:
        kind = ActKind(envelope.kind)
    except ValueError as error:
        raise msgspec.ValidationError(f"Invalid enum value {envelope.kind!r} - at `$.kind`") from error
    body: Body = msgspec.convert(envelope.body, type=BODIES[kind], strict=True)
    return Act(
        act_id=envelope.act_id,
        kind=kind,
        order_no=envelope.order_no,
        parcel_no=envelope.parcel_no,
        made_at=envelope.made_at,
        body=body,
    )


def envelope_of(act: Act, channel_ref: ChannelRef | None = None) -> Envelope:
    """An act ready to travel."""
    return Envelope(
        act_id=act.act_id,
        kind=act.kind,
        order_no=act.order_no,
        parcel_no=act.parcel_no,
        made_at=act.made_at,
        channel_ref=channel_ref,
        body=msgspec.to_builtins(act.body),
    )
