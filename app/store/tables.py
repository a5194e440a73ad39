"""The cache's tables. Bodies are the feed's own JSON bytes; the columns beside them are what is asked for.

A change here needs another number in :mod:`app.store.cachefile`: an older cache is then deleted and loaded anew.
Written as SQL: a computer's first start makes them, and would wait longer for a library than for the tables.
"""

from __future__ import annotations

_CURSOR = """CREATE TABLE cursor (
    id INTEGER NOT NULL PRIMARY KEY,
    epoch TEXT NOT NULL,
    seq INTEGER NOT NULL,
    found_seq INTEGER NOT NULL, -- up to here the search index is made
    is_cut INTEGER NOT NULL DEFAULT 0 -- orders were left out to stay below a size
)"""

_ORDER = """CREATE TABLE "order" (
    id INTEGER NOT NULL PRIMARY KEY,
    order_no TEXT NOT NULL UNIQUE,
    seq INTEGER NOT NULL,
    body BLOB NOT NULL,
    state TEXT NOT NULL,
    is_frozen INTEGER NOT NULL,
    deadline TEXT,
    queue_key TEXT, -- set while a parcel waits to be packed; sorts rush, deadline, number
    packed_key TEXT, -- set while a packed parcel waits for hand-over
    stop_since TEXT, -- set while a stop is open
    single_sku TEXT, -- the article, while one unit of it is all that the order waits for and no slip of it is out
    numbers TEXT NOT NULL, -- what `number` holds for it, to see changes cheaply
    names TEXT NOT NULL
)"""

_NUMBER = """CREATE TABLE number (
    number TEXT NOT NULL,
    kind TEXT NOT NULL, -- parcel, waybill, channel
    order_no TEXT NOT NULL,
    parcel_no TEXT NOT NULL,
    PRIMARY KEY (number, kind, order_no, parcel_no)
) WITHOUT ROWID"""

_HISTORY = """CREATE TABLE history (
    id INTEGER NOT NULL PRIMARY KEY,
    seq INTEGER NOT NULL,
    order_no TEXT NOT NULL,
    body BLOB NOT NULL
)"""

_TRACK = """CREATE TABLE track (
    parcel_no TEXT NOT NULL PRIMARY KEY,
    seq INTEGER NOT NULL,
    order_no TEXT NOT NULL,
    body BLOB NOT NULL
)"""

#: alarm, station, item, person, setting, ticket and whatever a newer hub feeds.
_THING = """CREATE TABLE thing (
    kind TEXT NOT NULL,
    "key" TEXT NOT NULL,
    seq INTEGER NOT NULL,
    body BLOB NOT NULL,
    PRIMARY KEY (kind, "key")
) WITHOUT ROWID"""

_ITEM_CODE = """CREATE TABLE item_code (
    code TEXT NOT NULL,
    sku_code TEXT NOT NULL,
    pack_qty INTEGER NOT NULL,
    PRIMARY KEY (code, sku_code)
) WITHOUT ROWID"""

#: The fast lane: stops heard of before their row. Never touches the row's seq (design 3.6).
_URGENT = """CREATE TABLE urgent (
    order_no TEXT NOT NULL PRIMARY KEY,
    seq INTEGER NOT NULL,
    body BLOB NOT NULL
)"""

_INDEXES = (
    'CREATE INDEX order_seq ON "order" (seq)',
    'CREATE INDEX order_queue ON "order" (queue_key) WHERE queue_key IS NOT NULL',
    'CREATE INDEX order_packed ON "order" (packed_key) WHERE packed_key IS NOT NULL',
    'CREATE INDEX order_stopped ON "order" (stop_since) WHERE stop_since IS NOT NULL',
    'CREATE INDEX order_single ON "order" (single_sku, queue_key) WHERE single_sku IS NOT NULL',
    # what may go, found without a look at all that may not
    'CREATE INDEX order_done ON "order" (seq) '
    "WHERE queue_key IS NULL AND packed_key IS NULL AND stop_since IS NULL",
    "CREATE INDEX history_order ON history (order_no)",
    "CREATE INDEX track_order ON track (order_no)",
    "CREATE INDEX item_code_sku ON item_code (sku_code)",
)

#: Search: whatever has three characters by trigram; names character by character, for trigrams find nothing below
#: three, and the tail of a phone as one word.
_SEARCH = (
    "CREATE VIRTUAL TABLE find_number USING fts5(numbers, tokenize='trigram', detail='full')",
    "CREATE VIRTUAL TABLE find_name USING fts5(names, tokenize='unicode61')",
)

#: What makes an empty cache, statement by statement.
STATEMENTS = (
    _CURSOR,
    _ORDER,
    _NUMBER,
    _HISTORY,
    _TRACK,
    _THING,
    _ITEM_CODE,
    _URGENT,
    *_INDEXES,
    *_SEARCH,
)
