"""The one writer of orders, and the readers of what it wrote (design 3.1-3.5, 3.8, 3.9, 3.11).

Everything that changes an order goes through :class:`hub.orders.writer.Writer`: one thread, one connection,
groups of whatever waits, one commit per group, `seq` in commit order. Readers use connections of their own.

Where the doors are
-------------------
``hub.db.engine``
    ``open_database(url: str, data_dir: Path, new_id: NewId) -> Engine``
        Makes the engine, migrates, makes the epoch of a new database. A relative sqlite path is relative to
        ``data_dir``. Raises ``hub.surroundings.Surroundings`` with the keys ``db_too_new``, ``db_damaged``,
        ``db_cannot_open`` (params ``db``, ``cause``).
    ``hub.db.tables`` holds every table. ``hub.db.tables.Moment`` columns take and give aware UTC datetimes.

``hub.orders.settings``
    ``LineSettings(timezone=ZoneInfo("Asia/Shanghai"), order_prefix="OD", rules=Rules(),
    shop_warehouses={}, last_gates={}, lease_s=3600, online_s=25)``

``hub.orders.writer``
    ``Writer(engine, clock, new_id, vault, settings, *, threaded=True)``
    ``vault`` is anything with hub.vault.Vault's ``seal, open, blind``. With ``threaded=False`` every group runs
    in the event loop's own thread (stepped worlds, tests).

    ``start(loop) -> None`` · ``async stop() -> None``
        ``stop`` finishes what waits; doors called later raise ``HubBusy``.
    ``subscribe(listener: Callable[[Committed], None]) -> Callable[[], None]``
        ``listener`` runs in the event loop after each commit that changed something; the answer unsubscribes.
    ``head -> int`` · ``next_due -> datetime | None``
        Last committed seq of this process; when ``tick`` has something to do next (never too late, may be early).

    Doors (await them in the event loop; each raises ``HubBusy`` when nothing could be decided: answer 503)

    ``async acts(envelopes: Sequence[wire.Envelope], by: Actor) -> list[wire.Receipt]``
        One receipt per envelope, in their order. Never raises for anything inside an envelope.
        ``by.source`` is ``station:<id>`` for stations, ``hub`` for sessions without a station.
        What a role may do is decided by the caller before this door: give those that it may not as receipts of
        your own (``refused: not_allowed``); they are not acts.
    ``async intake(orders: Sequence[ChannelOrder], by: Actor, *, bulk: bool = False) -> list[Taken]``
        ``Taken(order_no, outcome: "new"|"changed"|"same"|"differs"|"failed", seq)`` per order, in their order.
        ``failed`` = a fault of ours, kept in quarantine. ``bulk=True`` for files and back-fills: behind live work.
    ``async hints(shop_id: str, heard: Sequence[Heard]) -> list[HintAnswer]`` · ``async told(details: Sequence[Detail],
    cause="fetch", *, bulk=False) -> list[Taken]``
        What platforms say (``hub.orders.told``). ``Heard(event_id, channel_order_no, kind, at, word, is_known)``: an
        event id counts once; ``HintAnswer(is_new, order_no, stopped)``. ``Detail(order, fetched_at, raw, unknown)``.
    ``async say(SayJob(kind, level, params, warehouse="", over=(), about="shop_id", order_no=""))``
        An alarm; about ``order_no`` in that order's warehouse.
        ``over``: kinds of open alarms about the same thing that the hub acknowledges.
    ``async leases(ask: wire.LeaseAsk, by: Actor) -> list[wire.LeaseAnswer]``
        ``by.station_id`` asks. Step ``print`` brings ``label`` (waybill taken from the pool where missing).
        Raises ``ValueError`` over 200 parcels or without a station.
    ``async label(parcel_no: str, by: Actor) -> wire.LeaseAnswer``
        Label data for one print: needs the asker's lease and a go; audited. ``granted=False`` says why not.
    ``async items(items: Sequence[Item]) -> list[Outcome]``            ``"new"|"changed"|"same"|"failed"``
    ``async waybills(numbers: Sequence[PoolNumber]) -> list[Outcome]``  (``app.core.waybills.PoolNumber``)
    ``async track(parcel_no: str, nodes: Sequence[TrackNode], carrier: str, source: str, strange=()) -> Tracked``
        ``strange``: codes no table knows, one alarm per new one.
        ``Tracked(known: bool, new_nodes: int, jumps: int, state: OrderState | None, seq)``.
    ``async beat(station_id: str, beat: wire.Beat) -> bool``
        Stores the beat, learns the clock offset, settles ended leases. False: no such station or revoked.
    ``async alarm_ack(alarm_id: str, by: Actor) -> wire.AlarmView | None``
    ``async tick(now: datetime) -> datetime | None``
        Everything the clock does: countdowns, silent benches, scope moves, old rows. Gives the next due moment.
    ``async run(fn: Callable[[Tx], T]) -> T``
        ``fn(tx)`` inside the writer's transaction (persons, sessions, pairing, stations, settings, imports...):
        ``tx.conn`` (SQLAlchemy Connection; never commit), ``tx.now``, ``tx.new_id()``,
        ``tx.changed(kind, key)``: this row of ``station|person|setting|item`` shall be fed (its ``seq`` moves after
        ``fn``; a station's fed body is made from its columns, persons and settings feed their ``body`` column,
        rows with an empty body are not fed).
        ``fn`` may run more than once (a group that failed runs again): nothing outside ``tx`` may depend on it.
        What ``fn`` raises reaches the caller, and its rows are undone.

``hub.orders.feed``
    ``View(scope: "packing"|"service"|"all", warehouse: str | None = None, mask: str = "")``
    ``Feed(engine, masks: Mapping[str, Mask] = {})``; ``Mask = Callable[[kind: str, body: bytes], bytes | None]``
        (None hides the row). All calls block for a moment: run them in a thread.
    ``epoch() -> str`` · ``head() -> int``
    ``page(view, after: int, limit: int) -> Page`` · ``Page(body: bytes, next: int, head: int, count: int, epoch: str)``
        ``body`` is the JSON of wire.ChangePage. Kinds: order, history, track, alarm, station, item, person, setting.
        ``next`` = last seq scanned in the same snapshot: an empty page may still move it; caught up when
        ``next == head``. A gone ``order`` takes its track and history rows along.
    ``place() -> (epoch, head, floor)``
        A cursor of another epoch, below the floor (its tombstones are swept) or ahead of the head: answer 410.
    ``digest(view) -> wire.Digest``
        At the head it names; who stands elsewhere asks again later. Rows of kind ``order`` of the view, summed
        by app.core.digest.

``hub.orders.lookup``
    ``Lookup(engine, vault, settings)``; blocking, run in a thread.
    ``order(order_no) -> Order | None`` · ``body(order_no) -> bytes | None`` (the stored JSON)
    ``parcel(parcel_no) -> Order | None`` (the order that owns the parcel)
    ``orders(q: str, view: View, limit: int = 50, after: str = "") -> wire.OrderList``
        Any number (order, parcel, platform, waybill), phone, phone tail-4, name, nickname; "" lists the newest.
    ``story(order_no) -> list[HistoryRow]``: by the time it happened; words are made by the caller.
    ``personal(order_no) -> Personal | None`` · ``Personal(consignee: Consignee, buyer_nick: str)``, full: only
        after an applied ``reveal`` act or for a label.
    ``go(parcel_no, step, station_id) -> wire.GoAnswer``
    ``stations() -> list[wire.StationView]`` · ``alarms(open_only=True, warehouse=None) -> list[wire.AlarmView]``

``hub.orders.results``
    ``Committed(seq_from, seq_to, urgent: tuple[UrgentFor, ...], count)`` · ``UrgentFor(warehouse, event: wire.Urgent)``
    ``HubBusy(cause)``: database away, full or locked for too long, or the queue is full. No verdict was given.

``hub.orders.hurry``
    ``writer.hurry.give_way()``: in a thread, between two steps of something long that can wait; while a command is
        under way it waits a little. ``sending()``: the event loop writes to everybody and keeps the interpreter.

``hub.orders.lanes`` is the writer's queue: who goes first.

``hub.orders.held``, ``reading``, ``work`` and ``flush`` are the inside of one write transaction, ``jobs`` says what
a job is; no other room needs them.

``hub.jobs``
    ``OrderClock(writer).step(now) -> datetime``: call it at the moment it last gave (or earlier).
"""
