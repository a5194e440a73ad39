"""What platforms say: hints of their pushes and messages, and details that were fetched (design 3.10).

A hint is answered once, whatever comes again: its event id is kept in the very transaction that lays its stop and
asks for the fetch. The wish to fetch goes when a detail has come that was asked for after the hint.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from functools import lru_cache
from hashlib import sha256
from typing import Any

import msgspec

from app.core import hints
from app.core.channel import ADDRESS_KEYS, ChannelOrder, absorb, first_seen, has_other_lines
from app.core.hints import HintKind
from app.core.history import Entry
from app.core.order import Consignee, Order
from app.core.values import quickly_made
from hub.db.tables import to_ms
from hub.orders.apply import apply
from hub.orders.claims import judged
from hub.orders.held import Cause, Needs
from hub.orders.intake import met, need, sealed_row
from hub.orders.jobs import Answer, Failed, Job
from hub.orders.results import Taken
from hub.orders.returned import caught_up, number_for
from hub.orders.work import Work


@quickly_made
@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """A hint as the writer takes it. ``event_id`` "" is one the platform gave no id."""

    event_id: str
    channel_order_no: str
    kind: HintKind
    at: datetime | None = None
    word: str = ""
    is_known: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Detail:
    """A fetched order; ``fetched_at`` is when the asking began, ``unknown`` the codes no table knows."""

    order: ChannelOrder
    fetched_at: datetime
    raw: bytes = field(default=b"", repr=False)
    unknown: tuple[str, ...] = ()


@quickly_made
@dataclass(frozen=True, slots=True, kw_only=True)
class HintAnswer:
    """``is_new`` False: this event was answered before. ``order_no`` "": nobody has this order yet."""

    is_new: bool
    order_no: str = ""
    stopped: bool = False


class _Kept(msgspec.Struct, frozen=True, omit_defaults=True):
    """A stopping hint of an order that nobody has yet."""

    kind: str
    at: datetime | None = None
    word: str = ""


#: So much of a platform's event id stands before its digest.
_EVENT_START = 24
_encode = msgspec.json.Encoder().encode
_read_kept = msgspec.json.Decoder(list[_Kept])


class HintJob(Job[HintAnswer]):
    what = "hint"
    is_numbered = False

    def __init__(self, shop_id: str, heard: Heard, why: Cause) -> None:
        self.shop_id = shop_id
        self.heard = heard
        self.named = (shop_id, heard.channel_order_no)
        #: A stop is in a hurry; what only changed waits with all the others for its fetch.
        self.is_urgent = hints.stops(heard.kind)
        self.key = _event_key(shop_id, heard.event_id) if heard.event_id else ""
        self.is_brief = bool(self.key) and heard.is_known and not self.is_urgent
        self.why = why

    @classmethod
    def all(cls, shop_id: str, heard: Sequence[Heard]) -> list[HintJob]:
        why = _pushed_by(shop_id)
        return [cls(shop_id, one, why) for one in heard]

    def needs(self, needs: Needs) -> None:
        needs.natural.add(self.named)
        if self.is_urgent:
            needs.kept.add(self.named)
        if self.key:
            needs.events.add(self.key)

    def run(self, work: Work) -> Answer[HintAnswer]:
        hint, key = self.heard, self.key
        known = work.receipts.get(key) if key else None
        if known is not None:
            return _always(HintAnswer(is_new=False, order_no=known.order_no))
        order_no = work.natural.get(self.named, "")
        order = work.order(order_no) if order_no else None
        if not hint.is_known:
            tell_strange(work, self.shop_id, hint.word)
        stopped = self._lay(work, order) if order is not None else False
        self._want(work, order)
        if key:
            work.keep_event(key, order_no)
        if order_no:
            return _always(HintAnswer(is_new=True, order_no=order_no, stopped=stopped))
        return _of_nobodys

    def fault(self, work: Work, error: Exception) -> Answer[HintAnswer | Failed]:
        content = {"shop_id": self.shop_id, "hint": asdict(self.heard)}
        work.quarantine(self.what, f"{self.shop_id} {self.heard.channel_order_no}", error, content)
        self._want(work, None)  # the fetch shows what the hint was about
        return _always(HintAnswer(is_new=True))

    def _lay(self, work: Work, order: Order) -> bool:
        hint, rules = self.heard, work.rules_of(order)
        stopped, entries = judged(
            work,
            order,
            lambda o: hints.heard(o, hint.kind, hint.at, self.shop_id, work.now, rules, hint.word),
        )
        if stopped is order:
            return False
        apply(work, stopped, entries, self.why)
        return True

    def _want(self, work: Work, order: Order | None) -> None:
        """Ask for the fetch; a stopping hint of an unknown order is kept until the order is there."""
        hint, named = self.heard, self.named
        if order is None and self.is_urgent:
            kept = [*kept_hints(work, *named), _Kept(hint.kind, hint.at, hint.word)]
            work.put(work.wishes, named, _encode(kept))
        elif named not in work.wishes:
            work.put(work.wishes, named, None)


@lru_cache(maxsize=1_000)
def _pushed_by(shop_id: str) -> Cause:
    return Cause(actor=shop_id, source=f"channel:{shop_id}", cause="push")


class TellJob(Job[Taken]):
    """A detail is taken: the order is made or follows, and the wish to fetch it is settled."""

    what = "detail"

    def __init__(self, detail: Detail, cause: str = "fetch") -> None:
        self.detail = detail
        self.came = detail.order
        shop_id = self.came.shop_id
        self.why = Cause(actor=shop_id, source=f"channel:{shop_id}", cause=cause)

    def needs(self, needs: Needs) -> None:
        need(self.came, needs)
        needs.kept.add((self.came.shop_id, self.came.channel_order_no))

    def run(self, work: Work) -> Answer[Taken]:
        came = self.came
        known = met(self.came, work)
        for word in self.detail.unknown:
            tell_strange(work, came.shop_id, word)
        kept = kept_hints(work, came.shop_id, came.channel_order_no)
        return self._new(work, kept) if known is None else self._again(work, known, kept)

    def fault(self, work: Work, error: Exception) -> Answer[Taken | Failed]:
        came = self.came
        content = {"shop_id": came.shop_id, "order": msgspec.to_builtins(came)}
        work.quarantine(self.what, f"{came.shop_id} {came.channel_order_no}", error, content)
        warehouse = came.warehouse or work.settings.warehouse_of(came.shop_id)
        work.raise_alarm("our_fault", "major", None, "", {"order_no": came.channel_order_no}, warehouse)
        self._settle(work, None)
        return lambda numbers: Taken("", "failed", numbers.head)

    def _new(self, work: Work, kept: list[_Kept]) -> Answer[Taken]:
        came, settings = self.came, work.settings
        order_no, acts = number_for(work, came.shop_id, came.channel_order_no)
        warehouse = came.warehouse or settings.warehouse_of(came.shop_id)
        rules, fetched_at = settings.rules_of(warehouse), self.detail.fetched_at
        order, entries = first_seen(came, order_no, warehouse, work.now, rules, fetched_at)
        if kept:
            order, more = self._heard_before(work, order, kept)
            entries += more
            order, more = absorb(order, came, rules, work.now, fetched_at)
            entries += more
        work.put(work.natural, (came.shop_id, came.channel_order_no), order_no)
        work.admit(order)
        work.write(order_no, entries, self.why)
        work.row(work.sql.sealed, sealed_row(work, order_no, came))
        if acts:
            caught_up(work, order_no, acts)
        self._settle(work, order)
        return lambda numbers: Taken(order_no, "new", numbers.of(order_no))

    def _again(self, work: Work, known: Order, kept: list[_Kept]) -> Answer[Taken]:
        came, rules, order_no = self.came, work.rules_of(known), known.order_no
        differs = has_other_lines(known, came)
        if differs:
            work.raise_alarm("lines_differ", "major", known, "", {})
        readdressed = self._readdressed(work, known)

        def follows(order: Order) -> tuple[Order, list[Entry]]:
            order, entries = self._heard_before(work, order, kept)
            at, is_readdressed = self.detail.fetched_at, readdressed is not None
            order, more = absorb(order, came, rules, work.now, at, is_readdressed=is_readdressed)
            return order, entries + more

        order, entries = judged(work, known, follows)
        if readdressed is not None:
            work.row(work.sql.resealed, sealed_row(work, order_no, readdressed))
        if order is not known:
            apply(work, order, entries, self.why)
        self._settle(work, order)
        outcome: Any = "differs" if differs else "same" if order is known else "changed"
        return lambda numbers: Taken(order_no, outcome, numbers.of(order_no))

    def _heard_before(self, work: Work, order: Order, kept: Sequence[_Kept]) -> tuple[Order, list[Any]]:
        entries: list[Any] = []
        for hint in kept:
            rules = work.rules_of(order)
            order, more = hints.heard(
                order, HintKind(hint.kind), hint.at, self.came.shop_id, work.now, rules, hint.word
            )
            entries += more
        return order, entries

    def _readdressed(self, work: Work, known: Order) -> ChannelOrder | None:
        """The detail with the address that stands from now on, or None where it is the one we have.

        A field with stars in it, or an empty one, tells nothing by itself: two places may look the same behind
        their stars. Where the platform gives an address a key of its own, another key is another address, whatever
        is shown of it. An erased buyer stays erased.
        """
        told = self.came.consignee
        is_elsewhere = _address_key(self.came.extra) not in (
            "",
            _address_key(known.extra) or _address_key(self.came.extra),
        )
        if not any(asdict(told).values()):
            return None
        rows = work.sql.fetch(work.conn, "SELECT blob_pii FROM sealed WHERE order_no", [known.order_no])
        if not rows:
            return None
        secret = work.vault.open(rows[0][0], known.order_no)
        ours = msgspec.convert(secret["consignee"], Consignee)
        news = {
            name: value
            for name, value in asdict(told).items()
            if value and (is_elsewhere or "*" not in value) and value != getattr(ours, name)
        }
        if not news and not is_elsewhere:
            return None
        nick = self.came.buyer_nick or str(secret.get("buyer_nick", ""))
        return replace(self.came, consignee=replace(ours, **news), buyer_nick=nick)

    def _settle(self, work: Work, order: Order | None) -> None:
        """The wish to fetch is fulfilled, unless a hint's stop stands that a second look a minute later may lift."""
        came, fetched_at = self.came, self.detail.fetched_at
        key = (came.shop_id, came.channel_order_no, to_ms(fetched_at))
        waits = order is not None and any(
            stop.hint is not None and stop.hint.clear_since is not None for stop in order.stops
        )
        if waits:
            work.row(work.sql.fetch_again, (to_ms(fetched_at + hints.APART), b"[]", *key))
        else:
            work.row(work.sql.fetch_done, key)


def _address_key(extra: dict[str, Any]) -> str:
    """The platform's own key of an address, equal as long as the address is; "" where it gives none."""
    return next((str(extra[name]) for name in ADDRESS_KEYS if extra.get(name)), "")


def kept_hints(work: Work, shop_id: str, channel_order_no: str) -> list[_Kept]:
    """Stopping hints that came before their order, those of this very group too."""
    named = (shop_id, channel_order_no)
    kept = work.wishes.get(named) or work.kept(named)
    return _read_kept.decode(kept) if kept else []


def tell_strange(work: Work, source: str, word: str) -> None:
    """One alarm for each word that nobody has seen yet, ever."""
    word = word[:120]
    if any(row[:2] == (source, word) for row in work.rows.get(work.sql.strange_word, [])):
        return
    known = work.conn.exec_driver_sql(
        f"SELECT 1 FROM strange_word WHERE source = {work.sql.mark} AND word = {work.sql.mark}",
        (source, word),
    ).first()
    if known is None:
        work.row(work.sql.strange_word, (source, word, work.now_ms))
        work.raise_alarm("strange_word", "minor", None, "", {"source": source, "word": word})


def _event_key(shop_id: str, event_id: str) -> str:
    """Longer than any id of an act may be, so that nobody can give one for the other.

    It begins as the platform's own id does: those of one hour are neighbours on a few pages. By their digests alone
    each push of a group had a page of its own to write, and every thousand pages the database stops to tidy up.
    """
    digest = sha256(f"{shop_id}\0{event_id}".encode("utf-8", "surrogatepass")).hexdigest()
    start = event_id[:_EVENT_START]
    return f"event:{start if start.isascii() and start.isprintable() else ''}:{digest}"


def _always(answer: Any) -> Answer[Any]:
    return lambda numbers: answer


_of_nobodys = _always(HintAnswer(is_new=True))
