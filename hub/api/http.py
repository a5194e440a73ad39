"""The little HTTP the hot doors need: requests read and checked, answers made, errors in people's words.

An :class:`ApiError` names a text ``api.<code>`` (and ``api.<code>_do`` as the hint); the error page renders it in
the caller's language. Every text that comes in is checked here for what no database or screen can hold.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterator, Mapping, MutableMapping
from functools import lru_cache
from typing import Any, TypeVar
from urllib.parse import parse_qsl

import msgspec

from app.core.texts import Lang, Texts
from app.wire import ErrorAnswer, ErrorBody

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
AsgiApp = Callable[[Scope, Receive, Send], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]

JSON = (b"content-type", b"application/json")
_ALWAYS = ((b"cache-control", b"no-store"), (b"x-content-type-options", b"nosniff"))
#: Bodies of ordinary doors; acts of a whole outbox fit.
BODY_BYTES = 1_000_000
#: Deeper JSON than this is no message of ours.
DEPTH = 32
_INT_BITS = 63

#: A query that says what it means: nothing in it is escaped.
_PLAIN_QUERY = re.compile(r"[A-Za-z0-9_.=&-]*")
_NUMBER = re.compile(r"-?[0-9]{1,19}")

T = TypeVar("T")


class ApiError(Exception):
    """An answer that says no. ``params`` fill the sentence; ``headers`` go along."""

    def __init__(self, status: int, code: str, *, retry_after_s: int = 0, **params: Any) -> None:
        super().__init__(status, code)
        self.status = status
        self.code = code
        self.params = params
        self.retry_after_s = retry_after_s


class Gone(Exception):
    """The caller hung up before the request was whole."""


class Dirty(ValueError):
    """A value holds U+0000, half a surrogate pair, a number over 63 bits or is nested too deep."""


def bad_body(why: str) -> ApiError:
    """422 with the path of what is wrong, as the decoder says it."""
    return ApiError(422, "bad_body", why=why)


def clean(value: Any, depth: int = 0) -> None:
    """Raises :class:`Dirty` for what a door must not let in; looks into structs, lists and dicts."""
    if isinstance(value, str):
        if "\x00" in value or _has_half_pair(value):
            raise Dirty("text")
    elif isinstance(value, bool) or value is None:
        return
    elif isinstance(value, int):
        if value.bit_length() > _INT_BITS:
            raise Dirty("number")
    elif depth > DEPTH:
        raise Dirty("depth")
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            clean(key, depth + 1)
            clean(inner, depth + 1)
    elif isinstance(value, list | tuple):
        for inner in value:
            clean(inner, depth + 1)
    elif isinstance(value, msgspec.Struct):
        for name in value.__struct_fields__:
            clean(getattr(value, name), depth + 1)


def _has_half_pair(text: str) -> bool:
    if text.isascii():
        return False
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return True
    return False


def decoded(body: bytes, kind: type[T]) -> T:
    """The body as this shape, checked. Raises :class:`ApiError` 400 or 422."""
    try:
        value = msgspec.json.decode(body, type=kind)
        clean(value)
    except msgspec.ValidationError as error:
        raise bad_body(str(error)) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ApiError(400, "bad_json") from error
    except (RecursionError, Dirty) as error:
        raise ApiError(422, "dirty_body") from error
    return value


def checked_json(body: bytes) -> None:
    """Lets a JSON body of any shape through to the router, or raises as :func:`decoded` does."""
    if body:
        decoded(body, object)


class _Said(Mapping[str, str]):
    def __init__(self, headers: Mapping[bytes, bytes]) -> None:
        self._headers = headers

    def __getitem__(self, name: str) -> str:
        return self._headers[name.encode("latin-1", "replace")].decode("latin-1")

    def __iter__(self) -> Iterator[str]:
        return (name.decode("latin-1") for name in self._headers)

    def __len__(self) -> int:
        return len(self._headers)


class Request:
    """One request as a hot door reads it."""

    def __init__(self, scope: Scope, receive: Receive) -> None:
        self._receive = receive
        self._query: dict[str, str] | None = None
        self.scope = scope
        self.method: str = scope["method"]
        self.path: str = scope["path"]
        #: By their names in small letters, the first of each name.
        self.headers: dict[bytes, bytes] = {
            name.lower(): value for name, value in reversed([*scope["headers"]])
        }

    @property
    def said(self) -> Mapping[str, str]:
        """All headers as texts, by their names in small letters; read when they are asked for."""
        return _Said(self.headers)

    def header(self, name: str) -> str:
        value = self.headers.get(name.encode("ascii"))
        return value.decode("latin-1").strip() if value else ""

    @property
    def query(self) -> dict[str, str]:
        """The first value of every query parameter. Raises :class:`ApiError` 422 for dirty ones."""
        if self._query is None:
            self._query = self._read_query()
        return self._query

    def _read_query(self) -> dict[str, str]:
        raw = self.scope.get("query_string", b"").decode("latin-1")
        pairs: dict[str, str] = {}
        if _PLAIN_QUERY.fullmatch(raw):  # as hundreds of stations ask for the feed
            for part in filter(None, raw.split("&")):
                name, _, value = part.partition("=")
                pairs.setdefault(name, value)
            return pairs
        for name, value in parse_qsl(raw, keep_blank_values=True, encoding="utf-8", errors="replace"):
            pairs.setdefault(name, value)
        try:
            clean(pairs)
        except Dirty as error:
            raise ApiError(422, "dirty_body") from error
        return pairs

    def number(self, name: str, default: int, least: int, most: int) -> int:
        """A whole number of the query. Raises :class:`ApiError` 422 when it is none or out of bounds."""
        text = self.query.get(name)
        if text is None:
            return default
        if not _NUMBER.fullmatch(text) or not least <= int(text) <= most:
            raise ApiError(422, "bad_query", name=name, least=least, most=most)
        return int(text)

    @property
    def lang(self) -> Lang:
        return language_of(self.header("accept-language"))

    @property
    def client_host(self) -> str:
        client = self.scope.get("client")
        return str(client[0]) if client else ""

    @property
    def is_loopback(self) -> bool:
        host = self.client_host
        return host.startswith("127.") or host in {"::1", "::ffff:127.0.0.1"}

    async def body(self, limit: int = BODY_BYTES) -> bytes:
        """The whole body. Raises :class:`ApiError` 413 over ``limit`` bytes and :class:`Gone`."""
        declared = self.header("content-length")
        if declared.isdecimal() and int(declared) > limit:
            raise ApiError(413, "too_large", limit_mb=f"{limit / 1e6:g}")
        chunks: list[bytes] = []
        size = 0
        while True:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise Gone
            chunk: bytes = message.get("body", b"")
            size += len(chunk)
            if size > limit:
                raise ApiError(413, "too_large", limit_mb=f"{limit / 1e6:g}")
            chunks.append(chunk)
            if not message.get("more_body", False):
                return chunks[0] if len(chunks) == 1 else b"".join(chunks)

    async def disconnected(self) -> None:
        """Returns when the caller has hung up."""
        while (await self._receive())["type"] != "http.disconnect":
            pass


@lru_cache(maxsize=256)
def language_of(accept: str) -> Lang:
    """The language a caller likes best; Chinese when it names none we speak.

    Weights are honoured: ``en;q=0.5, zh`` is Chinese.
    """
    if not accept:
        return "zh"
    best: tuple[float, Lang] = (0.0, "zh")
    for part in accept.split(","):
        tag, _, weight = part.strip().partition(";")
        match = re.fullmatch(r"\s*q\s*=\s*([01](?:\.\d{0,3})?)\s*", weight) if weight else None
        quality = float(match.group(1)) if match else (0.0 if weight else 1.0)
        spoken: Lang | None = {"zh": "zh", "en": "en"}.get(tag[:2].lower())  # type: ignore[assignment]
        if spoken and quality > best[0]:
            best = (quality, spoken)
    return best[1]


async def answer(send: Send, status: int, body: bytes, headers: Headers | None = None) -> None:
    """Sends one whole answer; JSON unless ``headers`` name another content type."""
    sent = [(b"content-length", b"%d" % len(body)), *_ALWAYS]
    if headers:
        sent += headers
    if not headers or b"content-type" not in [name for name, _ in headers]:
        sent.append(JSON)
    await send({"type": "http.response.start", "status": status, "headers": sent})
    await send({"type": "http.response.body", "body": body})


async def answer_json(send: Send, value: Any, status: int = 200) -> None:
    await answer(send, status, msgspec.json.encode(value))


def error_body(error: ApiError, texts: Texts, lang: Lang) -> bytes:
    """``{"error":{"code","text","hint"}}`` in the caller's language."""
    key = f"api.{error.code}"
    hint = texts.text(f"{key}_do", lang, **error.params) if texts.has(f"{key}_do") else ""
    said = ErrorBody(code=error.code, text=texts.text(key, lang, **error.params), hint=hint)
    return msgspec.json.encode(ErrorAnswer(error=said))


def error_headers(error: ApiError) -> Headers:
    headers: Headers = []
    if error.status == 401:
        headers.append((b"www-authenticate", b"Bearer"))
    if error.retry_after_s:
        headers.append((b"retry-after", str(error.retry_after_s).encode("ascii")))
    return headers
