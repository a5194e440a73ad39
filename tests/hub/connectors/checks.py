"""What every connector folder promises, as checks of one folder and its mirror of tests. Each returns what is wrong."""

from __future__ import annotations

import ast
import asyncio
import importlib
import json
import logging
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx

from hub.config import Carrier, Shop
from hub.connectors.contract import Manifest, manifest_of
from hub.connectors.couriers import CourierDoor, Parcel
from hub.connectors.shapes import ShopDoor, ShopTrouble
from rehearsal.server import Call, Manners, Reply, app_of, serving
from tests.helpers.clock import FakeClock

Check = Callable[[Path, Path], list[str]]

NETWORK = {"httpx", "websockets", "aiohttp", "requests", "socket", "ssl", "urllib.request", "http.client"}
#: A folder hands values back and says trouble by raising; whoever calls it logs, and knows what is a secret.
SAYING = {"logging", "structlog"}
FILES = {
    "orders_from_file": "orders_of",
    "items_from_file": "items_of",
    "waybills_from_file": "waybills_of",
}
TIMEOUT_MOST_S = 30


def files_are_there(folder: Path, mirror: Path) -> list[str]:
    manifest = manifest_of(folder)
    needed = ["README.md", "__init__.py", "manifest.toml", "mapping.py", "settings.py"]
    needed += ["client.py"] if manifest.timeout_s > 0 else []
    missing = [name for name in needed if not (folder / name).is_file()]
    return missing + ([] if list(mirror.glob("test_*.py")) else [f"no tests in {mirror}"])


def manifest_says_who_and_what(folder: Path, mirror: Path) -> list[str]:
    manifest = manifest_of(folder)
    wrong = (
        [] if manifest.capabilities and manifest.title_zh and manifest.title_en else ["a name or capability"]
    )
    wrong += [] if manifest.kind + "s" == folder.parent.name else ["kind"]
    wrong += [] if len(set(manifest.capabilities)) == len(manifest.capabilities) else ["a capability twice"]
    is_network = (folder / "client.py").is_file()
    is_limited = 0 < manifest.timeout_s <= TIMEOUT_MOST_S if is_network else manifest.timeout_s == 0
    wrong += [] if is_limited else ["timeout_s"]
    fields = (Shop if manifest.kind == "channel" else Carrier).__struct_fields__
    return wrong + [f"secret {name}" for name in manifest.secrets if name not in fields]


def readme_tells_how(folder: Path, mirror: Path) -> list[str]:
    return [] if len((folder / "README.md").read_text(encoding="utf-8")) > 500 else ["README.md is too short"]


def capabilities_are_real(folder: Path, mirror: Path) -> list[str]:
    """Each one has its door, and each door its capability."""
    manifest = manifest_of(folder)
    if manifest.timeout_s == 0:
        package = _module(folder, "")
        wrong = [one for one in manifest.capabilities if one not in FILES]
        return wrong + [
            name for one in manifest.capabilities if not callable(getattr(package, name := FILES[one], 0))
        ]
    mapping, client = _module(folder, "mapping"), _module(folder, "client")
    has_push = hasattr(mapping, "read_push") or hasattr(client, "open_listener")
    wrong = [] if has_push == any(one.endswith("_push") for one in manifest.capabilities) else ["push"]
    protocol: type = ShopDoor if manifest.kind == "channel" else CourierDoor
    known = {"orders_poll", "orders_push", "order_detail", "ship_back"}
    if manifest.kind == "carrier":
        known = {"track_push", "track_query"}
        wrong += [] if {"FLOOR", "Account"} <= set(vars(_module(folder, "settings"))) else ["settings"]
        wrong += [] if isinstance(mapping.TAKEN, bytes) else ["TAKEN"]
    wrong += [one for one in manifest.capabilities if one not in known]

    async def missing() -> list[str]:
        async with httpx.AsyncClient(trust_env=False, verify=False) as http:
            door = _opened(client, manifest, "http://127.0.0.1:9", http)
            asked = [
                name for name in (*vars(protocol), *protocol.__annotations__) if not name.startswith("_")
            ]
            return [name for name in asked if not hasattr(door, name)]

    return wrong + asyncio.run(missing())


def a_payload_for_each(folder: Path, mirror: Path) -> list[str]:
    """``payloads/index.toml`` names one JSON file at least for each capability that speaks to somebody."""
    capabilities = {one for one in manifest_of(folder).capabilities if one not in FILES}
    if not capabilities:
        return []
    place = mirror / "payloads"
    index = tomllib.loads((place / "index.toml").read_text(encoding="utf-8"))
    wrong = [one for one in capabilities if not index.get(one)] + [
        one for one in index if one not in capabilities
    ]
    for name in {name for names in index.values() for name in names}:
        try:
            json.loads((place / name).read_bytes())
        except (OSError, ValueError):
            wrong.append(name)
    return wrong


def network_lives_in_the_client(folder: Path, mirror: Path) -> list[str]:
    """All network in client.py; mapping.py knows neither it nor the client; nobody logs."""
    wrong = []
    for path in folder.glob("*.py"):
        for name in _imports(path):
            is_network = any(name == one or name.startswith(one + ".") for one in NETWORK)
            if is_network and path.name != "client.py":
                wrong.append(f"{path.name}: {name}")
            if name.split(".")[0] in SAYING and (folder / "client.py").is_file():
                wrong.append(f"{path.name}: {name}")
            if path.name == "mapping.py" and name.endswith(f"{folder.name}.client"):
                wrong.append(f"{path.name}: {name}")
    return wrong


def secrets_are_never_told(folder: Path, mirror: Path) -> list[str]:
    """Not by a repr, not by an error, not in a log: also where the other side says back what it was told."""
    manifest = manifest_of(folder)
    if manifest.timeout_s == 0:
        return []
    heard = _Heard()
    logging.getLogger().addHandler(heard)
    level = logging.getLogger().level
    logging.getLogger().setLevel(logging.DEBUG)
    try:
        said = [text for status in (200, 404, 500) for text in asyncio.run(_echoed(folder, manifest, status))]
    finally:
        logging.getLogger().setLevel(level)
        logging.getLogger().removeHandler(heard)
    return [
        f"{name} in {text[:200]!r}"
        for name in manifest.secrets
        for text in said + heard.texts
        if _secret(name) in text
    ]


CHECKS: tuple[Check, ...] = (
    files_are_there,
    manifest_says_who_and_what,
    readme_tells_how,
    capabilities_are_real,
    a_payload_for_each,
    network_lives_in_the_client,
    secrets_are_never_told,
)


def _module(folder: Path, name: str) -> Any:
    place = f"hub.connectors.{folder.parent.name}.{folder.name}"
    return importlib.import_module(f"{place}.{name}" if name else place)


def _imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _secret(name: str) -> str:
    return f"Very0Secret0{name.replace('_', '0')}0"


def _opened(client: Any, manifest: Manifest, url: str, http: httpx.AsyncClient) -> Any:
    """A door whose every field is one that nobody may read."""
    if manifest.kind == "carrier":
        given = {name: _secret(name) for name in ("customer", "key", "salt")}
        return client.open_courier(Carrier(connector=manifest.name, base_url=url, **given), http)
    names = ("app_key", "app_secret", "access_token", "refresh_token")
    shop = Shop(id="s", connector=manifest.name, base_url=url, **{name: _secret(name) for name in names})
    return client.open_shop(shop, http, FakeClock())


async def _echoed(folder: Path, manifest: Manifest, status: int) -> list[str]:
    """All that a door says of itself and of its trouble with somebody who says back what he was told."""

    async def answer(call: Call) -> Reply:
        told = {"query": dict(call.query), "headers": dict(call.headers), "body": call.body.decode("latin-1")}
        return Reply.told(told, status)

    said = []
    with serving(app_of(answer, Manners())) as server:
        async with httpx.AsyncClient(trust_env=False, verify=False, timeout=20) as http:
            door = _opened(_module(folder, "client"), manifest, server.url, http)
            said.append(repr(door))
            asks = [
                lambda: door.check(),
                lambda: door.order("1"),
                lambda: door.refresh(_secret("refresh_token")),
            ]
            if manifest.kind == "carrier":
                parcel = Parcel(waybill_no="78412600913355", carrier="zhongtong")
                asks = [lambda: door.query(parcel), lambda: door.subscribe(parcel)]
            for ask in asks:
                try:
                    await ask()
                except ShopTrouble as trouble:
                    said += _chain(trouble)
                else:
                    said.append("")
    return said


def _chain(error: BaseException | None) -> Iterator[str]:
    while error is not None:
        yield f"{error} {error.args} {error!r} {vars(error)}"
        error = error.__cause__


class _Heard(logging.Handler):
    """What is logged by anybody but the HTTP library, whose own words the hub lets through from WARNING on."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if record.name.split(".")[0] not in {"httpx", "httpcore"} or record.levelno >= logging.WARNING:
            self.texts.append(record.getMessage())
