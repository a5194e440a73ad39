"""The ops desk: how every shop does, and what can be done about it. Everything here is asked of the hub."""

from __future__ import annotations

from app.core.values import dataclass
from app.ports import HubApi, HubAway, NotAllowed
from app.station.bench import Bench
from app.wire import MissedTaken, QuarantineView, ShipBackView, ShopChecked, ShopList


@dataclass(frozen=True, slots=True, kw_only=True)
class ShopLists:
    """What waits at one shop: orders the sweep found and we lack, waybills to be told to the platform, things that
    could not be read. ``may_see`` False: these lists are for whoever looks after the shops."""

    shop_id: str
    missed: tuple[str, ...] = ()
    ship_backs: tuple[ShipBackView, ...] = ()
    aside: tuple[QuarantineView, ...] = ()
    may_see: bool = True


class ShopsDesk:
    """Every call may raise HubTrouble; the hub decides who may."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench

    async def overview(self) -> ShopList:
        """All shops, and the sources of courier news; ``health`` is None for shops fed by files, and for whoever may
        not see it."""
        return await self._hub().shops()

    async def lists(self, shop_id: str) -> ShopLists:
        import asyncio

        hub = self._hub()
        try:
            missed, backs, aside = await asyncio.gather(
                hub.missed_orders(shop_id), hub.ship_backs(), hub.quarantine()
            )
        except NotAllowed:
            return ShopLists(shop_id=shop_id, may_see=False)
        return ShopLists(
            shop_id=shop_id,
            missed=tuple(missed.channel_order_nos),
            ship_backs=tuple(back for back in backs.ship_backs if back.shop_id == shop_id),
            aside=tuple(thing for thing in aside.things if thing.ref.split(" ")[0] == shop_id),
        )

    async def check(self, shop_id: str) -> ShopChecked:
        """Key, authorisation and rights tried at the platform; the hub answers within five seconds."""
        return await self._hub().check_shop(shop_id)

    async def check_courier(self, connector: str) -> ShopChecked:
        """The same for a source of courier news."""
        return await self._hub().check_courier(connector)

    async def poll(self, shop_id: str) -> int:
        """Takes all changes up to now; how many orders came or changed. Rejected with the platform's cause."""
        return (await self._hub().poll_shop(shop_id)).orders

    async def set_pace(self, shop_id: str, poll_s: int) -> None:
        await self._hub().set_shop_pace(shop_id, poll_s)

    async def sweep(self, shop_id: str) -> int:
        """Compares the last 24 hours with the platform now; how many orders we lack."""
        return len((await self._hub().sweep_shop(shop_id)).channel_order_nos)

    async def restored_brought(self) -> None:
        """What came by file or call since the hub's backup was brought in again."""
        await self._hub().restored_brought()

    async def take_missed(self, shop_id: str) -> MissedTaken:
        """Brings in what the sweep found."""
        return await self._hub().take_missed(shop_id)

    async def retry(self, quarantine_id: str) -> bool:
        """Asks the platform again for what could not be read; whether it was taken this time."""
        return await self._hub().retry_quarantine(quarantine_id)

    async def tell_again(self, parcel_no: str) -> bool:
        """Tells a parcel's waybill to its platform once more. Rejected with the platform's words; False: it had
        been told already."""
        return await self._hub().retry_ship_back(parcel_no)

    def _hub(self) -> HubApi:
        if self._bench.hub is None:
            raise HubAway
        return self._bench.hub
