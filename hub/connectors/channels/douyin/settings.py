"""What Douyin's numbers and words mean, as tables, and how it wants to be asked."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta, timezone
from typing import Final

from hub.connectors.shapes import (
    Cause,
    HintKind,
    Later,
    NoPermission,
    NotTaken,
    Paces,
    ShopTrouble,
    SignInAgain,
    TokenExpired,
    WrongSettings,
)

GATEWAY: Final = "https://openapi-fxg.jinritemai.com"
#: A call that takes longer is given up; the same as ``timeout_s`` of the manifest.
TIMEOUT_S: Final = 5.0
#: Their clock: requests are stamped on it.
ZONE: Final = timezone(timedelta(hours=8))

PAGE: Final = 100
#: The platform answers at most so many rows to one question; a fuller span is asked in halves.
ROWS_MAX: Final = 50_000
PACES: Final = Paces(
    window=timedelta(hours=6),
    behind=timedelta(minutes=1),
    overlap=timedelta(minutes=1),
    keeps=timedelta(days=90),
)

# ---------------------------------------------------------------------------------------------- order states

#: ``order_status`` and ``main_status``, in the words of the seller's own back office.
STATES: Final[Mapping[int, str]] = {
    1: "待付款",
    103: "部分支付",
    105: "已支付，平台审核中",
    2: "待发货",
    101: "部分发货",
    3: "已发货",
    4: "已取消",
    5: "已完成",
    21: "发货前已退款",
    22: "发货后已退款",
    39: "收货后已退款",
}
PAID: Final = frozenset({105, 2, 101, 3, 5, 22, 39})
#: Paid, but the platform is still looking into it: not to be shipped yet.
RISK: Final = frozenset({105})
SHIPPED: Final = frozenset({3, 5, 22, 39})
CANCELLED: Final = frozenset({4, 21})
REFUNDED: Final = frozenset({21, 22, 39})

#: ``after_sale_status`` of a line: still open, money given back, nothing (refused, withdrawn, never asked).
AFTER_SALE_OPEN: Final = frozenset({6, 7, 11, 13, 14})
AFTER_SALE_DONE: Final = frozenset({12, 51, 53})
AFTER_SALE_NONE: Final = frozenset({0, 27, 28, 29})
#: ``after_sale_type``: exchange, resend, repair move goods, not money.
NO_MONEY_TYPES: Final = frozenset({3, 6, 7})

# --------------------------------------------------------------------------------------------------- pushes

ANSWER: Final = b'{"code":0,"msg":"success"}'
#: The address check when a callback address is saved; older tables say TradePending, told apart by its order.
CHECK_TAG: Final = "0"
#: Paid in older tables, paid but under the platform's check in newer ones: told apart by what it carries.
PAID_OR_PENDING_TAG: Final = "110"
REFUND_DONE_TAG: Final = "206"
#: ``aftersale_type``: money back before shipping.
BEFORE_SHIPPING: Final = 2

_H = HintKind
TAGS: Final[Mapping[str, HintKind]] = {
    CHECK_TAG: _H.risk,
    "100": _H.changed,  # created
    "101": _H.changed,  # paid
    "102": _H.changed,  # shipped
    "103": _H.changed,  # done
    "104": _H.changed,  # waybill changed
    "105": _H.address_asked,  # address changed: what is printed may be wrong already
    "106": _H.cancelled,
    "108": _H.changed,  # partly shipped
    "109": _H.changed,  # amount
    PAID_OR_PENDING_TAG: _H.risk,
    "111": _H.address_asked,
    "112": _H.changed,  # to be shipped on a day agreed upon
    "113": _H.changed,  # seller's remark
    "126": _H.changed,  # ship-by time
    "200": _H.refund_asked,
    "201": _H.refund_asked,  # agreed to: the money goes back, the goods must stay
    "202": _H.changed,  # goods that were sent come back
    "203": _H.changed,
    "204": _H.refund_over,
    "205": _H.refund_over,
    REFUND_DONE_TAG: _H.refund_over,
    "207": _H.refund_over,
    "208": _H.refund_asked,
    "209": _H.changed,
    "211": _H.changed,
    **{str(tag): _H.changed for tag in (*range(212, 219), *range(224, 228))},
}
#: Those that mean the same whatever else an event carries.
PLAIN_TAGS: Final = {
    tag: kind for tag, kind in TAGS.items() if tag not in (CHECK_TAG, PAID_OR_PENDING_TAG, REFUND_DONE_TAG)
}
#: About goods, not orders: taken, nothing to do.
TAGS_OF_GOODS: Final = frozenset({"400", "417"})
#: When it happened, by whatever name the event has for it.
EVENT_TIMES: Final = tuple(
    f"{what}_time"
    for what in (
        "modify",
        "update",
        "cancel",
        "apply",
        "agree",
        "refuse",
        "return",
        "complete",
        "pay",
        "create",
    )
)

# --------------------------------------------------------------------------------------------------- errors

#: ``sub_code`` decides first, by its beginning.
SUB_CODES: Final[Mapping[str, type[ShopTrouble]]] = {
    "isv.access-token-expired": TokenExpired,
    "isv.access-token-no-existed": TokenExpired,
    "isv.access-token-missing": TokenExpired,
    "isv.app-permissions-insufficient": NoPermission,
    "isv.authorization-type-invalid": SignInAgain,
    "isv.idempotent-id-existed": NotTaken,
    "isv.business-failed:31009": SignInAgain,  # a refresh token that does not exist
    "isv.api-service-off": WrongSettings,
    "isp.api-service-off": WrongSettings,
    "isv.parameter-format-invalid": NotTaken,
    "dop.authorization-": SignInAgain,  # no-existed, closed
    "dop.app-forbidden": WrongSettings,
    "dop.token-generate-failed:app": WrongSettings,
    "dop.token-generate-failed:grant": WrongSettings,
    "dop.token-generate-failed": SignInAgain,
}
CODES: Final[Mapping[int, type[ShopTrouble]]] = {
    10001: Later,  # answered in part
    20000: Later,
    20001: Later,
    30001: NoPermission,
    30002: NoPermission,  # our address is not in their list
    40001: WrongSettings,
    40002: NotTaken,
    40003: WrongSettings,
    40004: NotTaken,
    50001: Later,
    50002: NotTaken,
    60000: Later,
    70000: WrongSettings,
    80000: NotTaken,
    90000: Later,
}
#: What is lacking, where the number says it.
RIGHTS: Final[Mapping[int, Cause]] = {30002: Cause.right_ip}
#: How long to leave them alone: "three to five times within 30 s" for their own faults, longer when throttled.
WAIT: Final[Mapping[int, timedelta]] = {60000: timedelta(seconds=20)}
WAIT_ELSE: Final = timedelta(seconds=6)
#: Business failures that are none: the words say that it will pass.
BUSY_WORDS: Final = ("系统繁忙", "稍后重试", "稍后再试", "获取锁失败")
#: Answers about an order that is not this shop's or does not exist; their numbers differ from call to call.
NO_SUCH_ORDER: Final = ("订单不存在", "订单号格式错误", "order not exist", "order not found")

# ------------------------------------------------------------------------------------------------- carriers

#: kuaidi100's code -> theirs, where they differ; all other codes are spelled alike on both sides.
COMPANY_OF: Final[Mapping[str, str]] = {"debangkuaidi": "debangwuliu"}
CARRIER_OF: Final[Mapping[str, str]] = {theirs: ours for ours, theirs in COMPANY_OF.items()}
