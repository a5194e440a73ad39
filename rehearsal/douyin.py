"""A stand-in for Douyin shop's gateway: its signatures, its answers, its errors inside status 200, its pushes.

``Douyin(clock)`` has a :class:`~rehearsal.book.Book` of orders; ``serving(douyin.app)`` answers ``order.searchList``,
``order.orderDetail``, ``order.logisticsAdd``, ``order.logisticsCompanyList`` and ``token.refresh``. What happens in the
book becomes events; :class:`~rehearsal.douyin_pushes.Pusher` sends them. It checks what it is asked as strictly as
the platform does: a wrong signature, an old page, a full query are refused with the platform's own codes.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, Literal

from app.ports import Clock
from rehearsal.book import Book, Bought, NotSo, Refund, Stage
from rehearsal.server import OF_WORDS, Asgi, Call, Manner, Manners, Reply, app_of
from rehearsal.shop import Dice, Good, Person

CHINA = timezone(timedelta(hours=8))
FRESH = timedelta(minutes=10)
KEPT = timedelta(days=90)
SHOP_ID = 10437917
#: What is sold live carries the influencer who sold it.
INFLUENCERS = (
    (4195355415549012345, "小满在直播", "20.00"),
    (0, "", ""),
    (4195355415549054321, "阿杰的杂货铺", "15.50"),
)
COMPANIES = {
    "shunfeng": "顺丰速运",
    "zhongtong": "中通快递",
    "yuantong": "圆通速递",
    "shentong": "申通快递",
    "yunda": "韵达快递",
    "jtexpress": "极兔速递",
    "jd": "京东快递",
    "ems": "EMS",
    "youzhengguonei": "邮政快递包裹",
    "debangwuliu": "德邦快递",
}
Spelling = Literal["both", "new", "old"]


class Refused(Exception):
    """An error inside status 200, as the platform numbers it."""

    def __init__(self, code: int, sub_code: str, text: str) -> None:
        super().__init__(sub_code)
        self.code, self.sub_code, self.text = code, sub_code, text


def numbering(placed_at: datetime, serial: int, dice: Dice) -> str:
    """19 digits, above 2^53: a moment and a number that runs on."""
    return f"69{int(placed_at.timestamp()) % 10**9:09d}{serial:06d}{dice.below(100):02d}"


class Douyin:
    """One shop on the platform. Attributes may be changed from any thread while it is served."""

    def __init__(
        self,
        clock: Clock,
        *,
        app_key: str = "7000000000000000001",
        app_secret: str = "00000000-aaaa-bbbb-cccc-000000000001",
        access_token: str = "douyin-token-0",
        refresh_token: str = "douyin-refresh-0",
        seed: int = 1,
    ) -> None:
        self.clock = clock
        self.app_key, self.app_secret = app_key, app_secret
        self.access_token, self.refresh_token = access_token, refresh_token
        self.book = Book(clock, numbering, seed)
        self.manners = Manners(seed)
        #: How good answers are spelled; errors are "new" unless this is "old".
        self.spelling: Spelling = "both"
        #: Methods that the app has no right for.
        self.without_right: set[str] = set()
        #: The seller has withdrawn the authorisation.
        self.is_withdrawn = False
        self.asked: list[str] = []
        self._old_tokens: set[str] = set()
        self._ciphers = 0
        self._lock = threading.Lock()

    @property
    def app(self) -> Asgi:
        return app_of(self.answer, self.manners, self._method)

    def expire(self) -> None:
        """The access token is over from now on; the refresh token gives another."""
        with self._lock:
            self._old_tokens.add(self.access_token)
            self.access_token = f"douyin-token-{len(self._old_tokens)}"

    async def answer(self, call: Call) -> Reply:
        """One call; whatever is refused is refused inside status 200."""
        with self._lock:
            self.asked.append(self._method(call))
        try:
            return Reply.told(self._good(self._answered(call)))
        except Refused as error:
            return Reply.told(self._bad(error))

    # -------------------------------------------------------------------------------------------- the door

    def _method(self, call: Call) -> str:
        return call.query.get("method", call.path)

    def _answered(self, call: Call) -> Any:
        method = self._method(call)
        params = self._checked(call, method)
        met = self.manners.meet(method, OF_WORDS)
        if met is Manner.throttled:
            raise Refused(60000, "isv.traffic-limited", "触发限流，请稍后重试")
        if met is Manner.refused:
            raise Refused(20000, "isp.service-error:20005", "服务不可用")
        answers: Mapping[str, Callable[[Any], Any]] = {
            "order.searchList": self._list,
            "order.orderDetail": self._detail,
            "order.logisticsAdd": self._ship,
            "order.logisticsCompanyList": lambda _: self._companies(),
            "token.refresh": self._refresh,
        }
        if method not in answers or call.path != "/" + method.replace(".", "/"):
            raise Refused(70000, "isp.api-service-off", "API不存在或API已下线")
        return answers[method](params)

    def _checked(self, call: Call, method: str) -> Any:
        """The business parameters of a call whose key, signature, time, token and right are in order."""
        query = call.query
        if query.get("app_key") != self.app_key:
            raise Refused(40001, "isv.app-id-missing", "认证失败，app_key不存在")
        if query.get("v") != "2" or query.get("sign_method") != "hmac-sha256":
            raise Refused(40001, "isv.signature-missing", "获取签名失败")
        body = call.body.decode("utf-8", "replace")
        stamp = query.get("timestamp", "")
        if not hmac.compare_digest(self.sign(method, body, stamp), query.get("sign", "")):
            raise Refused(40003, "isv.signature-invalid", "签名校验失败")
        self._check_time(stamp)
        if method != "token.refresh":
            self._check_token(query.get("access_token", ""), method)
        try:
            params = json.loads(body)
        except ValueError as error:
            raise Refused(40003, "isv.parameter-format-invalid", "业务参数json解析失败") from error
        if body != json.dumps(params, ensure_ascii=False, separators=(",", ":"), sort_keys=True):
            # the platform puts it in order before it signs: what was not in order does not match
            raise Refused(40003, "isv.signature-invalid", "签名校验失败")
        return params

    def sign(self, method: str, params: str, stamp: str) -> str:
        """HMAC-SHA256 as the platform makes it."""
        pieces = (
            "app_key",
            self.app_key,
            "method",
            method,
            "param_json",
            params,
            "timestamp",
            stamp,
            "v",
            "2",
        )
        text = self.app_secret + "".join(pieces) + self.app_secret
        return hmac.new(self.app_secret.encode(), text.encode(), hashlib.sha256).hexdigest()

    def _check_time(self, stamp: str) -> None:
        try:
            at = datetime.strptime(stamp, "%Y-%m-%d %H:%M:%S").replace(tzinfo=CHINA)
        except ValueError as error:
            raise Refused(40003, "isv.timestamp-format-error", "时间戳格式错误") from error
        if abs(self.clock.now() - at) > FRESH:
            raise Refused(40003, "isv.timestamp-invalid", "时间戳不合法")

    def _check_token(self, token: str, method: str) -> None:
        if self.is_withdrawn:
            raise Refused(30001, "dop.authorization-closed", "店铺授权已被关闭，请联系商家打开授权开关")
        if not token:
            raise Refused(40001, "isv.access-token-missing", "认证失败，access_token不能为空")
        if token in self._old_tokens:
            raise Refused(40003, "isv.access-token-expired", "access_token已过期")
        if token != self.access_token:
            raise Refused(
                40003, "isv.access-token-no-existed", "access_token不存在，请使用最新的access_token访问"
            )
        if method in self.without_right:
            raise Refused(
                30001, "isv.app-permissions-insufficient", "应用无权限调用该接口，请先申请接口权限包"
            )

    def _good(self, data: Any) -> dict[str, Any]:
        old = {"err_no": 0, "message": "success"}
        new = {"code": 10000, "msg": "success", "sub_code": "", "sub_msg": ""}
        spelled = {"old": old, "new": new, "both": old | new}[self.spelling]
        return {"data": data, **spelled, "log_id": f"20261121{len(self.asked):024d}"}

    def _bad(self, error: Refused) -> dict[str, Any]:
        if self.spelling == "old":
            return {"err_no": error.code, "message": error.text, "log_id": ""}
        return {
            "code": error.code,
            "msg": "失败",
            "sub_code": error.sub_code,
            "sub_msg": error.text,
            "log_id": f"20261121{len(self.asked):024d}",
        }

    # ------------------------------------------------------------------------------------------ its answers

    def _list(self, params: Any) -> dict[str, Any]:
        page, size = int(params.get("page", 0)), int(params.get("size", 20))
        if page < 0:
            raise Refused(40004, "isv.parameter-invalid:10035", "page不能小于0")
        if not 0 < size <= 100:
            raise Refused(40004, "isv.parameter-invalid:20008", "size不能大于100")
        if page * size > 50_000:
            raise Refused(40004, "isv.parameter-invalid:20013", "page*size不能大于50000")
        if len(params.get("combine_status", [])) > 1:
            raise Refused(40004, "isv.parameter-invalid:20012", "combine_status仅支持一个元素")
        what = "update" if "update_time_start" in params else "create"
        if f"{what}_time_start" not in params:
            raise Refused(40004, "isv.parameter-invalid:20011", "开始时间不能为空")
        now = int(self.clock.now().timestamp())
        since, until = int(params[f"{what}_time_start"]), int(params.get(f"{what}_time_end", now))
        if since < now - KEPT.total_seconds():
            raise Refused(40004, "isv.parameter-invalid:20022", "只能查询最近90天的订单")

        def moment(order: Bought) -> int:
            return _seconds(order.modified_at if what == "update" else order.placed_at)

        found = sorted((o for o in self.book.orders() if since <= moment(o) <= until), key=moment)
        if not params.get("order_asc", False):
            found.reverse()
        rows = self.manners.outgoing("order.searchList", found[page * size : (page + 1) * size])
        return {
            "page": page,
            "size": size,
            "total": len(found),
            "shop_order_list": [self.order(order) for order in rows],
        }

    def _detail(self, params: Any) -> dict[str, Any]:
        return {"shop_order_detail": self.order(self._find(params.get("shop_order_id")))}

    def _ship(self, params: Any) -> dict[str, Any]:
        order = self._find(params.get("order_id"))
        if params.get("company_code") not in COMPANIES:
            raise Refused(50002, "isv.business-failed:60018", "物流公司错误。原因：暂不支持该物流商")
        if Refund.asked in (order.refund_of(n) for n in range(len(order.lines))):
            raise Refused(50002, "isv.business-failed:60040", "发货订单中有退款申请需要处理，请先处理。")
        if order.stage is not Stage.paid:
            raise Refused(50002, "isv.business-failed:60021", "该订单的订单状态不允许发货")
        try:
            self.book.ship(order.order_no, params["company_code"], str(params.get("logistics_code", "")))
        except NotSo as error:
            raise Refused(50002, "isv.business-failed:60021", "该订单的订单状态不允许发货") from error
        return {"pack_id": f"7{order.serial:012d}"}

    def _companies(self) -> list[dict[str, Any]]:
        return [{"id": n, "name": name, "code": code} for n, (code, name) in enumerate(COMPANIES.items(), 1)]

    def _refresh(self, params: Any) -> dict[str, Any]:
        if params.get("grant_type") != "refresh_token":
            raise Refused(50001, "dop.token-generate-failed:grant-type-invalid", "grant_type参数取值不正确")
        if self.is_withdrawn or params.get("refresh_token") != self.refresh_token:
            raise Refused(50001, "dop.token-generate-failed:token-invalid", "生成token失败，token不存在")
        with self._lock:
            self._old_tokens.add(self.access_token)
            self.access_token = f"douyin-token-{len(self._old_tokens)}"
            self.refresh_token = f"douyin-refresh-{len(self._old_tokens)}"
        return {
            "access_token": self.access_token,
            "expires_in": 604800,
            "refresh_token": self.refresh_token,
            "scope": "SCOPE",
            "shop_id": SHOP_ID,
            "shop_name": "江南小铺",
        }

    def _find(self, order_no: Any) -> Bought:
        found = self.book.find(order_no) if isinstance(order_no, str) else None
        if found is None:
            raise Refused(50002, "isv.business-failed:60033", "订单不存在，请仔细检查后重试")
        return found

    # -------------------------------------------------------------------------------------- an order, told

    def order(self, order: Bought) -> dict[str, Any]:
        """One order as ``shop_order_list`` and ``shop_order_detail`` tell it, receivers in cipher."""
        status, main = _statuses(order)
        lines = [self._line(order, n, good, qty) for n, (good, qty) in enumerate(order.lines)]
        return {
            "shop_id": SHOP_ID,
            "shop_name": "江南小铺",
            "order_id": order.order_no,
            "order_level": 2,
            "biz": 2,
            "order_type": 0,
            "order_status": status,
            "order_status_desc": "",
            "main_status": main,
            "main_status_desc": "",
            "create_time": _seconds(order.placed_at),
            "pay_time": _seconds(order.paid_at),
            "update_time": _seconds(order.modified_at),
            "exp_ship_time": _seconds(order.ship_by_at),
            "ship_time": _seconds(order.shipped_at),
            "finish_time": _seconds(order.received_at),
            "cancel_reason": "不想要了" if order.stage is Stage.cancelled else "",
            "buyer_words": order.buyer_remark,
            "seller_words": order.seller_remark,
            "seller_remark_stars": order.serial % 6,
            "order_amount": order.goods_fen,
            "pay_amount": order.paid_fen if order.paid_at else 0,
            "post_amount": order.freight_fen,
            "promotion_amount": order.coupon_fen,
            **self._receiver(order.person),
            "doudian_open_id": "1@#" + _digest(order.person.nick),
            "logistics_info": self._waybills(order),
            "sku_order_list": lines,
        }

    def _line(self, order: Bought, n: int, good: Good, qty: int) -> dict[str, Any]:
        status, main = _statuses(order)
        if order.stage is Stage.paid and order.refund_of(n) is Refund.done:
            status, main = _STATUS[Stage.cancelled], _REFUNDED[Stage.cancelled]
        author, name, rate = INFLUENCERS[order.serial % len(INFLUENCERS)]
        product = 3480000000000000000 + int(_digits(good.sku_code, 9))
        return {
            "order_id": str(int(order.order_no) + n),
            "parent_order_id": order.order_no,
            "order_level": 3,
            "order_status": status,
            "main_status": main,
            "author_id": author,
            "author_name": name,
            **({"commission_rate": rate} if rate else {}),
            "theme_type": "1" if author else "0",
            "room_id": 7436690111222333444 if author else 0,
            "code": good.sku_code,
            "product_id": product,
            "product_id_str": str(product),
            "sku_id": product + 1,
            "product_name": good.title,
            "spec": [{"name": "规格", "value": good.spec}],
            "origin_amount": good.price_fen,
            "item_num": qty,
            "sum_amount": good.price_fen * qty,
            "goods_type": 0,
            "receive_type": 1,
            "after_sale_info": _after_sale(order, order.refund_of(n)),
        }

    def _receiver(self, person: Person) -> dict[str, Any]:
        where = {
            "province": {"name": person.province, "id": "330000"},
            "city": {"name": person.city, "id": "330100"},
            "town": {"name": person.district, "id": "330106"},
            "street": {"name": "", "id": ""},
        }
        return {
            "encrypt_post_receiver": self._cipher("##", person.name, "#1##"),
            "encrypt_post_tel": self._cipher("$$", person.phone, "$1$$"),
            "post_addr": {**where, "encrypt_detail": self._cipher("##", person.address, "#1##")},
            "mask_post_receiver": f"{person.name[:1]}***",
            "mask_post_tel": f"{person.phone[:1]}********{person.phone[-2:]}",
            "mask_post_addr": {**where, "detail": f"{person.address[:1]}*****"},
            "open_address_id": "#" + _digest(*person[1:]) + "#",
        }

    def _cipher(self, before: str, text: str, after: str) -> str:
        """Another text each time for the same value, which nobody here can open."""
        with self._lock:
            self._ciphers += 1
            number = self._ciphers
        return f"{before}{_digest(self.app_secret, text, str(number))}{after}"

    def _waybills(self, order: Bought) -> list[dict[str, Any]]:
        if not order.waybill_no:
            return []
        told = {"tracking_no": order.waybill_no, "company": order.carrier, "delivery_id": f"d{order.serial}"}
        return [told | {"company_name": COMPANIES[order.carrier], "ship_time": _seconds(order.shipped_at)}]


_STATUS = {Stage.placed: 1, Stage.paid: 2, Stage.shipped: 3, Stage.received: 5, Stage.cancelled: 4}
_REFUNDED = {Stage.cancelled: 21, Stage.shipped: 22, Stage.received: 39}


def _statuses(order: Bought) -> tuple[int, int]:
    """``order_status`` and ``main_status``."""
    status = 105 if order.stage is Stage.paid and order.is_risky else _STATUS[order.stage]
    return status, _REFUNDED.get(order.stage, status) if order.refund is Refund.done else status


def _after_sale(order: Bought, refund: Refund) -> dict[str, int]:
    status, money = {
        Refund.none: (0, 0),
        Refund.asked: (6, 1),
        Refund.agreed: (12, 1),
        Refund.done: (12, 3),
        Refund.closed: (28, 1),
    }[refund]
    kind = (1 if order.shipped_at else 2) if refund is not Refund.none else 0
    return {"after_sale_status": status, "after_sale_type": kind, "refund_status": money}


def _seconds(at: datetime | None) -> int:
    return int(at.astimezone(UTC).timestamp()) if at else 0


def _digest(*texts: str) -> str:
    return base64.b64encode(hashlib.sha256("|".join(texts).encode()).digest()[:18]).decode()


def _digits(text: str, count: int) -> str:
    return str(int(hashlib.sha256(text.encode()).hexdigest(), 16))[:count]
