"""The stand-in platforms of a shift: one shop on Pinduoduo that we listen to, one on Douyin that calls us, and
kuaidi100, where the hub subscribes its waybills.

They speak their true protocols on this machine alone, and know the same goods as the file of orders.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from contextlib import ExitStack

from app.ports import SystemClock
from rehearsal import pdd
from rehearsal.book import Book
from rehearsal.courier import Manners as Journey
from rehearsal.courier import Waybill
from rehearsal.douyin import Douyin
from rehearsal.douyin_pushes import Pusher
from rehearsal.kuaidi100 import Kuaidi100
from rehearsal.pdd import Pdd
from rehearsal.server import serving

PDD_SHOP, DOUYIN_SHOP = "demo-pdd", "demo-douyin"
_EVERY_S = 30.0
_NEWS_S = 5.0
#: Between two steps of a parcel while somebody works by hand: slow enough to look at.
_PACE_S = 40.0
_CUSTOMER, _KEY, _SALT = "rehearsal", "rehearsal-key-01", "rehearsal-salt-1"


class Platforms:
    """Both shops and the courier source, open from :meth:`start` to :meth:`stop`."""

    def __init__(self, seed: int) -> None:
        self._clock = clock = SystemClock()
        self.pdd_book = Book(clock, pdd.numbering, seed)
        self.douyin = Douyin(clock, seed=seed)
        self._pdd = Pdd(self.pdd_book, clock)
        self._open = ExitStack()
        self._pusher: Pusher | None = None
        self._books = deque([self.pdd_book, self.douyin.book])
        self._next_sale = self._next_news = 0.0
        self.couriers = Kuaidi100(_CUSTOMER, _KEY, clock)
        self._seed = seed

    def start(self, hub_url: str) -> str:
        """Opens all; gives what ``hub.toml`` has to say of them. ``hub_url`` is where the hub will be."""
        tracking = self._open.enter_context(serving(self.couriers.app))
        theirs = self._open.enter_context(serving(self._pdd.app()))
        gateway = self._open.enter_context(serving(self.douyin.app))
        account, shop = self._pdd.account, self.douyin
        return (
            f'[[shop]]\nid = "{PDD_SHOP}"\nconnector = "pdd"\nbase_url = "{theirs.url}{pdd.PATH}"\n'
            f'message_url = "{theirs.ws_url}"\napp_key = "{account.client_id}"\napp_secret = "{account.secret}"\n'
            f'access_token = "{account.access_token}"\nrefresh_token = "{account.refresh_token}"\n\n'
            f'[[shop]]\nid = "{DOUYIN_SHOP}"\nconnector = "douyin"\nbase_url = "{gateway.url}"\n'
            f'app_key = "{shop.app_key}"\napp_secret = "{shop.app_secret}"\n'
            f'access_token = "{shop.access_token}"\nrefresh_token = "{shop.refresh_token}"\n\n'
            f'[[carrier]]\nconnector = "kuaidi100"\nbase_url = "{tracking.url}"\ncustomer = "{_CUSTOMER}"\n'
            f'key = "{_KEY}"\nsalt = "{_SALT}"\n'
            f'callback_url = "{hub_url}/v1/webhooks/carrier/kuaidi100"\n\n'
        )

    def call_hub(self, url: str) -> None:
        """Douyin pushes to this hub from now on."""
        self._pusher = Pusher(self.douyin, f"{url}/v1/webhooks/{DOUYIN_SHOP}")
        self._pusher.start()

    def sell_now_and_then(self) -> None:
        """Called often: somebody buys every half minute, on one platform and then on the other."""
        now = self._clock.monotonic()
        if now >= self._next_sale:
            self._next_sale = now + _EVERY_S
            self._books.rotate()
            self._books[0].buy()

    def travel(self, has_left: Callable[[str], bool]) -> None:
        """Called often: parcels that have left the house are carried, and what happens to them is pushed.

        ``has_left(waybill_no)`` asks the hub.
        """
        now = self._clock.monotonic()
        if now < self._next_news:
            return
        self._next_news = now + _NEWS_S
        for number, subscribed in self.couriers.subscriptions.items():
            if not self.couriers.is_carried(number) and has_left(number):
                self.couriers.carry(Waybill(number, subscribed.company), self._seed, Journey(pace_s=_PACE_S))
        self.couriers.tell_news()

    def stop(self) -> None:
        if self._pusher is not None:
            self._pusher.stop()
        self._open.close()
