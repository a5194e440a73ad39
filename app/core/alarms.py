"""Whose alarm it is, and whether it waits for somebody: one table over all kinds. Pure."""

from __future__ import annotations

from typing import Literal

#: ``floor``: the supervisor. ``ops``: whoever looks after shops, couriers and the system itself.
Audience = Literal["floor", "ops"]

_FLOOR = ("floor",)
_OPS = ("ops",)
_BOTH = ("floor", "ops")
#: A new kind belongs into this table; one that a newer hub feeds is shown to everybody.
AUDIENCES: dict[str, tuple[str, ...]] = {
    "clash": _FLOOR,
    "act_refused": _FLOOR,
    "order_unknown": _FLOOR,
    "shipped_despite_cancel": _FLOOR,
    "abnormal": _FLOOR,
    "lines_differ": _FLOOR,
    "waybill_twice": _FLOOR,
    "jump": _BOTH,
    "strange_node": _OPS,
    "waybills_low": _BOTH,
    "waybills_out": _BOTH,
    "waybills_locked": _BOTH,
    "restored_waits": _BOTH,
    "restored_again": _OPS,
    "digest": _OPS,
    "our_fault": _OPS,
    "strange_word": _OPS,
    "shop_later": _OPS,
    "shop_no_permission": _OPS,
    "shop_sign_in_again": _OPS,
    "shop_wrong_settings": _OPS,
    "shop_bad_payload": _OPS,
    "shop_refused": _OPS,
    "shop_recovered": _OPS,
    "courier_later": _OPS,
    "courier_no_permission": _OPS,
    "courier_sign_in_again": _OPS,
    "courier_wrong_settings": _OPS,
    "courier_bad_payload": _OPS,
    "courier_refused": _OPS,
    "courier_recovered": _OPS,
    "orders_missed": _OPS,
    "quarantined": _OPS,
    "fetch_given_up": _OPS,
    "ship_back_late": _OPS,
    "ship_back_refused": _OPS,
}


def concerns(kind: str, audience: Audience) -> bool:
    """Whether an alarm of this kind is for ``audience``."""
    return audience in AUDIENCES.get(kind, _BOTH)


def needs_person(level: str, *, is_acked: bool) -> bool:
    """Whether somebody still has to do something; what is only told for information needs nobody."""
    return not is_acked and level != "info"
