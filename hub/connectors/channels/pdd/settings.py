"""Numbers and words of Pinduoduo, as its documents and public order data give them. Nothing here is a secret."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from types import MappingProxyType
from typing import Final
from zoneinfo import ZoneInfo

from hub.connectors.shapes import Cause, HintKind, Paces

ROUTER: Final = "https://gw-api.pinduoduo.com/api/router"
MESSAGES: Final = "wss://message-api.pinduoduo.com"
#: Its texts of time have no zone.
ZONE: Final = ZoneInfo("Asia/Shanghai")

#: Increments: half an hour at most, three minutes behind the clock, orders of the last three months.
PACES: Final = Paces(window=timedelta(minutes=30), behind=timedelta(minutes=3), keeps=timedelta(days=90))
PAGE_SIZE: Final = 100
#: A million orders in half an hour are no true count.
PAGES_MAX: Final = 10_000
#: Said by ourselves on the message line, so that the platform keeps it.
HEARTBEAT_S: Final = 10.0
#: A line that does not answer a ping for so long is dead: half-open connections tell nobody otherwise.
PING_S: Final = 30.0
FRAME_MAX: Final = 1024 * 1024
#: Asked too often: the platform counts calls in spans of ten seconds.
TOO_OFTEN_AFTER: Final = timedelta(seconds=10)

# ---------------------------------------------------------------------------------------------- states

ORDER_STATUS: Final[Mapping[int, str]] = MappingProxyType({1: "待发货", 2: "已发货待签收", 3: "已签收"})
CONFIRM_STATUS: Final[Mapping[int, str]] = MappingProxyType({0: "未成交", 1: "已成交", 2: "已取消"})
GROUP_STATUS: Final[Mapping[int, str]] = MappingProxyType({0: "拼团中", 1: "已成团", 2: "团失败"})
REFUND_STATUS: Final = frozenset({1, 2, 3, 4})
RISK_STATUS: Final = frozenset({0, 1})
#: After-sales states in which money is wanted back and nobody has said the last word.
REFUND_WANTED: Final = frozenset({2, 3, 4, 5, 6, 7, 8, 31})
AFTER_SALES: Final = REFUND_WANTED | {0, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 21, 22, 24, 25, 27, 32}

#: Kept with the order where they say anything: the group-buying, bargain and deposit flags among them (MAP-03).
PECULIAR: Final = (
    "group_status",
    "is_lucky_flag",
    "trade_type",
    "after_sales_status",
    "risk_control_status",
    "is_pre_sale",
    "pre_sale_time",
    "is_stock_out",
    "stock_out_handle_status",
    "free_sf",
    "home_delivery_type",
    "self_contained",
    "shipping_type",
    "yyps_date",
    "yyps_time",
    "urge_shipping_time",
    "invoice_status",
    "return_freight_payer",
    "mkt_biz_type",
    "duoduo_wholesale",
    "pay_type",
    "inner_transaction_id",
)
#: Of these 0 is a word as well: a group that is not full yet.
SAYS_AT_ZERO: Final = frozenset({"group_status"})
PECULIAR_YUAN: Final = (
    "platform_discount",
    "seller_discount",
    "capital_free_discount",
    "duo_duo_pay_reduction",
)

# --------------------------------------------------------------------------------------------- messages

TOPICS: Final[Mapping[str, HintKind]] = MappingProxyType({
    "pdd_trade_TradeConfirmed": HintKind.changed,
    "pdd_trade_TradeSellerShip": HintKind.changed,
    "pdd_trade_TradeSuccess": HintKind.changed,
    "pdd_trade_TradeMemoModified": HintKind.changed,
    "pdd_trade_BuyerMemoModified": HintKind.changed,
    "pdd_trade_TradeLogisticsAddressChanged": HintKind.address_asked,
    "pdd_trade_TradeRiskChanged": HintKind.risk,
    "pdd_refund_RefundCreated": HintKind.refund_asked,
    "pdd_refund_RefundAgreeAgreement": HintKind.refund_asked,
    "pdd_refund_RefundBuyerModifyAgreement": HintKind.refund_asked,
    "pdd_refund_RefundBuyerReturnGoods": HintKind.changed,
    "pdd_refund_RefundCreateMessage": HintKind.changed,
    "pdd_refund_RefundClosed": HintKind.refund_over,
    "pdd_chat_OrderPromise": HintKind.changed,
})
#: Topics under these names concern an order; goods, shop and chat topics without an order number concern nobody here.
ABOUT_ORDERS: Final = ("pdd_trade_", "pdd_refund_")
#: Exchange, resend and repair give no money back.
NO_REFUND_BILLS: Final = frozenset({3, 4, 5})

# ----------------------------------------------------------------------------------------------- errors

TOKEN_OVER: Final = frozenset({10019, 10035})
SIGN_IN_AGAIN: Final = frozenset({20001, 20032})
WRONG_SETTINGS: Final = frozenset({10001, 10016, 10017, 10018, 20004, 20035})
#: What is lacking: a person asks Pinduoduo for it.
NO_PERMISSION: Final[Mapping[int, Cause]] = MappingProxyType({
    20005: Cause.right_ip,
    20031: Cause.right_call,
    30000: Cause.right_call,
    70032: Cause.right_forbidden,
    70034: Cause.right_forbidden,
    70035: Cause.right_forbidden,
})
NOT_TAKEN: Final = frozenset({10000, 10002, 20007, 20034, 21001, 21002, 50001, 52004})
TOO_OFTEN: Final = frozenset({52101, 70031})

# ---------------------------------------------------------------------------------------------- couriers

#: kuaidi100 company code -> Pinduoduo's company id (``pdd.logistics.companies.get``).
COMPANIES: Final[Mapping[str, int]] = MappingProxyType({
    "shentong": 1,
    "huitongkuaidi": 3,
    "shunfeng": 44,
    "yuantong": 85,
    "zhongtong": 115,
    "youshuwuliu": 117,
    "ems": 118,
    "tiantian": 119,
    "jd": 120,
    "yunda": 121,
    "guotongkuaidi": 124,
    "zhaijisong": 129,
    "debangkuaidi": 131,
    "youzhengguonei": 132,
    "longbanwuliu": 133,
    "suer": 155,
    "kuayue": 183,
    "annengwuliu": 208,
    "tiandihuayu": 210,
    "debangwuliu": 230,
    "rrs": 227,
    "suning": 228,
    "baishiwuliu": 229,
    "jiajiwuliu": 276,
    "jinguangsudikuaijian": 281,
    "youzhengbk": 324,
    "zhongtongkuaiyun": 343,
    "yundakuaiyun": 344,
    "yimidida": 348,
    "jtexpress": 384,
})
