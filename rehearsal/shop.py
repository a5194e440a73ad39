"""A made-up shop in Hangzhou for home textiles and snacks: its goods, its waybill pool, a day of orders.

Everything is composed here and follows from the seed and the day: the same call gives the same rows, on every
machine. Phones, order and waybill numbers have the true form and belong to nobody we know.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import NamedTuple, TypeVar

T = TypeVar("T")


class Dice:
    """Throws that follow from a seed alone, alike on every machine and version."""

    def __init__(self, seed: object) -> None:
        self._seed = str(seed)
        self._thrown = 0

    def below(self, limit: int) -> int:
        """A number from 0 to ``limit`` - 1."""
        self._thrown += 1
        digest = hashlib.sha256(f"{self._seed}/{self._thrown}".encode()).digest()
        return int.from_bytes(digest[:8], "big") % limit

    def pick(self, things: Sequence[T]) -> T:
        return things[self.below(len(things))]

    def chance(self, one_in: int) -> bool:
        return self.below(one_in) == 0


# ---------------------------------------------------------------------------------------------- goods


class Good(NamedTuple):
    """One article. ``pack`` is the number of units behind its outer barcode, 0 = none."""

    sku_code: str
    title: str
    spec: str
    bin: str
    weight_g: int
    price_fen: int
    pack: int = 0


GOODS: tuple[Good, ...] = (
    Good(
        "JF-SJT-180-YB",
        "60支长绒棉贡缎四件套全棉纯棉床单被套枕套裸睡亲肤简约纯色家纺套件",
        "月白 / 1.8米床",
        "A-01-1",
        2350,
        39900,
    ),
    Good(
        "JF-SJT-150-DH",
        "60支长绒棉贡缎四件套全棉纯棉床单被套枕套裸睡亲肤简约纯色家纺套件",
        "豆灰 / 1.5米床",
        "A-01-2",
        2180,
        36900,
    ),
    Good(
        "JF-BX-DR-200",
        "新疆长绒棉花被手工棉絮春秋被芯 学生宿舍单双人加厚冬被",
        "六斤 / 200×230cm",
        "A-02-1",
        3200,
        25900,
    ),
    Good("JF-BX-XL-150", "A类大豆纤维夏凉被可水洗空调被儿童薄被", "浅绿 / 150×200cm", "A-02-3", 1100, 12900),
    Good("JF-ZT-JM-1", "泰国天然乳胶枕芯护颈椎枕头 带内外套", "高低款 / 60×40cm", "A-03-1", 1350, 15900, 4),
    Good("JF-ZT-QM-2", "决明子荞麦枕 硬枕头 一对装", "一对 / 48×74cm", "A-03-2", 2600, 8990),
    Good("JF-MJ-3T", "新疆棉毛巾三条装 吸水不掉毛 洗脸家用", "灰+白+蓝 / 34×74cm", "B-01-1", 330, 2990, 20),
    Good("JF-YJ-1T", "加厚浴巾 纯棉成人裹巾 酒店同款", "燕麦色 / 70×140cm", "B-01-2", 480, 4990, 10),
    Good("JF-DD-YK", "法兰绒盖毯午睡毯办公室空调毯沙发毯", "焦糖 / 150×200cm", "B-02-1", 980, 6990),
    Good("JF-BZ-45", "北欧几何抱枕套 不含芯", "黛蓝 / 45×45cm", "B-02-4", 120, 1990, 50),
    Good("JF-CL-SS", "遮光窗帘成品 挂钩式 免打孔卧室", "雾霾蓝 / 2.0×2.4米 一片", "B-03-1", 1850, 13900),
    Good("JF-DT-JY", "硅藻泥脚垫浴室吸水速干防滑门口地垫", "千鸟格 / 40×60cm", "B-03-3", 720, 3490),
    Good(
        "LS-XHT-500", "西湖藕粉桂花莲子羹 独立小袋 冲泡即食", "桂花味 / 500g（20袋）", "C-01-1", 620, 3880, 12
    ),
    Good("LS-LJC-250", "明前龙井茶 2026新茶 特级 豆香型 自饮罐装", "特级 / 250g", "C-01-2", 420, 26800, 6),
    Good(
        "LS-SHT-300", "临安山核桃仁 原味奶油味混合装 坚果孕妇零食", "奶油味 / 300g", "C-02-1", 360, 6980, 24
    ),
    Good("LS-XZ-5J", "手剥小香榧 诸暨枫桥特产 三代香榧", "5A级 / 500g", "C-02-2", 560, 12800, 16),
    Good("LS-DDG-10", "定胜糕龙井茶酥绿豆糕 杭州特产伴手礼糕点", "10枚礼盒", "C-03-1", 780, 5800, 8),
    Good("LS-JHHT-2", "金华火腿月饼 酥皮 现烤短保", "2枚 / 160g", "C-03-2", 190, 2480, 30),
    Good("LS-NR-100", "手撕牛肉干 内蒙风味 五香味", "五香 / 100g", "C-04-1", 125, 3290, 40),
    Good("LS-GZ-XL", "宁波苔条花生 童年味道 下酒菜", "250g×2袋", "C-04-2", 540, 2290, 20),
    Good("LS-MX-12", "番茄味薯片 12连包 追剧整箱", "12包 / 整箱", "C-05-1", 980, 3990),
    Good("LS-YYT-1", "椰椰糖 老式椰子糖 喜糖散装", "500g", "C-05-2", 520, 1890, 20),
    Good("ZP-KZ-1", "会员赠品 竹筷一双", "原木色", "D-01-1", 30, 0),
    Good("ZP-BD-1", "满额赠品 杯垫 随机花色", "1片", "D-01-2", 25, 0),
)
_BY_SKU = {good.sku_code: good for good in GOODS}


def ean13(twelve: str) -> str:
    """The 13-digit code of twelve digits with its check digit."""
    weighted = sum(int(digit) * (3 if n % 2 else 1) for n, digit in enumerate(twelve))
    return twelve + str(-weighted % 10)


def barcode(good: Good) -> str:
    """The code on one unit."""
    return ean13(f"697884510{GOODS.index(good):03d}")


def pack_barcode(good: Good) -> str:
    """The code on the outer pack: GTIN-14 where goods come in transport cases, else a code of its own."""
    if good.pack >= 40:
        body = "1" + barcode(good)[:12]
        weighted = sum(int(digit) * (1 if n % 2 else 3) for n, digit in enumerate(body))
        return body + str(-weighted % 10)
    return ean13(f"697884590{GOODS.index(good):03d}")


# ---------------------------------------------------------------------------------------------- people


class Person(NamedTuple):
    nick: str
    name: str
    phone: str
    province: str
    city: str
    district: str
    address: str


PEOPLE: tuple[Person, ...] = (
    Person(
        "西湖边的猫",
        "张雨桐",
        "13800001207",
        "浙江省",
        "杭州市",
        "西湖区",
        "文三路 478 号华星时代广场 B 座 1203",
    ),
    Person(
        "tb_88213907",
        "王建国",
        "13800003345",
        "浙江省",
        "杭州市",
        "余杭区",
        "五常街道文一西路 998 号 4 幢 2 单元 601 室",
    ),
    Person(
        "@小鹿不吃草",
        "陆小鹿",
        "15900002216",
        "上海市",
        "上海市",
        "浦东新区",
        "世纪大道 1600 号陆家嘴商务广场 32 楼（前台代收）",
    ),
    Person(
        "龙井问茶", "朱䶮", "13800008123", "江苏省", "苏州市", "姑苏区", "平江路 116 号 旁边小巷进去第三家"
    ),
    Person(
        "吉祥如意1968", "𠮷田美和", "17700004411", "辽宁省", "大连市", "中山区", "人民路 24 号平安大厦 1708"
    ),
    Person(
        "天山来客",
        "买买提·阿不都热合曼",
        "13800007602",
        "新疆维吾尔自治区",
        "乌鲁木齐市",
        "天山区",
        "解放南路 198 号 3 号楼",
    ),
    Person(
        "puppy_love",
        "Emily Zhang",
        "+86 13800005518",
        "广东省",
        "深圳市",
        "南山区",
        "科技园科苑路 15 号 A1 栋 506",
    ),
    Person(
        "骉骉的妈",
        "马骉",
        "13800009930",
        "四川省",
        "成都市",
        "武侯区",
        "人民南路四段 27 号商鼎国际 2 单元 2109",
    ),
    Person("海边的卡夫卡", "林洁", "0592-5188600", "福建省", "厦门市", "思明区", "曾厝垵社 92 号（民宿）"),
    Person(
        "今天也要早睡",
        "欧阳思齐",
        "13800006124",
        "北京市",
        "北京市",
        "朝阳区",
        "望京街道阜通东大街 6 号院 3 号楼 1501",
    ),
    Person(
        "=SUM(快乐)",
        "许多多",
        "13800002880",
        "湖北省",
        "武汉市",
        "洪山区",
        "珞喻路 1037 号华中科技大学韵苑 22 栋 415",
    ),
    Person(
        "老陈不喝酒", "陈国富", "13800004479", "湖南省", "长沙市", "岳麓区", "麓山南路 932 号中南大学铁道校区"
    ),
    Person(
        "爱吃鱼的喵",
        "何㛃",
        "13800001015",
        "安徽省",
        "合肥市",
        "蜀山区",
        "潜山路 320 号新华学府花园 12 栋 1802",
    ),
    Person(
        "青青子衿",
        "李青",
        "15700001234-5678",
        "山东省",
        "青岛市",
        "市南区",
        "香港中路 76 号 颐中皇冠假日酒店 前台",
    ),
    Person(
        "不二家的铁铲",
        "赵铁柱",
        "13800007713",
        "河南省",
        "郑州市",
        "金水区",
        "花园路 39 号国贸 360 广场 C 座",
    ),
    Person(
        "云上的日子",
        "段云",
        "13800003306",
        "云南省",
        "大理白族自治州",
        "大理市",
        "古城玉洱路 142 号 院内二楼",
    ),
    Person(
        "七月流火", "孙悦", "13800008847", "浙江省", "宁波市", "鄞州区", "钱湖南路 8 号浙江万里学院 3-512"
    ),
    Person(
        "东北往事", "崔大鹏", "13800005029", "黑龙江省", "哈尔滨市", "道里区", "中央大街 89 号 教育书店旁"
    ),
    Person(
        "一只小团团", "周芷若", "13800009561", "陕西省", "西安市", "雁塔区", "小寨东路 126 号百隆广场 A-1802"
    ),
    Person(
        "账号已注销",
        "吴先生",
        "1380000****",
        "浙江省",
        "金华市",
        "义乌市",
        "福田街道银海路 333 号国际商贸城 F 区 9921 号商位",
    ),
    Person("慢慢走", "黄慢慢", "13800004090", "广西壮族自治区", "桂林市", "阳朔县", "西街 66 号 慢慢客栈"),
    Person(
        "岛屿来信",
        "方岛",
        "13800006657",
        "海南省",
        "三亚市",
        "吉阳区",
        "迎宾路 168 号阳光海岸 7 栋 2 单元 1103 室",
    ),
    Person(
        "番茄炒蛋", "唐果", "13800001768", "重庆市", "重庆市", "渝中区", "解放碑民权路 28 号英利大厦 26-8"
    ),
    Person(
        "五环以外",
        "高远",
        "13800002534",
        "河北省",
        "廊坊市",
        "三河市",
        "燕郊开发区燕顺路 福成五期 38 号楼 2-2702",
    ),
    Person(
        "草原小妹",
        "其木格",
        "13800008905",
        "内蒙古自治区",
        "呼和浩特市",
        "赛罕区",
        "大学西街 235 号 内大桃李湖家属院",
    ),
    Person(
        "小满小满",
        "谢小满",
        "13800007178",
        "江西省",
        "景德镇市",
        "珠山区",
        "新厂西路 150 号陶溪川 B 区 17 号",
    ),
)

_REMARKS = (
    "",
    "",
    "",
    "",
    "请尽快发货，谢谢！",
    "麻烦发顺丰，运费可以补。",
    "送人的，不要放价格单，谢谢老板",
    "放门口鞋柜上就行，别敲门，孩子在睡觉",
    "工作日送公司，周末不在",
    "帮忙检查一下有没有线头 🙏",
    "上次收到的颜色偏黄，这次请发白一点的",
    "-能不能多送一个杯垫-",
    "到了请打电话，不要放驿站！！！",
    "祝生意兴隆~ 会回购的",
)
_SELLER_REMARKS = (
    "",
    "",
    "",
    "",
    "老客户，赠品放一个",
    "已电话确认地址",
    "客户要求开发票，随包裹",
    "换货补发，见前单",
)


# ------------------------------------------------------------------------------------------- a day of orders


@dataclass(frozen=True, slots=True, kw_only=True)
class Sale:
    """One order of the day. Times are wall-clock times of the shop; ``lines`` are (sku_code, qty)."""

    channel_order_no: str
    ordered_at: datetime
    paid_at: datetime | None
    ship_by_at: datetime | None
    person: Person
    lines: tuple[tuple[str, int], ...]
    state: str = "已付款，待发货"
    coupon_fen: int = 0
    points_fen: int = 0
    freight_fen: int = 0
    buyer_remark: str = ""
    seller_remark: str = ""
    tags: str = ""
    carrier: str = ""
    waybill_no: str = ""

    @property
    def paid_fen(self) -> int:
        goods = sum(_BY_SKU[sku].price_fen * qty for sku, qty in self.lines)
        return max(0, goods + self.freight_fen - self.coupon_fen - self.points_fen)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wish:
    """An order somebody should find in every day: what it shows stands beside it below."""

    minute: int
    person: int
    lines: tuple[tuple[str, int], ...]
    more: Mapping[str, object] = field(default_factory=dict)


_WISHES: tuple[_Wish, ...] = (
    # one line, the simplest parcel there is
    _Wish(minute=8, person=0, lines=(("LS-XHT-500", 2),)),
    # the same buyer orders the same again within ten minutes
    _Wish(minute=61, person=1, lines=(("JF-SJT-180-YB", 1), ("JF-ZT-JM-1", 2)), more={"coupon_fen": 3000}),
    _Wish(minute=67, person=1, lines=(("JF-SJT-180-YB", 1), ("JF-ZT-JM-1", 2)), more={"coupon_fen": 3000}),
    # wanted today
    _Wish(
        minute=95,
        person=2,
        lines=(("LS-DDG-10", 3),),
        more={"buyer_remark": "急！！今天必须发出，周日带去做客的，谢谢谢谢", "tags": "加急"},
    ),
    # rare characters in the name
    _Wish(minute=130, person=3, lines=(("LS-LJC-250", 1), ("ZP-BD-1", 1)), more={"points_fen": 1200}),
    _Wish(minute=140, person=4, lines=(("JF-DD-YK", 1),)),
    _Wish(
        minute=142,
        person=5,
        lines=(("JF-BX-DR-200", 2),),
        more={"freight_fen": 2800, "seller_remark": "偏远，发邮政"},
    ),
    # one line with many units: an outer pack is scanned
    _Wish(minute=171, person=19, lines=(("JF-BZ-45", 100), ("JF-MJ-3T", 40)), more={"tags": "大客户、整箱"}),
    # a nickname that a spreadsheet takes for a formula
    _Wish(minute=188, person=10, lines=(("LS-MX-12", 1), ("LS-NR-100", 3))),
    # seven lines
    _Wish(
        minute=214,
        person=7,
        lines=(
            ("LS-XHT-500", 1),
            ("LS-SHT-300", 2),
            ("LS-XZ-5J", 1),
            ("LS-JHHT-2", 4),
            ("LS-GZ-XL", 1),
            ("LS-YYT-1", 2),
            ("ZP-KZ-1", 1),
        ),
        more={
            "coupon_fen": 2000,
            "points_fen": 500,
            "buyer_remark": "分两层放，茶酥放上面不要压碎\n放丰巢的话请短信告诉我取件码",
        },
    ),
    # not paid yet: kept, and not seen on the floor
    _Wish(minute=240, person=11, lines=(("JF-CL-SS", 2),), more={"state": "待付款", "paid": False}),
    # cancelled before it came to us
    _Wish(minute=255, person=14, lines=(("JF-DT-JY", 1),), more={"state": "交易关闭"}),
    # sent already, by another way
    _Wish(
        minute=270,
        person=9,
        lines=(("LS-LJC-250", 2),),
        more={"state": "已发货", "carrier": "顺丰速运", "waybill_no": "SF1604552381077"},
    ),
    # a ready label is known already
    _Wish(
        minute=301,
        person=16,
        lines=(("JF-YJ-1T", 2),),
        more={"carrier": "中通快递", "waybill_no": "78412600913355"},
    ),
    # a gift only: nothing to pay
    _Wish(minute=322, person=12, lines=(("ZP-BD-1", 1),), more={"seller_remark": "补发赠品，客户没收到"}),
    # virtual number
    _Wish(
        minute=333, person=13, lines=(("JF-SJT-150-DH", 1),), more={"buyer_remark": "虚拟号 打不通请用短信"}
    ),
)


def sales(day: date, seed: int = 1, count: int = 60) -> tuple[Sale, ...]:
    """The orders of one day by the time they were placed: the fixed ones above, the rest thrown."""
    dice = Dice(f"sales/{seed}/{day.isoformat()}")
    wishes = [*_WISHES, *(_thrown(dice) for _ in range(count - len(_WISHES)))]
    wishes.sort(key=lambda wish: wish.minute)
    return tuple(_sale(wish, n, day, dice) for n, wish in enumerate(wishes))


def _thrown(dice: Dice) -> _Wish:
    skus = dict.fromkeys(dice.pick(GOODS[:22]).sku_code for _ in range(dice.pick((1, 1, 1, 2, 2, 3))))
    lines = tuple((sku, dice.pick((1, 1, 1, 1, 2, 3))) for sku in skus)
    total = sum(_BY_SKU[sku].price_fen * qty for sku, qty in lines)
    more: dict[str, object] = {
        "buyer_remark": dice.pick(_REMARKS),
        "seller_remark": dice.pick(_SELLER_REMARKS),
        "coupon_fen": dice.pick((0, 0, 500, 1000)) if total > 5000 else 0,
        "points_fen": dice.pick((0, 0, 0, 88, 320)) if total > 2000 else 0,
        "freight_fen": 0 if total > 4900 else 600,
    }
    return _Wish(minute=dice.below(930), person=dice.below(len(PEOPLE)), lines=lines, more=more)


def _sale(wish: _Wish, n: int, day: date, dice: Dice) -> Sale:
    more = dict(wish.more)
    is_paid = bool(more.pop("paid", True))
    ordered = datetime.combine(day, time()) + timedelta(minutes=wish.minute, seconds=dice.below(60))
    paid = ordered + timedelta(seconds=8 + dice.below(150)) if is_paid else None
    return Sale(
        channel_order_no=_order_no(day, n, dice),
        ordered_at=ordered,
        paid_at=paid,
        ship_by_at=paid + timedelta(hours=24 if more.get("tags") == "加急" else 48) if paid else None,
        person=PEOPLE[wish.person],
        lines=wish.lines,
        **more,  # type: ignore[arg-type]
    )


def _order_no(day: date, n: int, dice: Dice) -> str:
    """19 digits, as the largest channel gives them; never with the zeros that tell of a damaged one."""
    return f"47{day:%y%m%d}{n:04d}{dice.below(10**6):06d}{1 + dice.below(9)}"


# ---------------------------------------------------------------------------------------------- as tables

ORDER_HEADINGS = (
    "平台单号",
    "订单状态",
    "下单时间",
    "付款时间",
    "发货截止时间",
    "买家昵称",
    "收货人",
    "手机",
    "省",
    "市",
    "区",
    "收货地址",
    "商品编码",
    "商品标题",
    "规格",
    "数量",
    "单价",
    "商品条码",
    "实付金额",
    "优惠券",
    "积分抵扣",
    "运费",
    "买家留言",
    "卖家备注",
    "标签",
    "快递公司",
    "运单号",
)
ITEM_HEADINGS = ("商品编码", "商品名称", "规格", "货位", "重量(克)", "商品条码", "装箱数")
WAYBILL_HEADINGS = ("快递公司", "运单号", "三段码")

#: A value of a table: text, whole number, yuan as text, or a wall-clock time.
Value = str | int | datetime


def yuan(fen: int) -> str:
    """128.50; nothing where there is nothing, as people leave such cells empty."""
    return f"{fen // 100}.{fen % 100:02d}" if fen else ""


def order_rows(day: date, seed: int = 1, count: int = 60) -> list[list[Value]]:
    """The day's orders, one row per line, without the headings (ORDER_HEADINGS)."""
    return [
        _order_row(sale, _BY_SKU[sku], qty) for sale in sales(day, seed, count) for sku, qty in sale.lines
    ]


def _order_row(sale: Sale, good: Good, qty: int) -> list[Value]:
    person = sale.person
    return [
        sale.channel_order_no,
        sale.state,
        sale.ordered_at,
        sale.paid_at or "",
        sale.ship_by_at or "",
        person.nick,
        person.name,
        person.phone,
        person.province,
        person.city,
        person.district,
        person.address,
        good.sku_code,
        good.title,
        good.spec,
        qty,
        f"{good.price_fen // 100}.{good.price_fen % 100:02d}",
        barcode(good),
        f"{sale.paid_fen // 100}.{sale.paid_fen % 100:02d}",
        yuan(sale.coupon_fen),
        yuan(sale.points_fen),
        yuan(sale.freight_fen),
        sale.buyer_remark,
        sale.seller_remark,
        sale.tags,
        sale.carrier,
        sale.waybill_no,
    ]


def item_rows() -> list[list[Value]]:
    """All goods, a row for each barcode (ITEM_HEADINGS)."""
    rows: list[list[Value]] = []
    for good in GOODS:
        base: list[Value] = [good.sku_code, good.title, good.spec, good.bin, good.weight_g]
        rows.append([*base, barcode(good), 1])
        if good.pack:
            rows.append([*base, pack_barcode(good), good.pack])
    return rows


_ROUTES = ("571-A12-03", "021-B07-15", "512-C03-08", "755-F01-22", "028-D11-01", "010-E05-17")


def waybill_rows(seed: int = 1, count: int = 200) -> list[list[Value]]:
    """A waybill pool of three carriers (WAYBILL_HEADINGS)."""
    dice = Dice(f"waybills/{seed}")
    forms = (("中通", "784126{:08d}"), ("圆通", "YT88{:011d}"), ("顺丰", "SF16{:011d}"))
    rows: list[list[Value]] = []
    for n in range(count):
        carrier, form = forms[(0, 0, 0, 1, 1, 2)[n % 6]]
        rows.append([carrier, form.format(10_000_000 + n * 37 + dice.below(37)), dice.pick(_ROUTES)])
    return rows
