"""hub.toml: read, checked and refused with the line and the nearest right name (design 1.3).

Secrets may stand in the file (then it must not be world-readable), in
``ORDERDOCK_SECRET_<SHOP_ID>_<FIELD>`` (id upper-cased, all but letters and digits as ``_``), or in the
keyring of the system: a value ``keyring:`` asks it for service ``orderdock``, name ``<id>.<field>``.
"""

from __future__ import annotations

import difflib
import os
import re
import stat
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar
from zoneinfo import ZoneInfo, available_timezones

import keyring
import msgspec
from keyring.errors import KeyringError
from msgspec import Meta, Struct

from app.core.freeze import Rules
from app.core.order import LastGate
from app.core.texts import Lang, Texts
from app.wire import Role, SiteRules
from hub.surroundings import Surroundings

#: Connectors this product knows by name; one that is not built yet is said at start, not refused.
SHOP_CONNECTORS = ("taobao", "jd", "pdd", "douyin", "file", "rehearsal")
CARRIER_CONNECTORS = ("kuaidi100", "track17", "sf", "zto", "kdniao", "rehearsal")


def _want(name: str, **limits: Any) -> Meta:
    """Limits of a value; ``hub.want_<name>`` says them to a person."""
    return Meta(extra={"want": name}, **limits)


Port = Annotated[int, _want("port", ge=0, le=65535)]
Id = Annotated[str, _want("id", pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,31}$")]
Url = Annotated[str, _want("url", pattern=r"^(https?://[^\s/]+\S*)?$")]
Seconds = Annotated[int, _want("poll_s", ge=1, le=86400)]


Address = Annotated[str, Meta(pattern=r"^https?://[^\s/#]+/?(#[0-9A-Fa-f:]{64,95})?$")]


class Hub(Struct, frozen=True, kw_only=True):
    """[hub]: the process itself."""

    host: Annotated[str, _want("host", min_length=1, pattern=r"^\S+$")] = "127.0.0.1"
    port: Port = 8620
    db: Annotated[str, _want("db", pattern=r"^(sqlite:///\S.*|postgresql(\+psycopg)?://\S+)$")] = (
        "sqlite:///orderdock.db"
    )
    timezone: Annotated[str, _want("timezone")] = "Asia/Shanghai"
    order_prefix: Annotated[str, _want("order_prefix", pattern=r"^[A-Z]{1,4}$")] = "OD"
    auto_release: bool = True
    countdown_s: Annotated[int, _want("countdown_s", ge=0, le=600)] = 15
    sign_on_required: bool = False
    #: A station that said nothing for so long is offline.
    online_s: Annotated[int, _want("online_s", ge=5, le=600)] = 25
    #: All addresses at which processes of this hub are reached; stations go on at another when theirs is gone.
    addresses: Annotated[tuple[Address, ...], _want("address")] = ()
    #: So long a station may go on with a parcel of its own without the hub.
    lease_min: Annotated[int, _want("lease_min", ge=2, le=720)] = 60


class Warehouse(Struct, frozen=True, kw_only=True):
    """[[warehouse]]: ``last_gate`` is the last moment a parcel can be stopped."""

    id: Id
    last_gate: LastGate = "handover"


class Shop(Struct, frozen=True, kw_only=True):
    """[[shop]]: one seller account on one channel."""

    id: Id
    connector: str
    warehouse: str = "main"
    base_url: Url = ""
    backup_url: Url = ""
    app_key: str = ""
    app_secret: str = ""
    access_token: str = ""
    refresh_token: str = ""
    poll_s: Seconds = 900
    #: What this shop's buyers read; orders across the border are answered in English whatever stands here.
    buyer_lang: Literal["zh", "en"] = "zh"
    #: Which of an app's sellers this is, by the platform's own number, where one app works for several.
    seller_id: str = ""
    message_url: Annotated[str, _want("url", pattern=r"^((https?|wss?)://[^\s/]+\S*)?$")] = ""


class Carrier(Struct, frozen=True, kw_only=True):
    """[[carrier]]: where courier nodes and e-waybills come from."""

    connector: str
    base_url: Url = ""
    customer: str = ""
    key: str = ""
    salt: str = ""
    #: Where this source reaches us from outside; empty = it cannot push.
    callback_url: Url = ""


class Notice(Struct, frozen=True, kw_only=True):
    """[[notice]]: an apprise address. ``kind`` "buyer": what it takes is handed on to buyers, and nothing else goes
    there; "house": our own people."""

    id: Id
    kind: Literal["house", "buyer"] = "house"
    url: Annotated[str, _want("text", min_length=1)]


class FirstUser(Struct, frozen=True, kw_only=True):
    """[[user]]: read on the first start only."""

    name: Annotated[str, _want("text", min_length=1, max_length=64)]
    role: Role
    password: Annotated[str, _want("password", min_length=8, max_length=256)]


#: What must not be read by everybody on the machine.
SECRETS: Mapping[str, tuple[str, ...]] = {
    "shop": ("app_secret", "access_token", "refresh_token", "app_key"),
    "carrier": ("key", "salt", "customer"),
    "notice": ("url",),
    "user": ("password",),
}
_TABLES: Mapping[str, type[Struct]] = {
    "hub": Hub,
    "warehouse": Warehouse,
    "shop": Shop,
    "carrier": Carrier,
    "notice": Notice,
    "user": FirstUser,
}
_ENV = "ORDERDOCK_SECRET_"
_S = TypeVar("_S", bound=Struct)


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong: ``hub.config_<key>`` with ``params``; ``line`` counts from 1, 0 is the file."""

    line: int
    key: str
    params: Mapping[str, Any]

    def sentence(self, name: str, texts: Texts, lang: Lang) -> str:
        words = dict(self.params)
        if want := words.get("want"):
            words["want"] = texts.text(f"hub.want_{want}", lang)
        said = texts.text(f"hub.config_{self.key}", lang, **words)
        if words.get("nearest"):
            said += texts.text("hub.config_nearest", lang, **words)
        where = texts.text("hub.config_at" if self.line else "hub.config_in", lang, file=name, line=self.line)
        return where + said


class BadConfig(Surroundings):
    """The file is refused, with every fault found in it."""

    def __init__(self, path: Path, faults: list[Fault]) -> None:
        super().__init__("config_refused", file=path.name)
        self.path = path
        self.faults = sorted(faults, key=lambda fault: fault.line)

    def sentence(self, texts: Texts, lang: Lang) -> str:
        """One line per fault."""
        return "\n".join(fault.sentence(self.path.name, texts, lang) for fault in self.faults)


class Settings(Struct, frozen=True, kw_only=True):
    """All a hub needs to know before it starts."""

    data_dir: Path
    hub: Hub = Hub()
    warehouses: tuple[Warehouse, ...] = (Warehouse(id="main"),)
    shops: tuple[Shop, ...] = ()
    carriers: tuple[Carrier, ...] = ()
    notices: tuple[Notice, ...] = ()
    users: tuple[FirstUser, ...] = ()
    #: Names of environment variables with secrets for nobody: said in the log at start.
    strangers: tuple[str, ...] = ()

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.hub.timezone)

    @property
    def db_url(self) -> str:
        """The database as SQLAlchemy wants it; a relative SQLite path is relative to the data dir."""
        url = self.hub.db
        if url.startswith("sqlite:///"):
            return f"sqlite:///{(self.data_dir / url.removeprefix('sqlite:///')).as_posix()}"
        if url.startswith("postgresql://"):
            return "postgresql+psycopg://" + url.removeprefix("postgresql://")
        return url

    def shop(self, shop_id: str) -> Shop | None:
        return next((shop for shop in self.shops if shop.id == shop_id), None)

    def warehouse(self, warehouse_id: str) -> Warehouse | None:
        return next((house for house in self.warehouses if house.id == warehouse_id), None)

    def rules(self, warehouse_id: str) -> Rules:
        """What the core needs to know of a warehouse; an unknown one gets the defaults."""
        house = self.warehouse(warehouse_id) or Warehouse(id=warehouse_id)
        return Rules(
            countdown=timedelta(seconds=self.hub.countdown_s),
            last_gate=house.last_gate,
            auto_release=self.hub.auto_release,
        )

    def site_rules(self, warehouse_id: str) -> SiteRules:
        """The same as stations are told it, and in which zone their clocks are read."""
        rules = self.rules(warehouse_id)
        return SiteRules(
            timezone=self.hub.timezone,
            last_gate=rules.last_gate,
            countdown_s=self.hub.countdown_s,
            auto_release=rules.auto_release,
            lease_s=self.hub.lease_min * 60,
        )


def load(path: Path | None, data_dir: Path, environment: Mapping[str, str]) -> Settings:
    """The settings of a file (None: embedded defaults). Raises :class:`Surroundings`."""
    if path is None:
        return parse("", Path("hub.toml"), data_dir, environment)
    try:
        text = path.read_text(encoding="utf-8-sig")
        mode = path.stat().st_mode
    except FileNotFoundError as error:
        raise Surroundings("config_missing", path=path) from error
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise BadConfig(path, [Fault(line, "encoding", {})]) from error
    except OSError as error:
        raise Surroundings("config_unreadable", path=path) from error
    settings = parse(text, path, data_dir, environment)
    if os.name != "nt" and mode & stat.S_IROTH and _holds_secrets(tomllib.loads(text)):
        raise BadConfig(path, [Fault(0, "exposed", {"path": path})])
    return settings


def parse(text: str, path: Path, data_dir: Path, environment: Mapping[str, str]) -> Settings:
    """The settings in ``text``; ``path`` only names the file in sentences. Raises :class:`BadConfig`."""
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BadConfig(path, [Fault(_line_of_error(error, text), "syntax", {})]) from error
    faults: list[Fault] = []
    reader = _Reader(raw, Lines(text), faults)
    settings = Settings(
        data_dir=data_dir,
        hub=next(iter(reader.tables("hub", Hub)), Hub()),
        warehouses=tuple(reader.tables("warehouse", Warehouse)) or (Warehouse(id="main"),),
        shops=tuple(reader.tables("shop", Shop)),
        carriers=tuple(reader.tables("carrier", Carrier)),
        notices=tuple(reader.tables("notice", Notice)),
        users=tuple(reader.tables("user", FirstUser)),
    )
    reader.check_names()
    if not faults:
        reader.check_across(settings)
    if faults:
        raise BadConfig(path, faults)
    settings = _with_secrets(settings, path, environment)
    reader.check_sellers(settings.shops)
    if faults:
        raise BadConfig(path, faults)
    return settings


class _Reader:
    """Turns parsed TOML into structs and notes every fault with its line."""

    def __init__(self, raw: dict[str, Any], lines: Lines, faults: list[Fault]) -> None:
        self._raw = raw
        self._lines = lines
        self._faults = faults

    def check_names(self) -> None:
        for name in self._raw.keys() - _TABLES.keys():
            self._fault((name,), "unknown_table", name=name, nearest=_nearest(name, _TABLES))

    def tables(self, name: str, kind: type[_S]) -> Iterator[_S]:
        """The tables of one name; those with faults are left out, their faults noted."""
        found = self._raw.get(name, [])
        if name == "hub":
            found = [found] if name in self._raw else []
        is_list = isinstance(found, list) and all(isinstance(table, dict) for table in found)
        if not is_list:
            header = "[hub]" if name == "hub" else f"[[{name}]]"
            self._fault((name,), "not_a_table", name=name, header=header)
            return
        for index, table in enumerate(found):
            where: tuple[str | int, ...] = (name,) if name == "hub" else (name, index)
            struct = self._table(name, where, table, kind)
            if struct is not None:
                yield struct

    def _table(
        self, name: str, where: tuple[str | int, ...], table: dict[str, Any], kind: type[_S]
    ) -> _S | None:
        before = len(self._faults)
        fields = {field.name: field for field in msgspec.structs.fields(kind)}
        header = "[hub]" if name == "hub" else f"[[{name}]]"
        for key, value in table.items():
            field = fields.get(key)
            if field is None:
                near = _nearest(key, fields)
                self._fault((*where, key), "unknown_key", name=key, header=header, nearest=near)
                continue
            self._check_value(name, (*where, key), key, value, field.type)
        for key, field in fields.items():
            if field.required and key not in table:
                self._fault(where, "missing_key", name=key, header=header)
        return None if len(self._faults) > before else kind(**table)

    def _check_value(
        self, name: str, where: tuple[str | int, ...], key: str, value: Any, wanted: Any
    ) -> None:
        try:
            msgspec.convert(value, wanted, strict=True)
        except msgspec.ValidationError:
            is_secret = key in SECRETS.get(name, ()) or (key == "db" and "@" in str(value))
            shown = "***" if is_secret else _shown(value)
            near = _nearest(value, _choices(wanted)) if isinstance(value, str) else ""
            want, choices = _wanted(wanted), ", ".join(_choices(wanted))
            fault = "bad_choice" if choices else "bad_value"
            self._fault(where, fault, name=key, value=shown, want=want, choices=choices, nearest=near)

    def check_across(self, settings: Settings) -> None:
        """What no single value can show: ids twice, shops of no warehouse, connectors, time zones."""
        if settings.hub.timezone not in available_timezones():
            near = _nearest(settings.hub.timezone, available_timezones())
            self._fault(
                ("hub", "timezone"),
                "bad_value",
                name="timezone",
                value=settings.hub.timezone,
                want="timezone",
                nearest=near,
            )
        houses = [house.id for house in settings.warehouses]
        for index, shop in enumerate(settings.shops):
            self._choice(("shop", index, "warehouse"), "warehouse", shop.warehouse, houses)
            self._choice(("shop", index, "connector"), "connector", shop.connector, SHOP_CONNECTORS)
        for index, carrier in enumerate(settings.carriers):
            self._choice(("carrier", index, "connector"), "connector", carrier.connector, CARRIER_CONNECTORS)
        self._once("warehouse", "id", houses)
        self._once("shop", "id", [shop.id for shop in settings.shops], env_name)
        self._once("carrier", "connector", [carrier.connector for carrier in settings.carriers])
        self._once("notice", "id", [notice.id for notice in settings.notices])
        self._once("user", "name", [user.name for user in settings.users])

    def check_sellers(self, shops: Sequence[Shop]) -> None:
        """One app's messages come by any of its connections: without each seller's own number nobody can tell whose
        an order is. The key may have come from the environment, so this is looked at last."""
        apps: dict[tuple[str, str], list[int]] = {}
        for index, shop in enumerate(shops):
            if shop.app_key:
                apps.setdefault((shop.connector, shop.app_key), []).append(index)
        for of_app in apps.values():
            sellers = [shops[index].seller_id for index in of_app]
            for index, seller in zip(of_app, sellers, strict=True):
                if len(of_app) > 1 and (not seller or sellers.count(seller) > 1):
                    others = ", ".join(shops[other].id for other in of_app if other != index)
                    params = {"name": shops[index].id, "others": others}
                    self._fault(("shop", index, "seller_id"), "seller", **params)

    def _choice(
        self, where: tuple[str | int, ...], name: str, value: str, choices: list[str] | tuple[str, ...]
    ) -> None:
        if value not in choices:
            near, said = _nearest(value, choices), ", ".join(choices)
            self._fault(where, "bad_choice", name=name, value=_shown(value), choices=said, nearest=near)

    def _once(self, table: str, key: str, values: list[str], same: Callable[[str], str] = str.lower) -> None:
        seen: dict[str, str] = {}
        for index, value in enumerate(values):
            if same(value) in seen:
                self._fault((table, index, key), "twice", name=key, value=_shown(value))
            seen[same(value)] = value

    def _fault(self, where: tuple[str | int, ...], key: str, **params: Any) -> None:
        self._faults.append(Fault(self._lines.of(where), key, params))


class Lines:
    """Where things stand in a TOML text: a path like ("shop", 1, "poll_s") to its line.

    Knows headers, keys and dotted keys; what stands inside multi-line values is skipped. A key it cannot
    find (an inline table) gets the line of its nearest known parent.
    """

    _HEADER = re.compile(r"^\s*(\[\[?)\s*([^\]]+?)\s*\]\]?\s*(#.*)?$")
    _KEY = re.compile(r"""^\s*((?:[A-Za-z0-9_.\-\s]+|"[^"]*"|'[^']*')+?)\s*=""")

    def __init__(self, text: str) -> None:
        self._at: dict[tuple[str | int, ...], int] = {}
        counts: dict[str, int] = {}
        table: tuple[str | int, ...] = ()
        open_quote = ""
        for number, line in enumerate(text.splitlines(), start=1):
            if open_quote:
                if line.count(open_quote) % 2:
                    open_quote = ""
                continue
            if header := self._HEADER.match(line):
                name = header.group(2).strip("\"'")
                if header.group(1) == "[[":
                    counts[name] = counts.get(name, -1) + 1
                    table = (name, counts[name])
                else:
                    table = tuple(part.strip(" \"'") for part in name.split("."))
                self._note(table, number)
            elif key := self._KEY.match(line):
                parts = tuple(part.strip(" \t\"'") for part in key.group(1).split("."))
                self._note((*table, *parts), number)
            open_quote = next((q for q in ('"""', "'''") if line.count(q) % 2), "")

    def _note(self, where: tuple[str | int, ...], number: int) -> None:
        for end in range(1, len(where) + 1):
            self._at.setdefault(where[:end], number)

    def of(self, where: tuple[str | int, ...]) -> int:
        for end in range(len(where), 0, -1):
            if where[:end] in self._at:
                return self._at[where[:end]]
        return 0


def env_name(shop_id: str) -> str:
    """The middle of the names of a shop's secrets: pdd-main -> PDD_MAIN."""
    return re.sub(r"[^A-Z0-9]", "_", shop_id.upper())


def _with_secrets(settings: Settings, path: Path, environment: Mapping[str, str]) -> Settings:
    """The settings with secrets of the environment and the keyring put in."""
    given = {name: value for name, value in environment.items() if name.startswith(_ENV)}
    faults: list[Fault] = []

    def filled(owner: str, struct: _S, table: str) -> _S:
        changes: dict[str, str] = {}
        for field in SECRETS[table]:
            value = given.pop(f"{_ENV}{env_name(owner)}_{field.upper()}", None)
            if value is None and getattr(struct, field) == "keyring:":
                value = _from_keyring(f"{owner}.{field}")
                if value is None:
                    faults.append(Fault(0, "keyring", {"name": f"{owner}.{field}"}))
            if value is not None:
                changes[field] = value
        return msgspec.structs.replace(struct, **changes)

    settings = msgspec.structs.replace(
        settings,
        shops=tuple(filled(shop.id, shop, "shop") for shop in settings.shops),
        carriers=tuple(filled(carrier.connector, carrier, "carrier") for carrier in settings.carriers),
        strangers=tuple(sorted(given)),
    )
    if faults:
        raise BadConfig(path, faults)
    return settings


def _from_keyring(name: str) -> str | None:
    try:
        return keyring.get_password("orderdock", name)
    except KeyringError:
        return None


def _holds_secrets(raw: dict[str, Any]) -> bool:
    if re.search(r"://[^/@]*:[^/@]+@", str(raw.get("hub", {}).get("db", ""))):
        return True
    return any(
        table.get(field) and table.get(field) != "keyring:"
        for name, fields in SECRETS.items()
        for table in raw.get(name, [])
        for field in fields
    )


def _line_of_error(error: tomllib.TOMLDecodeError, text: str) -> int:
    match = re.search(r"at line (\d+)", str(error))
    return int(match.group(1)) if match else text.count("\n") + 1


def _nearest(name: str, names: Any) -> str:
    """The right name that looks most like this one, or nothing."""
    by_lower = {str(right).lower(): str(right) for right in names}
    close = difflib.get_close_matches(name.lower(), by_lower, n=1, cutoff=0.6)
    return by_lower[close[0]] if close else ""


def _shown(value: Any) -> str:
    text = value if isinstance(value, str) else str(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _choices(wanted: Any) -> tuple[str, ...]:
    info = msgspec.inspect.type_info(wanted)
    if isinstance(info, msgspec.inspect.EnumType):
        return tuple(str(member.value) for member in info.cls)
    return tuple(str(v) for v in info.values) if isinstance(info, msgspec.inspect.LiteralType) else ()


def _wanted(wanted: Any) -> str:
    info = msgspec.inspect.type_info(wanted)
    if isinstance(info, msgspec.inspect.Metadata):
        return str((info.extra or {}).get("want", "text"))
    if isinstance(info, msgspec.inspect.BoolType):
        return "bool"
    return "text"
