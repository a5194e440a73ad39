"""Use cases of the stations, without Qt and without network code: what screens call, and what they get back.

Joined once, in main.py::

    clock = app.os.clock.StationClock()
    core = StationCore(data_dir, kind="packing", connect=sync.link.connect, pair=sync.link.pair,
                       clock=clock, new_id=Ulid(clock))
    for engine in core.engines():                      # and again whenever core.on_engines(callback) says so
        engine.on_wake(work.loop(engine, engine.name).wake)

**Threads.** Methods without ``async`` are quick (own SQLite files only): fine in the window's thread.
``async`` ones run on the background loop. Callbacks come from any thread: bring them home with a queued signal.

``app.station.core.StationCore``
    StationCore(data_dir: Path, *, kind, connect, pair, clock, new_id, rules=Rules(), dice=ports.dice)
    .identity: Identity | None          hub_url, station_id, name, kind, warehouse, token (None: not paired yet)
    .kind: StationKind                  of the pairing, else as asked
    await .pair(hub_url, code, name) -> Identity           raises HubTrouble (below); another machine's hub is
                                        "https://address:port#fingerprint", as the hub shows it
    await .sign_in(user, password) -> Session;  await .sign_out();  .person, .role, .is_unchecked
    await .badge(secret) -> BadgeRead   on, off, handed over; HubTrouble where the hub does not know it
    .rights: Rights                     .may(ActKind), .may_call("import"|"ack_alarm"|"pair"), .wants_sign_on
    .engines() -> list[Engine]          app.ports.Engine: .name, async .step(now) -> next, .on_wake(callback)
    .on_changed(callback: frozenset[str] -> None)          topics, see below
    .on_alarm(callback: StationAlarm | None -> None, let_pass)  the bench goes red / is free again; then let_pass()
    .on_outcome(callback: Outcome -> None)                 later words about an outcome: amber -> green or red
    .on_engines(callback: () -> None)                      paired anew or revoked: take .engines() again
    .strip(now) -> list[StripItem]                         the honest strip, always the same order
    .read: ReadModel   .packing: PackingDesk   .supervisor: SupervisorDesk   .service: ServiceDesk   .outbox: Outbox
    .notices: list[str]                 text keys of what happened at start ("store.cache_damaged" ...)
    .hub: HubApi | None                 .orders(q), .story(order_no): the hub's own search, full names, older orders
    .print_work(render) -> printing.spooler.Work;  store = .outbox;  .report_printers([...]), .report_scanner(bool)
    .lang = "zh" | "en"                 the language the hub answers in
    await .close()   or, when no loop runs any more, .close_files()

``app.store.readmodel.ReadModel`` (copy + own pending facts, by the hub's own rule)
    order(order_no) -> Order | None              by_parcel(parcel_no) / by_waybill(no) -> list[Order]
    parcel_order_no(parcel_no) -> str | None     resolve(scan, expected="parcel"|"item") -> Target
    queue(n=50, after="") -> QueuePage(rows: list[QueueRow], next: str)   rush first, then deadline; next "" = end
    queue_count() -> int                         packed(n=50) -> list[QueueRow]      (waits for hand-over)
    search(text, n=50) -> list[Order]            recently_handled(n=20) -> list[Handled]
    story(order_no) -> list[StoryLine]           oldest first; .pending = own act the hub has not fed back yet
    open_stops() -> list[OpenStop]               alarms() -> list[AlarmView]     stations() -> list[StationView]
    items_for_code(code) -> list[ItemCode]       item(sku_code) -> Item | None
    pending_count() -> int                       oldest_pending() -> datetime | None
    pending_of(order_no) -> list[Act]            needs_person() -> list[NeedsPerson];  see NeedsDesk

``app.station.packing.PackingDesk``
    on_frame(seen: InPicture, now, source) -> Outcome | None     a slip and a label in one picture; None: plain scans
    pair_seen_to() -> Outcome | None                             a mismatch is seen to (F9, a touch, the code ACK)
    view() -> DeskView(mode "packing"|"handover", order, parcel, alarm: StationAlarm | None, alarms_waiting: int,
                       is_online, can_undo, is_leased, is_apart, last: Outcome | None)
    on_scan(raw, now) -> Outcome         never blocks on the network; if outcome.follow: await follow(outcome, now)
    await follow(outcome, now) -> Outcome                  asks lease or go_check, then does it
    await close(now) -> Outcome          undo_last(now) -> Outcome       put_aside(now) -> Outcome (nothing open)
    await split(now) -> Outcome
    open_parcel(parcel_no, now) -> Outcome                 a click in the queue; same as a scan of its slip
    count_by_hand(line_no, now, qty=1) -> Outcome
    mark_abnormal(reason, now, note="") -> Outcome         learn_code(code, line_no, now) -> Outcome
    set_mode("packing"|"handover") -> Outcome
    set_single_lane(is_on) -> Outcome    .is_single_lane: goods read with nothing open take the most urgent box of one
                                         unit (follow "single": lease, go_check, count, slip, close)
    van() -> VanView                     what may leave while the hub is away, what keeps the rest; reads rows
    await print_slips(parcel_nos, now, reason="") -> list[Outcome]   (reason: for a reprint)
    ack_stop(how: "key"|"click"|"scan", now) -> Outcome    frees the bench from the alarm on top
    Command barcodes: ACK CLOSE UNDO ABNORMAL PRINT HANDOVER PACKING ASIDE BOX.

``app.station.supervisor.SupervisorDesk``
    stops(now) -> list[StopView]         best chance first: what can still be saved, then by age; holder_name, stage
    stations(now) -> list[BenchView]     alarms() -> list[AlarmView]
    await ack_alarm(alarm_id)            await take_over(parcel_no, statement, now) -> Asked
    await release(order_no, stop_id, note, now) -> Asked   pulled(parcel_no, note, now) -> Asked

    restored() -> Restored | None        await restored_go()      a hub that was brought back from a backup

``app.station.needs.NeedsDesk`` (core.needs)
    open() -> list[NeedView]             answered() -> list[NeedView]            what the hub did not take as it came
    await understood(act_id, now)        again(act_id, now)  ask_supervisor(act_id, note, now)

``app.station.service.ServiceDesk``
    search(text, n=50) -> list[Order]    story(order_no) -> list[StoryLine] (with .lasted: timedelta | None)
    tracks(order_no) -> list[Track]      await raw_answer(order_no, parcel_no, at, text) -> RawAnswer | None
    await cancel(order_no, reason, note, now) -> Asked     hold(...), release(order_no, stop_id, note, now),
    rush(order_no, is_rush, note, now), remark(order_no, seller_remark, now)
    answer(order_no) -> AnswerCard | None                  design 3.8, to be read again on topic "order"
    Asked(act_id, state: "sent"|"applied"|"refused", reason, params): what the hub said within 3 s, else "sent".
    AnswerCard(order_no, command_state, result, parcels: [ParcelAnswer(parcel_no, result, holder, holder_name)],
               stop_id, asked_at, actor, note, counting_down_until)

``app.station.shops.ShopsDesk`` (core.shops; all ask the hub)
    await overview() -> ShopList         await lists(shop_id) -> ShopLists(missed, ship_backs, aside, may_see)
    await check(shop_id) -> ShopChecked  poll(shop_id) -> int   set_pace(shop_id, poll_s)   sweep(shop_id) -> int
    await take_missed(shop_id) -> MissedTaken              retry(quarantine_id) -> bool

``app.station.intake.IntakeDesk`` (core.intake)
    await shops() -> list[ShopView]      await bring(file, kind=, shop=, check_only=, ticket=) -> ImportReport
    new_ticket() -> str                  await progress(ticket) -> ImportProgress | None     await stop(ticket) -> bool
    FileTrouble(key, file): the file cannot be read here (``upload.<key>``)

Words of outcomes: ``reasons.<result>`` when refused, ``station.done_<done>`` otherwise (resources/texts/station.toml).

**Topics** of ``on_changed``: the feed kinds (order, history, track, alarm, station, item, person, setting, ticket),
``order:<order_no>`` for each order when they are few (up to 100), and outbox, print, status, desk, person, rights,
``session_ended``.

**StripItem**(key, level "ok"|"busy"|"warn"|"bad", params): fresh_now, fresh, catching_up(_left), offline, offline_calm,
offline_new, needs_you(what), not_paired; nothing_waiting, waiting, waiting_old; refused; clock_off; platform_silent;
copy_cut, copy_over (n: MB); printer(name, state, n); scanner, scanner_away. Times are ISO text (``since``), spans
``seconds``, counts ``n``.

**Trouble**: ``app.ports.HubTrouble`` (HubAway, SignInFailed, NotAllowed, UpdateMe, Rejected) from ``async`` calls:
``.text`` and ``.hint`` are the hub's words in our language or empty, then show ``sync.<key>``.
``app.store.surroundings.StoreTrouble`` at start: show ``store.<key>`` with ``params``.
"""
