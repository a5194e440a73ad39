"""The hub's whole HTTP surface, driven by its own description: what a call asks for, all but one thing of it, and plain
garbage, sent by everybody there is; each answer is held against what the description says of it.

``python -m tests.hub.api.surface --examples 500 --seed 7`` runs deeper than the suite does. The same seed sends the
same, so a trouble comes again by the command that stands beside it.
"""

from __future__ import annotations

import argparse
import hashlib
import hmac
import json
import random
import re
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import httpx
import jsonschema

from app.wire import Role
from hub.auth.rights import OPERATOR, ROUTES
from tests.helpers.hub import PASSWORD, TOML, RunningHub, a_channel_order, hub_in_thread
from tests.helpers.platform import Platform, an_event, folders, platform_serving, toml_of

Schema = dict[str, Any]
COURIER_KEY = "the courier's key"
#: Whose sessions are ended.
GUEST = "来客"
#: Of a buyer's, never in an answer; the door of labels and the look with a reason tell them on purpose.
SECRETS = ("18312342807", "林小满", "文三路")
TELLS_ALL = frozenset({"/v1/orders/{order_no}/reveal", "/v1/leases", "/v1/parcels/{parcel_no}/label"})
#: What no answer of ours ever says.
_OURS = re.compile(r"Traceback|sqlalchemy|msgspec|litestar|psycopg|sqlite3")
_CHINESE, _LATIN = re.compile(r"[\u4e00-\u9fff]"), re.compile(r"[A-Za-z]{2}")
_WORDS = (
    "", " ", "x", "林", "\x00", "\ufeff", "' OR 1=1 --", "../../etc/passwd", "%00", "OD20261121001", "=1+1", "-1",
    "9" * 25, "a" * 300, "\u202e", "1e999", "true", "null", "<b>", "{}", "٣",
)  # fmt: skip
_THINGS: tuple[Any, ...] = (
    None, True, 0, -1, 2**53, 2**63, -(2**70), 1.5, 1e300, "", "x", "\x00", "\ud800", [], {}, [[]], {"": None},
)  # fmt: skip
_TORN = (
    b"", b"null", b"{", b'{"a":' * 5000, b"[" * 5000, b'"\\ud800"', b'{"name":"\\udc00"}', b"1e999", b"\xef\xbb\xbf{}",
    b"\xff\xfe", b"\x00", b"[1,2", b"NaN", b'{"a":1,"a":2}',
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Caller:
    """Somebody who calls: ``role`` None is a stranger, ``kind`` a station's."""

    name: str
    headers: dict[str, str] = field(repr=False)
    role: str | None = None
    kind: str | None = None

    def may(self, method: str, path: str) -> bool:
        access = ROUTES[method, path]
        if access.needs in ("nothing", "loopback_or_role"):
            return True
        if access.needs == "station" and self.kind is None:
            return False
        return self.role is not None and (Role(self.role) in access.roles or self.kind in access.stations)


@dataclass(slots=True)
class Sent:
    """One call, and what came of it."""

    method: str
    path: str
    route: str
    caller: Caller
    lang: str
    params: list[tuple[str, str]] = field(default_factory=list)
    body: bytes | None = None
    headers: dict[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        said = (self.body or b"")[:300]
        return f"{self.method} {self.path} {self.params} by {self.caller.name} in {self.lang}: {said!r}"


class Maker:
    """Makes calls of one route out of its description, all from one seed."""

    def __init__(
        self, document: Schema, method: str, route: str, known: dict[str, Sequence[Any]], seed: str
    ) -> None:
        self._schemas = document["components"]["schemas"]
        self._operation = document["paths"][route][method.lower()]
        self._method, self._route, self._known = method, route, known
        self._dice = random.Random(f"{seed} {method} {route}")

    def call(self, caller: Caller, how: str) -> Sent:
        """``how`` = ``good`` (as described), ``broken`` (but for one thing), ``torn`` (no sense at all)."""
        dice = self._dice
        path = re.sub(
            r"{(\w+)}", lambda m: quote(self._part(m[1], how), safe="", errors="surrogatepass"), self._route
        )
        sent = Sent(self._method, path, self._route, caller, dice.choice(("zh", "en")))
        sent.params = list(self._params(how))
        if dice.random() < 0.1 and how == "torn":
            sent.headers[dice.choice(("Content-Type", "Accept", "X-Orderdock-Wire", "Content-Encoding"))] = (
                dice.choice(("", "x", "*/*", "text/csv", "1", "99", "identity"))
            )
        if self._method != "GET":
            sent.body = self._body(sent, how)
        return sent

    # ------------------------------------------------------------------------------------------ parts of it

    def _part(self, name: str, how: str) -> str:
        if how != "torn" and name in self._known:
            return str(self._dice.choice(self._known[name]))
        text = self._dice.choice(_WORDS).replace("/", "")
        return text if text not in ("", ".", "..") else "nobody"

    def _params(self, how: str) -> Iterator[tuple[str, str]]:
        for one in self._operation.get("parameters", []):
            if one["in"] != "query" or self._dice.random() < 0.5:
                continue
            name, value = one["name"], self._value(one["schema"], one["name"])
            if how != "good" and self._dice.random() < 0.5:
                value = self._dice.choice(_WORDS)
            if name == "wait" and str(value).isdecimal():
                value = 0  # patience is another test's
            yield name, json.dumps(value) if isinstance(value, bool) else str(value)
        if how == "torn" and self._dice.random() < 0.3:
            yield self._dice.choice(_WORDS) or "q", self._dice.choice(_WORDS)

    def _body(self, sent: Sent, how: str) -> bytes | None:
        taken = self._operation.get("requestBody", {}).get("content", {})
        if how == "torn":
            return self._dice.choice(_TORN)
        if "application/octet-stream" in taken:
            return self._file(sent)
        if "application/json" not in taken:
            return None if how == "good" else self._dice.choice((b"{}", b"null", b"{"))
        value = self._value(taken["application/json"]["schema"], "")
        if how == "broken":
            value = self._broken(value)
        return json.dumps(value).encode()

    def _file(self, sent: Sent) -> bytes:
        sent.params.append(("filename", "十一月.csv"))
        if self._dice.random() < 0.3:
            sent.params.append(("ticket", "t-1"))
        return _file_of(f"F{self._dice.randrange(30)}")

    def _value(self, schema: Schema, name: str) -> Any:
        """Something the schema allows; of what the hub knows by this name as often as not."""
        dice = self._dice
        if "$ref" in schema:
            return self._value(self._schemas[schema["$ref"].rsplit("/", 1)[1]], name)
        for key in ("anyOf", "oneOf"):
            if key in schema:
                return self._value(dice.choice(schema[key]), name)
        if "enum" in schema:
            return dice.choice(schema["enum"])
        if (
            name in self._known
            and name != "name"
            and schema.get("type") in ("string", "integer")
            and dice.random() < 0.8
        ):
            return dice.choice(self._known[name])
        return self._of_type(schema, name)

    def _of_type(self, schema: Schema, name: str) -> Any:
        dice = self._dice
        match schema.get("type"):
            case "null":
                return None
            case "boolean":
                return dice.random() < 0.5
            case "integer" | "number":
                low = int(schema.get("minimum", -5))
                return dice.choice((low, int(schema.get("maximum", low + 7)), low + dice.randrange(3)))
            case "string" if schema.get("format") == "date-time":
                return dice.choice((
                    "2026-11-21T09:00:00Z",
                    "2026-11-21T17:00:00+08:00",
                    "1970-01-01T00:00:00Z",
                ))
            case "string":
                word = "".join(dice.choice("abcxyz019 -中") for _ in range(dice.randrange(1, 12)))
                return word[: schema.get("maxLength", 20)]
            case "array":
                return [
                    self._value(schema.get("items", {}), name.removesuffix("s"))
                    for _ in range(dice.randrange(3))
                ]
            case "object":
                return self._object(schema)
            case _:
                return dice.choice(_THINGS[:-5])

    def _object(self, schema: Schema) -> dict[str, Any]:
        must = set(schema.get("required", ()))
        made = {
            key: self._value(inner, key)
            for key, inner in schema.get("properties", {}).items()
            if key in must or self._dice.random() < 0.6
        }
        if not made and (inner := schema.get("additionalProperties")):
            made["line_no"] = self._value(inner, "line_no") if isinstance(inner, dict) else 1
        return made

    def _broken(self, value: Any) -> Any:
        """The same with one thing in it that is not as it should be."""
        dice = self._dice
        if isinstance(value, list) and value and dice.random() < 0.9:
            at = dice.randrange(len(value))
            return [*value[:at], self._broken(value[at]), *value[at + 1 :]]
        if isinstance(value, dict) and value and dice.random() < 0.9:
            key = dice.choice(sorted(value))
            if dice.random() < 0.3:
                return {k: v for k, v in value.items() if k != key}
            return value | {key: self._broken(value[key])}
        return dice.choice((*_THINGS, *_WORDS))


class Judge:
    """Holds answers against the description."""

    def __init__(self, document: Schema) -> None:
        self._document = document
        self._checks: dict[str, jsonschema.Draft202012Validator] = {}

    def trouble(self, sent: Sent, answer: httpx.Response) -> str:
        """What is wrong with an answer; empty where nothing is."""
        if answer.status_code >= 500:
            return f"{answer.status_code}: {answer.text[:300]}"
        if found := _OURS.search(answer.text):
            return f"says {found[0]}: {answer.text[:300]}"
        asked = str(sent.params) + (sent.body or b"").decode("utf-8", "replace")
        told = [one for one in SECRETS if one in answer.text and one not in asked]
        if told and sent.route not in TELLS_ALL:
            return f"tells {told}"
        if not sent.caller.may(sent.method, sent.route) and answer.status_code not in (401, 403):
            return f"{answer.status_code} for somebody who may not"
        if answer.status_code >= 400:
            return self._no(sent, answer)
        return self._shape(sent, answer)

    def _no(self, sent: Sent, answer: httpx.Response) -> str:
        try:
            error = answer.json()["error"]
        except (ValueError, KeyError, TypeError):
            return f"{answer.status_code} without the shape of errors: {answer.text[:200]!r}"
        said = self._against({"$ref": "#/components/schemas/ErrorAnswer"}, answer.json())
        if said or not error["text"] or not re.fullmatch(r"[a-z_0-9]+", error["code"]):
            return f"{said or 'no text or no code'}: {error}"
        words = error["text"] + error["hint"]
        if (sent.lang == "zh" and not _CHINESE.search(words)) or (
            sent.lang == "en" and not _LATIN.search(words)
        ):
            return f"not in {sent.lang}: {error}"
        return "a text was not found" if "{" in error["text"] and "{" not in unquote(str(sent)) else ""

    def _shape(self, sent: Sent, answer: httpx.Response) -> str:
        responses = self._document["paths"][sent.route][sent.method.lower()]["responses"]
        if (told := responses.get(str(answer.status_code))) is None:
            return f"{answer.status_code} is not described"
        media, content = answer.headers.get("content-type", "").partition(";")[0], told.get("content", {})
        if "*/*" in content:
            return ""
        if media not in content:
            return f"came as {media!r}, described as {sorted(content)}"
        if media != "application/json":
            return ""
        return self._against(content[media]["schema"], answer.json())

    def event(self, kind: str, data: Any) -> str:
        """An event of the stream."""
        schema = {"head": "Head", "urgent": "Urgent", "changes": "ChangePage"}.get(kind)
        if schema is None:
            return f"an event {kind!r}"
        return self._against({"$ref": f"#/components/schemas/{schema}"}, data)

    def _against(self, schema: Schema, value: Any) -> str:
        key = json.dumps(schema, sort_keys=True)
        if key not in self._checks:
            whole = schema | {"components": self._document["components"]}
            self._checks[key] = jsonschema.Draft202012Validator(whole)
        error = jsonschema.exceptions.best_match(self._checks[key].iter_errors(value))
        return f"{error.json_path}: {error.message[:200]}" if error else ""


def until(is_so: Callable[[], Any]) -> Any:
    end = time.monotonic() + 20
    while not (found := is_so()):
        assert time.monotonic() < end
        time.sleep(0.02)
    return found


class World:
    """A hub with something in it, everybody who may call it, and one shop on a scripted platform."""

    def __init__(self, hub: RunningHub, platform: Platform) -> None:
        self.hub = hub
        self.platform = platform
        self.document: Schema = hub.client().get("/openapi.json").json()
        self.judge = Judge(self.document)
        self.http = hub.client()
        self.answers: dict[str, Counter[int]] = {}
        admin = hub.admin()
        orders = [hub.given(a_channel_order(f"S{n}")) for n in range(3)]
        hub.person("cs_rep", name="谁").act("hold", orders[0].order_no, body={"note": "等一等"})
        hub.person("cs_rep", name=GUEST)
        spare = hub.pair(name="备用")
        platform.put("P1")
        platform.garbled.add("P1")
        self._pushed(an_event("e0", "P1"))
        aside = until(lambda: admin.get("/v1/quarantine").json()["things"])
        platform.garbled.clear()
        alarms = until(
            lambda: [one for one in hub.app.doors.orders.lookup.alarms() if one.kind == "quarantined"]
        )
        taken = admin.post(
            "/v1/imports", params={"filename": "f.csv", "ticket": "t-1"}, content=_file_of("F0")
        )
        assert taken.status_code == 200, taken.text
        epoch = hub.client().get("/healthz").json()["epoch"]
        self.known: dict[str, Sequence[Any]] = {
            "order_no": [one.order_no for one in orders],
            "parcel_no": [box.parcel_no for one in orders for box in one.parcels],
            "epoch": [epoch, "another"],
            "after": [0, 1, 5],
            "q": ["2807", "T-1", orders[0].order_no, "林"],
            "user": ["谁"],
            "name": ["谁"],
            "password": [PASSWORD],
            "shop_id": ["shop-1"],
            "shop": ["shop-1"],
            "connector": ["rehearsal", "kuaidi100"],
            "station_id": [spare.station_id],
            "alarm_id": [alarms[0].alarm_id],
            "quarantine_id": [aside[0]["quarantine_id"]],
            "role": ["packer", "cs_rep"],
            "ticket": ["t-1"],
            "state": ["", "waiting"],
            "kind": [
                "opened",
                "line_packed",
                "parcel_closed",
                "waybill_bound",
                "hold",
                "release",
                "cancel",
                "nobody",
            ],
            "line_no": [1, 2, 9],
            "warehouse": ["main"],
            "from": ["20261101"],
            "to": ["20261130"],
            "limit": [1, 50],
        }
        self.callers = list(self._everybody(admin.token))

    def _everybody(self, admin: str) -> Iterator[Caller]:
        hub = self.hub
        yield Caller("a stranger", {})
        yield Caller("a wrong token", {"Authorization": "Bearer nobody"})
        yield Caller("admin", _bearer(admin), "admin")
        for role in Role:
            if role is not Role.admin:
                yield Caller(role, _bearer(hub.person(role, name=f"the {role}").token), role)
        for kind, role in OPERATOR.items():
            token = hub.pair(kind, name=f"台 {kind}").token
            yield Caller(f"{kind} station", _bearer(token), role, kind)
            if kind == "packing":
                session = hub.sign_in(station=hub.client(token))
                yield Caller(
                    "admin at a bench", _bearer(token) | {"X-Orderdock-Session": session}, "admin", kind
                )

    def run(self, method: str, route: str, examples: int, seed: str) -> list[str]:
        """Everybody calls this door once, those who may so often more; gives the troubles met."""
        maker = Maker(self.document, method, route, self.known, seed)
        able = [caller for caller in self.callers if caller.may(method, route)]
        plan = [(caller, "good") for caller in self.callers]
        plan += [(able[n % len(able)], ("good", "broken", "torn")[n % 3]) for n in range(examples)]
        return [said for caller, how in plan if (said := self._one(maker.call(caller, how)))]

    def _one(self, sent: Sent) -> str:
        if sent.route == "/v1/sessions/end" and sent.caller.role is not None:
            sent.caller = Caller("who just came", _bearer(self.hub.sign_in(GUEST)), "cs_rep")
        if sent.route == "/v1/webhooks/carrier/{connector}" and sent.caller.role is not None:
            sent.headers |= _couriers(sent.body or b"")
        headers = {"Accept-Language": sent.lang, **sent.caller.headers, **sent.headers}
        request = self.http.build_request(
            sent.method,
            sent.path,
            params=httpx.QueryParams(tuple(sent.params)),
            content=sent.body,
            headers=headers,
        )
        try:
            if sent.route == "/v1/stream":
                status, said = self._stream(request, sent)
            else:
                answer = self.http.send(request)
                status, said = answer.status_code, self.judge.trouble(sent, answer)
        except httpx.HTTPError as error:
            status, said = 0, f"no answer: {error!r}"
        self.answers.setdefault(f"{sent.method} {sent.route}", Counter())[status] += 1
        return f"{sent}\n    -> {said}" if said else ""

    def _stream(self, request: httpx.Request, sent: Sent) -> tuple[int, str]:
        """Its first event, or the no."""
        answer = self.http.send(request, stream=True)
        try:
            if answer.status_code != 200:
                answer.read()
                return answer.status_code, self.judge.trouble(sent, answer)
            if not sent.caller.may(sent.method, sent.route):
                return 200, "a stream for somebody who may not"
            kind, data = "", ""
            for line in answer.iter_lines():
                name, _, value = line.partition(":")
                kind = value.strip() if name == "event" else kind
                data += value.strip() if name == "data" else ""
                if not line and data:
                    break
            return 200, self.judge.event(kind, json.loads(data))
        finally:
            answer.close()

    def pushes(self, examples: int, seed: str) -> list[str]:
        """What a platform signed is taken, whatever it says; what it did not sign is refused."""
        dice, found = random.Random(f"{seed} pushes"), []
        for n in range(examples):
            event: Any = an_event(f"{seed} {n}", dice.choice(("S1", "P1", "", "\x00", "中" * 100)))
            if dice.random() < 0.5:
                event = event | {dice.choice(sorted(event)): dice.choice(_THINGS)}
            is_signed = dice.random() < 0.8
            sent, answer = self._pushed(event, is_signed=is_signed)
            said = self.judge.trouble(sent, answer)
            if not said and is_signed != (answer.status_code == 200):
                said = f"{answer.status_code} though it was {'well' if is_signed else 'wrongly'} signed"
            found += [f"{sent}\n    -> {said}"] if said else []
        return found

    def _pushed(self, event: Any, *, is_signed: bool = True) -> tuple[Sent, httpx.Response]:
        raw, headers = self.platform.push(event, **({} if is_signed else {"secret": "guess"}))
        stranger = Caller("a platform", {})
        sent = Sent(
            "POST", "/v1/webhooks/shop-1", "/v1/webhooks/{shop_id}", stranger, "zh", body=raw, headers=headers
        )
        return sent, self.http.post(sent.path, content=raw, headers=headers | {"Accept-Language": "zh"})


def _file_of(no: str) -> bytes:
    return (
        "channel_order_no,paid_at,consignee_name,consignee_phone,consignee_address,sku_code,qty,paid\n"
        f"{no},2026-11-21 09:00:00,林小满,18312342807,浙江省杭州市西湖区文三路 1 号,SKU-1,2,128.00\n"
    ).encode("utf-8-sig")


def _couriers(raw: bytes) -> dict[str, str]:
    """The signature of the rehearsal courier."""
    stamp = str(int(time.time()))
    signature = hmac.new(COURIER_KEY.encode(), stamp.encode() + b"." + raw, hashlib.sha256).hexdigest()
    return {"X-Orderdock-Timestamp": stamp, "X-Orderdock-Signature": f"sha256={signature}"}


def _say(head: str, troubles: Sequence[str]) -> None:
    sys.stdout.write("\n  ".join((head, *troubles[:5])) + "\n")
    sys.stdout.flush()


def _bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


@contextmanager
def a_world(folder: Path) -> Iterator[World]:
    carrier = f'[[carrier]]\nconnector = "rehearsal"\nkey = "{COURIER_KEY}"\n'
    with platform_serving() as platform:
        toml = TOML + carrier + toml_of(platform)
        with hub_in_thread(folder, toml, folders=folders) as hub:
            yield World(hub, platform)


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--examples", type=int, default=200, help="calls of each door by those who may")
    parser.add_argument("--seed", default="1")
    parser.add_argument("--only", default="", help="doors whose path holds this")
    given = parser.parse_args(arguments)
    troubles = 0
    with tempfile.TemporaryDirectory() as folder, a_world(Path(folder) / "中枢") as world:
        for method, route in ROUTES:
            if given.only in route:
                found = world.run(method, route, given.examples, given.seed)
                answers = dict(sorted(world.answers[f"{method} {route}"].items()))
                _say(f"{method:5}{route:42}{answers}", found)
                troubles += len(found)
        found = world.pushes(given.examples, given.seed)
        _say("pushes", found)
        troubles += len(found)
    return 1 if troubles else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
