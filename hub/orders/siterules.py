"""The rules of hub.toml, told to the stations: they judge what they do alone as the hub would (design 3.5)."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec
from sqlalchemy import insert, select, update

from app.wire import SiteRules
from hub.db import tables as t
from hub.orders.desk import Tx


def told(rules: Mapping[str, SiteRules]) -> Callable[[Tx], None]:
    """Feed the rules of these warehouses where they are not what the stations were told last."""

    def change(tx: Tx) -> None:
        for warehouse, site in rules.items():
            key, body = f"rules:{warehouse}", msgspec.json.encode(site)
            was = tx.conn.execute(select(t.setting.c.body).where(t.setting.c.key == key)).scalar()
            if was == body:
                continue
            values = {"value": body, "body": body, "changed_at": tx.now}
            if was is None:
                tx.conn.execute(insert(t.setting).values(key=key, **values))
            else:
                tx.conn.execute(update(t.setting).where(t.setting.c.key == key).values(**values))
            tx.changed("setting", key)

    return change
