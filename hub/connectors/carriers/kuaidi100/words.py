"""What kuaidi100's states and the couriers' own sentences mean, as our node kinds.

The state of a node is a pure function of that node alone (never of its neighbours): the same event comes again in
every later push and must become the same node. The numbers are kuaidi100's; at KDNiao the same ones mean other things.
"""

from __future__ import annotations

import re
from typing import Final

from app.core.tracking import NodeKind as K

#: Codes that say all: the text is not asked.
SURE: Final[dict[str, K]] = {
    "101": K.label_created,
    "102": K.awaiting_pickup,
    "103": K.picked_up,
    "1001": K.dest_arrived,
    "1003": K.hub_departed,  # passed on to another courier
    "5": K.out_for_delivery,
    "501": K.at_pickup_point,
    "3": K.delivered,
    "301": K.delivered,
    "302": K.delivered,
    "303": K.delivered,
    "304": K.delivered,
    "6": K.returning,
    "4": K.returning,
    "14": K.returning,
    "401": K.delivery_problem,  # the number was voided: nothing is on its way back
    "7": K.hub_departed,
    **dict.fromkeys(("2", *map(str, range(201, 211))), K.delivery_problem),
    "8": K.customs_pending,
    "10": K.customs_pending,
    "11": K.customs_pending,
    "12": K.customs_cleared,
    "13": K.customs_held,
}
#: Codes that say too little, and what they are when the text says no more: 0 stands even on "being delivered".
LOOSE: Final[dict[str, K]] = {"0": K.origin_departed, "1002": K.hub_departed, "1": K.picked_up}
#: The word beside the code; answers of the older form have this alone.
CODES: Final[dict[str, str]] = {
    "揽收": "1",
    "已下单": "101",
    "待揽收": "102",
    "已揽收": "103",
    "在途": "0",
    "到达派件城市": "1001",
    "干线": "1002",
    "转递": "1003",
    "派件": "5",
    "投柜或驿站": "501",
    "签收": "3",
    "本人签收": "301",
    "派件异常后签收": "302",
    "代签": "303",
    "投柜或站签收": "304",
    "退回": "6",
    "退签": "4",
    "已销单": "401",
    "拒签": "14",
    "转投": "7",
    "疑难": "2",
    "长时间未签收": "201",
    "长时间未更新": "202",
    "拒收": "203",
    "派件异常": "204",
    "柜或驿站超时未取": "205",
    "无法联系": "206",
    "超区": "207",
    "滞留": "208",
    "破损": "209",
    "销单": "210",
    "清关": "8",
    "待清关": "10",
    "清关中": "11",
    "已清关": "12",
    "清关异常": "13",
}

_COURIER = "EMS|邮政|顺丰|中通|圆通|申通|韵达|极兔|德邦|京东|百世|天天"
#: "signed by: 转EMS1133969112997" is no delivery: another courier has it now.
_PASSED_ON = re.compile(rf"转\s*(?:{_COURIER})|转[^，。,；]{{0,8}}\d{{8,}}", re.IGNORECASE)
_NOTHING = re.compile(r"查无|暂无|单号不存在|没有(?:查到|结果)")
_CENTER = re.compile(r"中心|中转|分拨|集散|转运|枢纽|航空|机场|口岸")
_OUTLET = re.compile(r"营业|网点|分部|公司|揽投|服务[点站]|投递[部站]|派送点|驿站|[一二三四五六七八九十]部")
_LEAVES = re.compile(r"离开|发往|发出|已发车|装车|装件|下一站|启运|起飞")
_GOES_TO = re.compile(r"发往|下一站|[;；,，】]")
_ARRIVES = re.compile(r"到达|已到|抵达|卸车|下车|收入|拆包|进站")

#: Read in this order: the first that fits is what happened.
_SAID: Final[tuple[tuple[re.Pattern[str], K], ...]] = (
    (re.compile(r"清关异常|清关失败|海关(?:扣|查)"), K.customs_held),
    (re.compile(r"已清关|清关(?:完成|结束|放行)|海关放行"), K.customs_cleared),
    (re.compile(r"清关|报关|海关"), K.customs_pending),
    (
        re.compile(r"失败签收|签收失败|未签收|派件异常|派送失败|投递失败|未妥投|疑难|无法联系|无人接听"),
        K.delivery_problem,
    ),
    (re.compile(r"拒收|拒签|超区|破损|滞留|地址不详|延迟派送|超时未取"), K.delivery_problem),
    (
        re.compile(r"已退回|退回中|退件|退签|(?:快件|包裹|快递)(?:被|正在?|将)?退回|退回(?:寄|发)件"),
        K.returning,
    ),
    (re.compile(r"已签收|代签收|签收人|已妥投|并签收|本人签收"), K.delivered),
    (
        re.compile(r"派件中|派送中|派送途中|正在(?:派|为您派|第\d+次派|投递)|派件扫描|安排投递"),
        K.out_for_delivery,
    ),
    (
        re.compile(r"(?:暂存|存放|存入|投放|放入|送达|投递|到达|代收).{0,24}(?:驿站|柜|代收点|自提)"),
        K.at_pickup_point,
    ),
    (re.compile(r"(?:驿站|柜|代收点|自提[点柜]|便利店).{0,4}代收|凭取[货件]码"), K.at_pickup_point),
    (re.compile(r"揽收任务|待揽收|待揽件|等待揽|即将上门|上门揽收|已接单"), K.awaiting_pickup),
    (re.compile(r"已下单|已打单|订单已?创建|电子面单"), K.label_created),
    (re.compile(r"已揽收|已揽件|揽收成功|已取件|已收件|(?:已收取|收取)(?:快件|包裹)"), K.picked_up),
)


def said_in(text: str) -> K | None:
    """What a courier's sentence says happened; None where it says nothing we know."""
    if _NOTHING.search(text):
        return K.other
    if "签收" in text and _PASSED_ON.search(text):
        return K.hub_departed
    for pattern, kind in _SAID:
        if pattern.search(text):
            return kind
    if _LEAVES.search(text):
        place = _left(text)
        return K.origin_departed if _OUTLET.search(place) and not _CENTER.search(place) else K.hub_departed
    if _ARRIVES.search(text):
        return K.dest_arrived if _OUTLET.search(text) and not _CENTER.search(text) else K.hub_arrived
    return None


def _left(text: str) -> str:
    """The part of a departure that names what is left, not where it goes."""
    _, sep, after = text.partition("离开")
    return _GOES_TO.split(after, maxsplit=1)[0] if sep else _LEAVES.split(text, maxsplit=1)[0]


def kind_of(code: str, word: str, text: str) -> tuple[K, str]:
    """A node's kind, and the unknown code in it, as ``"statusCode=977"``; empty where all is known.

    A code nobody knows is ``other`` whatever the text says: unknown stays unknown until a person has looked.
    """
    named = code or CODES.get(word, "")
    if not named and word:
        return K.other, f"status={word}"
    if _NOTHING.search(text):
        return K.other, ""
    if named in SURE:
        kind = SURE[named]
        return (K.hub_departed if kind is K.delivered and _PASSED_ON.search(text) else kind), ""
    if named in LOOSE:
        return said_in(text) or LOOSE[named], ""
    if named:
        return K.other, f"statusCode={named}"
    return said_in(text) or K.other, ""
