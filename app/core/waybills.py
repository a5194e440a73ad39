"""Waybill numbers before routing exists: a pool that files fill and parcels take from (design 2.10)."""

from __future__ import annotations

from dataclasses import field
from typing import Any

from app.core.values import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolNumber:
    """One number a carrier gave us in advance. Key: (carrier, waybill_no).

    ``carrier`` is the kuaidi100 company code; an empty ``warehouse`` serves all. ``print_data`` is what the
    carrier's label template needs and never holds personal data.
    """

    waybill_no: str
    carrier: str = ""
    routing_code: str = ""
    warehouse: str = ""
    print_data: dict[str, Any] = field(default_factory=dict)
