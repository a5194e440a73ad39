"""The surface and its own description are one: every door is told, and every answer is as told, whatever is sent."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import settings

from hub.auth.rights import ROUTES
from tests.hub.api.surface import World, a_world

#: No good answer here: a hub on loopback has no certificate, is set up and was not restored; a pairing code is used
#: once, no import is under way, nothing waits to be told to a platform, and only signed pushes are taken (below).
_ONLY_NO = {
    ("GET", "/ca.pem"),
    ("POST", "/v1/setup"),
    ("POST", "/v1/stations"),
    ("POST", "/v1/restored/go"),
    ("POST", "/v1/restored/brought"),
    ("GET", "/v1/imports/{ticket}"),
    ("POST", "/v1/imports/{ticket}/stop"),
    ("POST", "/v1/ship_backs/{parcel_no}/retry"),
    ("POST", "/v1/couriers/{connector}/check"),
    ("POST", "/v1/webhooks/{shop_id}"),
}
#: Calls of each door by those who may, beside one by everybody there is.
_EXAMPLES = max(6, settings().max_examples // 16)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with a_world(tmp_path_factory.mktemp("hub") / "中枢") as made:
        yield made


def _refs(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for inner in value.values():
            yield from _refs(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _refs(inner)


def test_the_description_names_every_route_and_every_shape_it_uses(world: World) -> None:
    told = world.document
    assert told["openapi"].startswith("3.1")
    assert {(m.upper(), p) for p, methods in told["paths"].items() for m in methods} == set(ROUTES)
    names = {ref.rsplit("/", 1)[1] for ref in _refs(told)}
    assert names <= set(told["components"]["schemas"])
    operations = [o for methods in told["paths"].values() for o in methods.values()]
    assert len({o["operationId"] for o in operations}) == len(operations)
    for (method, path), access in ROUTES.items():
        operation = told["paths"][path][method.lower()]
        assert operation["summary"], path
        assert ("security" in operation) == (access.needs != "nothing"), path
        assert {p["name"] for p in operation.get("parameters", []) if p["in"] == "path"} == set(
            re.findall(r"{(\w+)}", path)
        )


@pytest.mark.parametrize(("method", "route"), sorted(ROUTES))
def test_whatever_is_sent_every_answer_is_as_described(world: World, method: str, route: str) -> None:
    """No fault of ours, the status and body that the description names, a no in words of the caller's language, and
    nothing for those who may not."""
    assert not world.run(method, route, _EXAMPLES, "suite")
    good = [status for status in world.answers[f"{method} {route}"] if 200 <= status < 300]
    assert bool(good) != ((method, route) in _ONLY_NO), world.answers[f"{method} {route}"]


def test_a_signed_push_is_taken_whatever_it_says_and_no_other(world: World) -> None:
    assert not world.pushes(5 * _EXAMPLES, "suite")
