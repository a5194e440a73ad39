"""What one [[carrier]] with connector "kuaidi100" says."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Protocol

from hub.connectors.shapes import Cause, WrongSettings

#: A call that takes longer is given up; the same as ``timeout_s`` of the manifest.
TIMEOUT_S = 10.0
#: "Test connection" asks for a number of this company: it wants no phone.
CHECKED_AS = "yuantong"
BASE_URL = "https://poll.kuaidi100.com"
#: A number asked more often than this gets the whole account locked (C48).
FLOOR = timedelta(minutes=30)
#: Advanced states per node (statusCode), with area names.
RESULT_V2 = "4"
#: Companies that tell a number's nodes only to who knows the last four digits of a phone.
PHONE_COMPANIES = frozenset({
    "shunfeng",
    "shunfengkuaiyun",
    "shunfenglengyun",
    "zhongtong",
    "zhongtongkuaiyun",
})
WAYBILL_MAX = 32


class Given(Protocol):
    """The part of ``hub.config.Carrier`` that this folder reads."""

    @property
    def base_url(self) -> str: ...
    @property
    def customer(self) -> str: ...
    @property
    def key(self) -> str: ...
    @property
    def salt(self) -> str: ...
    @property
    def callback_url(self) -> str: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """A checked account. ``callback_url`` empty: no push can reach us, numbers are only asked."""

    base_url: str
    customer: str
    key: str = field(repr=False)
    salt: str = field(repr=False)
    callback_url: str = ""

    @classmethod
    def of(cls, given: Given) -> Account:
        """Raises :class:`WrongSettings` naming what is missing: without a salt no push is ever signed."""
        for name in ("customer", "key", "salt"):
            if not getattr(given, name):
                raise WrongSettings(Cause.lacks.of(name))
        return cls(
            base_url=(given.base_url or BASE_URL).rstrip("/"),
            customer=given.customer,
            key=given.key,
            salt=given.salt,
            callback_url=given.callback_url,
        )
