"""JSON from outside: no amount is off by a fen, no id loses a digit, and nothing but BadPayload is raised."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from hub.connectors.payload import Payload
from hub.connectors.shapes import BadPayload

SHANGHAI = ZoneInfo("Asia/Shanghai")
FEN = st.integers(-(10**12), 10**12)
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


def asked(value: Any) -> Payload:
    return Payload.read(json.dumps({"a": value}))


@given(JSON | st.binary(max_size=12) | st.text('[]{}",:0123456789.eE+-tfn \\u', max_size=12).map(str.encode))
@example("\ud800")
@example(b"[1,]")
@example(b'"\x01"')
@example(b"18446744073709551616")
@example(b"-0.10")
@example(b"1E400")
@example(b'{"a":1,"a":2}')
@example('["a"]'.encode("utf-16"))
@example(b"\xef\xbb\xbf[]")
@example(b"0E99999999999999999999")
def test_whatever_comes_is_read_as_pythons_own_reader_reads_it(said: Any) -> None:
    raw = said if isinstance(said, bytes) else json.dumps(said).encode()
    exact = json.JSONDecoder(parse_float=Decimal)
    try:
        expected = exact.decode(raw.decode(json.detect_encoding(raw)))
    except (ValueError, ArithmeticError):
        with pytest.raises(BadPayload):
            Payload.read(raw)
    else:
        assert repr(Payload.read(raw).value) == repr(expected)


# --------------------------------------------------------------------------------------------------- money


@given(FEN)
@example(1)
@example(2901)  # 29.01 * 100 is 2900.9999999999995 as a float
@example(1160)
@example(113)
def test_an_amount_in_yuan_is_never_off_by_a_fen(fen: int) -> None:
    exact = f"{'-' if fen < 0 else ''}{abs(fen) // 100}.{abs(fen) % 100:02d}"
    short = exact.removesuffix("0").removesuffix("0").removesuffix(".") if exact.endswith("0") else exact
    for said in (exact, short, f'"{exact}"', f'" {short} "', repr(fen / 100)):
        assert Payload.read(f'{{"a":{said}}}').fen_of_yuan("a") == fen, said


@given(st.decimals(min_value=-(10**6), max_value=10**6, places=4))
def test_a_third_decimal_is_no_amount_unless_it_says_nothing(yuan: Decimal) -> None:
    payload = Payload.read(f'{{"a":{yuan:f}}}')
    if yuan * 100 == (yuan * 100).to_integral_value():
        assert payload.fen_of_yuan("a") == yuan * 100
    else:
        with pytest.raises(BadPayload):
            payload.fen_of_yuan("a")


@pytest.mark.parametrize(
    "said",
    [
        "1e2",
        '"1e999999999"',
        '"1e-999999999"',
        "NaN",
        "Infinity",
        '"NaN"',
        '"1,000.00"',
        "true",
        "[]",
        '"x"',
        "1e40",
    ],
)
def test_what_is_no_amount_is_refused_at_once(said: str) -> None:
    def read() -> int:
        return Payload.read(f'{{"a":{said}}}').fen_of_yuan("a")

    if said == "1e2":
        assert read() == 10_000
    else:
        with pytest.raises(BadPayload):
            read()


# ----------------------------------------------------------------------------------------------------- ids


@given(st.integers(-(2**63) + 1, 2**63 - 1))
@example(2**53 + 1)
@example(9007199254740993)
@example(6917529027641081857)
def test_an_id_above_2_to_53_keeps_every_digit(number: int) -> None:
    for payload in (asked(number), asked(str(number))):
        assert payload.text("a") == str(number)
        assert payload.whole("a") == number


@given(st.integers(min_value=2**63))
def test_numbers_of_more_than_63_bits_are_no_numbers_of_ours(number: int) -> None:
    with pytest.raises(BadPayload):
        asked(number).whole("a")
    assert asked(str(number)).text("a") == str(number)


@pytest.mark.parametrize(
    "said", ["1.5", '"1.5"', "true", '"0x10"', '"１e1000000000"', "[1]", '"abc"', "null"]
)
def test_what_is_no_whole_number_is_refused(said: str) -> None:
    with pytest.raises(BadPayload):
        Payload.read(f'{{"a":{said}}}').whole("a")


def test_whole_numbers_may_be_written_with_a_point_and_nothing_behind_it() -> None:
    assert Payload.read('{"a":12.0}').whole("a") == 12


# --------------------------------------------------------------------------------------------------- times


@given(st.datetimes(datetime(1971, 1, 1), datetime(2100, 1, 1)))  # noqa: DTZ001 - on the clock of Shanghai
def test_a_moment_on_the_clock_of_shanghai_is_that_moment(local: datetime) -> None:
    local = local.replace(microsecond=0)
    told = asked(local.isoformat(sep=" ")).local("a", SHANGHAI)
    assert told == asked(local.isoformat()).local("a", SHANGHAI) == local.replace(tzinfo=SHANGHAI)
    assert told is not None and told.tzinfo is UTC


@given(st.integers(1, 4 * 10**9))
def test_seconds_and_milliseconds_are_told_apart(second: int) -> None:
    at = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=second)
    assert asked(second).unix("a") == asked(str(second)).unix("a") == at
    if second * 1000 > 100_000_000_000:
        assert asked(second * 1000).unix("a") == at


@pytest.mark.parametrize("said", ["", None, 0, "0"])
def test_no_moment_is_none(said: Any) -> None:
    assert asked(said).unix("a") is None


@pytest.mark.parametrize("said", ["", None, "0000-00-00 00:00:00"])
def test_no_local_moment_is_none(said: Any) -> None:
    assert asked(said).local("a", SHANGHAI) is None


@pytest.mark.parametrize("said", ["soon", "2026-13-01 00:00:00", "9999-12-31T23:59:59-12:00", 20261121.5])
def test_what_is_no_local_moment_is_refused(said: Any) -> None:
    with pytest.raises(BadPayload):
        asked(said).local("a", timezone(timedelta(hours=8)))


# ------------------------------------------------------------------------------------------- pieces, paths


def test_a_piece_is_named_by_its_path() -> None:
    whole = Payload.read('{"order":{"lines":[{"qty":1},{"qty":"two"}]}}')
    lines = list(whole.items("order.lines"))
    assert lines[0].whole("qty") == 1
    with pytest.raises(BadPayload) as caught:
        lines[1].whole("qty")
    assert caught.value.path == "order.lines[1].qty"
    with pytest.raises(BadPayload) as caught:
        whole.need("order.name.first")
    assert caught.value.path == "order.name.first"


def test_flags_are_said_in_six_ways_and_no_more() -> None:
    said = [asked(value).flag("a") for value in (True, 1, "1", False, 0, "0")]
    assert said == [True, True, True, False, False, False]
    assert asked("").flag("a", True) is True
    for value in (2, "yes", [], 1.5):
        with pytest.raises(BadPayload):
            asked(value).flag("a")


@pytest.mark.parametrize("text", ["\x00", "a\x00b", "\ud800", "\udfff!"])
def test_texts_no_database_takes_are_refused(text: str) -> None:
    with pytest.raises(BadPayload):
        asked(text).text("a")


@given(JSON, st.sampled_from(["a", "a.b", "a.a.a", "0"]))
def test_whatever_is_asked_of_whatever_raises_nothing_but_badpayload(value: Any, path: str) -> None:
    payload = asked(value)
    for ask in (
        lambda: payload.text(path),
        lambda: payload.whole(path),
        lambda: payload.flag(path),
        lambda: payload.fen_of_yuan(path),
        lambda: payload.unix(path),
        lambda: payload.local(path, SHANGHAI),
        lambda: list(payload.items(path)),
        lambda: payload.need(path),
        lambda: payload.text(path, ""),
        lambda: payload.whole(path, 0),
    ):
        try:
            ask()
        except BadPayload as error:
            assert error.path


@given(st.binary(max_size=50))
@example(b"[" * 100_000)
@example(b"NaN")
@example(b"\xff")
@example(b"9" * 10_000)
def test_any_bytes_are_json_or_badpayload(raw: bytes) -> None:
    try:
        Payload.read(raw)
    except BadPayload:
        return
