"""What the line needs to know of the shop."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from zoneinfo import ZoneInfo

from app.core.freeze import Rules
from app.core.order import LastGate
from app.core.texts import Lang


@dataclass(frozen=True, slots=True, kw_only=True)
class LineSettings:
    """Settings of the writer.

    ``shop_warehouses`` says where a shop's orders go (else ``default_warehouse``), ``last_gates`` the last
    gate per warehouse (else that of ``rules``), ``buyer_langs`` what a shop's buyers read (else Chinese). A station
    counts as online ``online_s`` after its last beat.
    """

    timezone: ZoneInfo = field(default_factory=lambda: ZoneInfo("Asia/Shanghai"))
    order_prefix: str = "OD"
    rules: Rules = field(default_factory=Rules)
    shop_warehouses: Mapping[str, str] = field(default_factory=dict)
    default_warehouse: str = "main"
    last_gates: Mapping[str, LastGate] = field(default_factory=dict)
    buyer_langs: Mapping[str, Lang] = field(default_factory=dict)
    lease_s: int = 3600
    online_s: int = 25

    def warehouse_of(self, shop_id: str) -> str:
        return self.shop_warehouses.get(shop_id, self.default_warehouse)

    def rules_of(self, warehouse: str) -> Rules:
        gate = self.last_gates.get(warehouse)
        return self.rules if gate is None else replace(self.rules, last_gate=gate)
