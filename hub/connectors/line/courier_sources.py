"""The courier sources of hub.toml, opened: each folder's client and mapping under one roof."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache
from typing import Any

import httpx

from hub.config import Carrier
from hub.connectors.contract import Manifest, folders, manifest_of
from hub.connectors.couriers import CourierDoor, News
from hub.connectors.shapes import WrongSettings

#: ``read_push(body, salt, number in the address) -> news``.
ReadPush = Callable[[bytes, str, str], News]


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One account at one courier source."""

    connector: str
    door: CourierDoor
    http: httpx.AsyncClient
    read_push: ReadPush
    taken: bytes
    salt: str = field(repr=False)
    floor: timedelta
    """A number is asked no more than once in this time (C48)."""


@dataclass(frozen=True, slots=True)
class Lacking:
    """A source that cannot work: ``field`` of its [[carrier]] is missing."""

    connector: str
    field: str


def open_sources(
    carriers: Sequence[Carrier], http_of: Callable[[float], httpx.AsyncClient]
) -> tuple[dict[str, Source], tuple[Lacking, ...]]:
    """Those that are whole, in the order of hub.toml, and those that are not. ``http_of(timeout_s)`` makes a client."""
    sources: dict[str, Source] = {}
    lacking = []
    for carrier in carriers:
        manifest = known().get(carrier.connector)
        if manifest is None:
            continue
        try:
            sources[carrier.connector] = _opened(carrier, manifest, http_of)
        except WrongSettings as wrong:
            lacking.append(Lacking(carrier.connector, wrong.word.partition(":")[2]))
    return sources, tuple(lacking)


@cache
def known() -> Mapping[str, Manifest]:
    """The folders that tell where parcels are."""
    manifests = [manifest_of(folder) for folder in folders() if folder.parent.name == "carriers"]
    return {one.name: one for one in manifests if {"track_push", "track_query"} & set(one.capabilities)}


def _opened(carrier: Carrier, manifest: Manifest, http_of: Callable[[float], httpx.AsyncClient]) -> Source:
    place = f"hub.connectors.carriers.{carrier.connector}"
    client: Any = importlib.import_module(f"{place}.client")
    mapping: Any = importlib.import_module(f"{place}.mapping")
    settings: Any = importlib.import_module(f"{place}.settings")
    settings.Account.of(carrier)  # before a client is made for nothing
    http = http_of(manifest.timeout_s)
    return Source(
        http=http,
        connector=carrier.connector,
        door=client.open_courier(carrier, http),
        read_push=mapping.read_push,
        taken=mapping.TAKEN,
        salt=carrier.salt,
        floor=settings.FLOOR,
    )
