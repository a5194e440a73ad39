"""Every shape on the wire between station and hub, declared once for both ends (design 1.4, 3).

Strict when written; unknown fields are ignored when read, so an older station reads a newer hub.
Order, history, track and item bodies are the core's own dataclasses.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec

from app.core.acts import BODIES, Act, ActKind, Body
from app.core.order import Consignee, LastGate, LeaseStep, Order, Parcel, Stop

#: Protocol version; a hub serves WIRE and WIRE - 1.
WIRE = 1

FeedKind = Literal["order", "history", "track", "alarm", "station", "item", "person", "setting", "ticket"]
StationKind = Literal["packing", "supervisor", "service", "ops"]
Outcome = Literal["applied", "clash", "refused"]


class ChannelRef(msgspec.Struct, frozen=True, kw_only=True):
    shop_id: str
    channel_order_no: str


class Envelope(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One act as it travels. ``body`` is the JSON object of the kind's shape in app.core.acts."""

    act_id: str
    kind: str
    order_no: str
    made_at: datetime
    parcel_no: str | None = None
    channel_ref: ChannelRef | None = None
    body: dict[str, Any] = {}


class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    """The hub's answer to one act. ``reason`` is a code of app.core.reasons, ``params`` fill its sentence."""

    act_id: str
    outcome: Outcome
    replayed: bool = False
    reason: str = ""
    params: dict[str, str] = {}
    seq: int = 0


def _no_body() -> msgspec.Raw:
    return msgspec.Raw(b"null")


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """One row of the feed. ``body`` stays raw JSON until somebody needs it; null when ``gone``."""

    seq: int
    kind: str
    key: str
    gone: bool = False
    body: msgspec.Raw = msgspec.field(default_factory=_no_body)


class ChangePage(msgspec.Struct, frozen=True, kw_only=True):
    """In the stream ``after`` says where the page begins: who stands before it pulls instead of applying it."""

    epoch: str
    head: int
    next: int
    changes: list[Change]
    after: int | None = None


class Urgent(msgspec.Struct, frozen=True, kw_only=True):
    """A stop was set or lifted: the fast lane, never moves the cursor (design 3.6).

    ``seq`` compares only with numbers of the same ``epoch`` (design 3.11); "" from a hub that does not say it.
    """

    seq: int
    order_no: str
    stops: tuple[Stop, ...]
    is_frozen: bool
    parcels: tuple[Parcel, ...] = ()
    epoch: str = ""


class Head(msgspec.Struct, frozen=True, kw_only=True):
    head: int
    now: datetime


class SignIn(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Either user and password, or a badge."""

    user: str = ""
    password: str = ""
    badge: str = ""


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """``acts``, ``screens``, ``doors``: what this person may send, where they may work, which calls they may make."""

    token: str
    role: str
    expires_at: datetime
    wire: int = WIRE
    user: str = ""
    acts: list[str] = []
    screens: list[str] = []
    doors: list[str] = []


class PairRequest(msgspec.Struct, frozen=True, kw_only=True):
    code: str
    name: str


class Paired(msgspec.Struct, frozen=True, kw_only=True):
    """``warehouse`` "" is all of them. ``ca_sha256``: fingerprint of the hub's own CA, "" without TLS."""

    station_id: str
    token: str
    kind: StationKind
    warehouse: str
    wire: int = WIRE
    ca_sha256: str = ""
    #: Where further processes of this hub are, ``#`` and the fingerprint of its certificate behind those with TLS.
    addresses: list[str] = []


class PairingAsk(msgspec.Struct, frozen=True, kw_only=True):
    kind: StationKind
    warehouse: str = "main"


class PairingCode(msgspec.Struct, frozen=True, kw_only=True):
    code: str
    kind: StationKind
    warehouse: str
    expires_at: datetime
    ca_sha256: str = ""


class PrinterReport(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    state: str
    waiting: int = 0


class Beat(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a station says of itself every 10 s."""

    seq_seen: int = 0
    waiting_acts: int = 0
    oldest_waiting_at: datetime | None = None
    printers: list[PrinterReport] = []
    clock: datetime | None = None
    sign_on: str = ""
    #: The hub's life to which everything settled before was sent again; waits or is sent.
    resent_to: str = ""


class BeatAnswer(msgspec.Struct, frozen=True, kw_only=True):
    now: datetime
    head: int
    epoch: str
    go_check_ms: int = 300
    addresses: list[str] = []


class Me(msgspec.Struct, frozen=True, kw_only=True):
    """Who the hub takes the caller for. ``role`` "": sign-on is required here and nobody did.

    ``doors`` names further calls this caller may make: import, ack_alarm, pair, shops, shop_pace, track.
    """

    user: str
    role: str
    acts: list[str]
    screens: list[str]
    mask: str
    warehouse: str = ""
    station_id: str = ""
    station_kind: str = ""
    sign_on_required: bool = False
    wire: int = WIRE
    doors: list[str] = []


class SetUp(msgspec.Struct, frozen=True, kw_only=True):
    """The first administrator of a new hub, with the code it printed at its first start."""

    code: str
    user: str
    password: str


class NewUser(msgspec.Struct, frozen=True, kw_only=True):
    """``warehouse`` "": all of them."""

    name: str
    role: str
    password: str
    warehouse: str = ""


class UserView(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    role: str
    warehouse: str = ""
    is_disabled: bool = False
    has_badge: bool = False


class UserList(msgspec.Struct, frozen=True, kw_only=True):
    users: list[UserView]


class NewPassword(msgspec.Struct, frozen=True, kw_only=True):
    password: str


class NewRole(msgspec.Struct, frozen=True, kw_only=True):
    role: str
    is_disabled: bool = False


class Badge(msgspec.Struct, frozen=True, kw_only=True):
    """``code`` is what the badge shows as a QR code; it is told this once."""

    name: str
    code: str


class Done(msgspec.Struct, frozen=True, kw_only=True):
    done: bool = True


class StationView(msgspec.Struct, frozen=True, kw_only=True):
    """Feed kind ``station``: one bench as supervisors see it.

    ``silent_at``: its beats stay away, noticed then; None again with the next beat.
    """

    station_id: str
    name: str
    kind: StationKind
    warehouse: str
    is_revoked: bool = False
    last_beat_at: datetime | None = None
    seq_seen: int = 0
    waiting_acts: int = 0
    printers: list[PrinterReport] = []
    sign_on: str = ""
    oldest_waiting_at: datetime | None = None
    silent_at: datetime | None = None


class StationList(msgspec.Struct, frozen=True, kw_only=True):
    stations: list[StationView]


class AlarmView(msgspec.Struct, frozen=True, kw_only=True):
    """Feed kind ``alarm``: kind and params are rendered by ``alarms.<kind>`` of the texts."""

    alarm_id: str
    kind: str
    level: Literal["info", "minor", "major", "critical"]
    order_no: str = ""
    parcel_no: str = ""
    params: dict[str, str] = {}
    raised_at: datetime
    acked_at: datetime | None = None
    acked_by: str = ""


class LateStation(msgspec.Struct, frozen=True, kw_only=True):
    """A station that may have acts for a restored hub and has not sent them again yet."""

    station_id: str
    name: str


class SiteRules(msgspec.Struct, frozen=True, kw_only=True):
    """Feed kind ``setting``, key ``rules:<warehouse>``: what hub.toml says of this warehouse.

    A station judges its own acts by it and reads clocks in ``timezone``; a hub that feeds none means the defaults.
    """

    timezone: str = "Asia/Shanghai"
    last_gate: LastGate = "handover"
    countdown_s: int = 15
    auto_release: bool = True
    lease_s: int = 3600


class Restored(msgspec.Struct, frozen=True, kw_only=True):
    """Feed kind ``setting``, key ``restored``: this hub was brought back from a backup.

    Numbers of the waybill pool are locked while a station is ``waiting``, unless a supervisor said go (``go_at``).
    What came by file or call from ``backup_at`` to ``restored_at`` has to be brought in again; ``brought_at`` is when
    somebody said that it was.
    """

    epoch: str
    backup_at: datetime
    restored_at: datetime
    waiting: list[LateStation] = []
    go_at: datetime | None = None
    go_by: str = ""
    brought_at: datetime | None = None
    brought_by: str = ""

    @property
    def is_locked(self) -> bool:
        return bool(self.waiting) and self.go_at is None


class Rows(msgspec.Struct, frozen=True, kw_only=True):
    """What the feed holds about one order now, ahead of the page it will come with: the order, its file and tracks,
    and its goods. Empty where nobody the asker may see has the number."""

    epoch: str
    changes: list[Change] = []


class LeaseAsk(msgspec.Struct, frozen=True, kw_only=True):
    """At most 200 parcels in one request; ``give_back`` ends the station's own leases."""

    parcel_nos: list[str]
    step: LeaseStep = "close"
    give_back: bool = False


class LeaseAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """Per parcel. ``seconds`` counts from *sending* the request, already 30 s less than granted.

    ``seq``: what the order's row carries once the feed shows the grant; a row before it tells of former holders.
    """

    parcel_no: str
    granted: bool
    seconds: int = 0
    seq: int = 0
    reason: str = ""
    params: dict[str, str] = {}
    label: LabelData | None = None


class GoAsk(msgspec.Struct, frozen=True, kw_only=True):
    parcel_no: str
    step: LeaseStep


class GoAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """``platform``: "" need not be asked (its words reach the hub by themselves), ``told`` was asked, ``silent`` could
    not be asked in time: then the hub's own state decided."""

    ok: bool
    reason: str = ""
    params: dict[str, str] = {}
    seq: int = 0
    platform: Literal["", "told", "silent"] = ""


class TrackAsked(msgspec.Struct, frozen=True, kw_only=True):
    """What became of asking a courier source for news now; ``text`` says it in the caller's language.

    ``asked`` False without ``trouble``: too early, ``allowed_at`` is when. ``trouble``: ``no_source``, ``no_waybill``,
    ``later`` (the source is away), ``not_taken`` (it refuses the number), ``settings`` (it refuses us).
    """

    asked: bool
    allowed_at: datetime | None = None
    new_nodes: int = 0
    trouble: str = ""
    text: str = ""


class LabelData(msgspec.Struct, frozen=True, kw_only=True):
    """What one label needs, full consignee included: lives in memory until the lease ends."""

    parcel_no: str
    waybill_no: str = ""
    carrier: str = ""
    routing_code: str = ""
    consignee_name: str = ""
    consignee_phone: str = ""
    consignee_address: str = ""
    print_data: dict[str, Any] = {}


class StoryEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a story, its text in the caller's language."""

    at: datetime
    kind: str
    text: str
    source: str
    actor: str = ""
    detail: dict[str, Any] = {}
    raw: str | None = None


class RevealAsk(msgspec.Struct, frozen=True, kw_only=True):
    reason: str


class Revealed(msgspec.Struct, frozen=True, kw_only=True):
    """The full consignee, once, to one person, with the reason in the order's file."""

    order_no: str
    consignee: Consignee
    buyer_nick: str = ""


class CourierNode(msgspec.Struct, frozen=True, kw_only=True):
    at: datetime
    kind: str
    text: str = ""
    place: str = ""


class CourierPush(msgspec.Struct, frozen=True, kw_only=True):
    """What the rehearsal courier pushes; real couriers have shapes of their own."""

    waybill_no: str
    carrier: str = ""
    nodes: list[CourierNode]


class CourierAnswer(msgspec.Struct, frozen=True, kw_only=True):
    known: bool
    new_nodes: int = 0


class OrderList(msgspec.Struct, frozen=True, kw_only=True):
    orders: list[Order]
    next: str = ""


class BucketDigest(msgspec.Struct, frozen=True, kw_only=True):
    bucket: int
    count: int
    hash: str


class Digest(msgspec.Struct, frozen=True, kw_only=True):
    epoch: str
    seq: int
    buckets: list[BucketDigest]


class RepairAsk(msgspec.Struct, frozen=True, kw_only=True):
    """A copy differs in these buckets: ``held`` are its rows there, seq by order number.

    No buckets: too many to be named, the whole copy is loaded anew; the hub is only told.
    """

    seq: int
    buckets: list[int] = []
    held: dict[str, int] = {}


class Repair(msgspec.Struct, frozen=True, kw_only=True):
    """What is right at ``seq``: rows the copy lacks or holds otherwise, ``gone`` for those it should not hold.

    ``is_whole`` False: too many differ, load everything anew.
    """

    epoch: str
    seq: int
    is_whole: bool
    changes: list[Change] = []


class BadRow(msgspec.Struct, frozen=True, kw_only=True):
    row: int
    column: str
    reason: str
    text: str


class ImportSums(msgspec.Struct, frozen=True, kw_only=True):
    """Count and money of a set of orders, for comparing what a file says with what came of it (ING-15)."""

    orders: int = 0
    lines: int = 0
    qty: int = 0
    paid_fen: int = 0
    coupon_fen: int = 0
    points_fen: int = 0
    freight_fen: int = 0


class ImportReport(msgspec.Struct, frozen=True, kw_only=True):
    """``rows`` counts data rows, and ``rows == taken + unchanged + refused``.

    ``taken`` rows made or changed something, ``unchanged`` rows were known as they are. ``orders`` and ``paid_fen``
    are those of taken and unchanged rows. ``sums_in`` was added up over the good rows of the file, ``sums_out`` over
    what the hub acknowledged: equal unless the hub failed at an order. ``problems`` shows the first few hundred,
    the file all; ``refused_file`` is an .xlsx in base64, empty when nothing was refused.
    """

    kind: str
    rows: int
    taken: int
    unchanged: int
    refused: int
    orders: int = 0
    paid_fen: int = 0
    problems: list[BadRow] = []
    refused_file: str = ""
    is_dry_run: bool = False
    sums_in: ImportSums = ImportSums()
    sums_out: ImportSums = ImportSums()
    unused_columns: list[str] = []


class ImportProgress(msgspec.Struct, frozen=True, kw_only=True):
    """How far an import under way has got. ``waiting``: another comes first; ``rows`` is known when ``taking``."""

    stage: Literal["waiting", "reading", "taking"]
    rows_done: int = 0
    rows: int = 0


class SourceHealth(msgspec.Struct, frozen=True, kw_only=True):
    """How somebody does who tells us things. ``trouble`` "" is well; else later, no_permission, sign_in_again,
    wrong_settings, bad_payload, refused, with their own ``word`` and ``text`` in the caller's language."""

    trouble: str = ""
    word: str = ""
    text: str = ""
    failures: int = 0
    failing_since: datetime | None = None
    last_good_at: datetime | None = None
    last_push_at: datetime | None = None


class ShopHealth(SourceHealth, frozen=True, kw_only=True):
    """How a shop on a platform does. ``cursor``: changes before it are taken. ``poll_s`` is the pace people set."""

    is_listening: bool = False
    cursor: datetime | None = None
    next_poll_at: datetime | None = None
    poll_s: int = 0
    orders_today: int = 0
    quarantined: int = 0
    missed: int = 0
    ship_backs_waiting: int = 0
    ship_backs_refused: int = 0
    ship_back_due_at: datetime | None = None


class ShopView(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One shop of the hub's settings, without its secrets; ``health`` for shops on a platform."""

    shop_id: str
    connector: str
    warehouse: str
    health: ShopHealth | None = None


class CourierSource(SourceHealth, frozen=True, kw_only=True, omit_defaults=True):
    """How a source of courier news does. ``parcels`` are those it is asked about
    or watches; ``takes_subscriptions``: it tells by itself what happens to them."""

    connector: str
    takes_subscriptions: bool = False
    parcels: int = 0


class ShopList(msgspec.Struct, frozen=True, kw_only=True):
    """``couriers``: where courier news comes from, for those who see how shops do."""

    shops: list[ShopView]
    couriers: list[CourierSource] = []


class ShopPace(msgspec.Struct, frozen=True, kw_only=True):
    """How often a shop is asked for changes, in seconds."""

    poll_s: Annotated[int, msgspec.Meta(ge=1, le=86_400)]


class ShopChecked(msgspec.Struct, frozen=True, kw_only=True):
    """What "test connection" found; ``trouble`` "" is all well."""

    trouble: str = ""
    word: str = ""
    text: str = ""


class ShopPolled(msgspec.Struct, frozen=True, kw_only=True):
    """``orders``: how many came or changed."""

    orders: int


class MissedOrders(msgspec.Struct, frozen=True, kw_only=True):
    """What the last sweeps found at the platform and not here."""

    channel_order_nos: list[str]


class MissedTaken(msgspec.Struct, frozen=True, kw_only=True):
    taken: int
    left: int


class ShipBackView(msgspec.Struct, frozen=True, kw_only=True):
    """A waybill on its way to its platform: ``state`` waiting, told, refused or overtaken, the deadline beside it."""

    parcel_no: str
    order_no: str
    shop_id: str
    channel_order_no: str
    carrier: str
    waybill_no: str
    state: str
    asked_at: datetime
    due_at: datetime
    ship_by_at: datetime | None = None
    told_at: datetime | None = None
    tries: int = 0
    word: str = ""


class ShipBackList(msgspec.Struct, frozen=True, kw_only=True):
    ship_backs: list[ShipBackView]


class QuarantineView(msgspec.Struct, frozen=True, kw_only=True):
    """One thing put aside, without what is in it. ``can_retry``: it names an order of a platform."""

    quarantine_id: str
    at: datetime
    what: str
    ref: str
    error: str
    can_retry: bool = False


class QuarantineList(msgspec.Struct, frozen=True, kw_only=True):
    things: list[QuarantineView]


class ErrorBody(msgspec.Struct, frozen=True, kw_only=True):
    code: str
    text: str
    hint: str = ""


class ErrorAnswer(msgspec.Struct, frozen=True, kw_only=True):
    error: ErrorBody


class Health(msgspec.Struct, frozen=True, kw_only=True):
    status: Literal["ok", "starting", "failing"]
    epoch: str = ""
    seq: int = 0
    db: str = ""
    wire: int = WIRE
    cause: str = ""


def act_of(envelope: Envelope) -> Act:
    """The core's act of an envelope. Raises ``msgspec.ValidationError`` with the path of what is wrong."""
    try:
        kind = ActKind(envelope.kind)
    except ValueError as error:
        raise msgspec.ValidationError(f"Invalid enum value {envelope.kind!r} - at `$.kind`") from error
    body: Body = msgspec.convert(envelope.body, type=BODIES[kind], strict=True)
    return Act(
        act_id=envelope.act_id,
        kind=kind,
        order_no=envelope.order_no,
        parcel_no=envelope.parcel_no,
        made_at=envelope.made_at,
        body=body,
    )


def envelope_of(act: Act, channel_ref: ChannelRef | None = None) -> Envelope:
    """An act ready to travel."""
    return Envelope(
        act_id=act.act_id,
        kind=act.kind,
        order_no=act.order_no,
        parcel_no=act.parcel_no,
        made_at=act.made_at,
        channel_ref=channel_ref,
        body=msgspec.to_builtins(act.body),
    )
