"""The cache's tables. Bodies are the feed's own JSON bytes; the columns beside them are what is asked for.

A change here needs another number in :mod:`app.store.cachefile`: an older cache is then deleted and loaded anew.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import Column, Index, Integer, LargeBinary, MetaData, Table, Text, text
from sqlalchemy.dialects import sqlite
from sqlalchemy.schema import CreateIndex, CreateTable

metadata = MetaData()

cursor = Table(
    "cursor",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("epoch", Text, nullable=False),
    Column("seq", Integer, nullable=False),
    Column("found_seq", Integer, nullable=False),  # up to here the search index is made
)

order = Table(
    "order",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("order_no", Text, nullable=False, unique=True),
    Column("seq", Integer, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("state", Text, nullable=False),
    Column("is_frozen", Integer, nullable=False),
    Column("deadline", Text),
    Column("queue_key", Text),  # set while a parcel waits to be packed; sorts rush, deadline, number
    Column("packed_key", Text),  # set while a packed parcel waits for hand-over
    Column("stop_since", Text),  # set while a stop is open
    Column("numbers", Text, nullable=False),  # what `number` holds for it, to see changes cheaply
    Column("names", Text, nullable=False),
)
Index("order_seq", order.c.seq)
Index("order_queue", order.c.queue_key, sqlite_where=text("queue_key IS NOT NULL"))
Index("order_packed", order.c.packed_key, sqlite_where=text("packed_key IS NOT NULL"))
Index("order_stopped", order.c.stop_since, sqlite_where=text("stop_since IS NOT NULL"))

number = Table(
    "number",
    metadata,
    Column("number", Text, primary_key=True),
    Column("kind", Text, primary_key=True),  # parcel, waybill, channel
    Column("order_no", Text, primary_key=True),
    Column("parcel_no", Text, primary_key=True),
    sqlite_with_rowid=False,
)

history = Table(
    "history",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("seq", Integer, nullable=False),
    Column("order_no", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),
)
Index("history_order", history.c.order_no)

track = Table(
    "track",
    metadata,
    Column("parcel_no", Text, primary_key=True),
    Column("seq", Integer, nullable=False),
    Column("order_no", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),
)
Index("track_order", track.c.order_no)

#: alarm, station, item, person, setting, ticket and whatever a newer hub feeds.
thing = Table(
    "thing",
    metadata,
    Column("kind", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("seq", Integer, nullable=False),
    Column("body", LargeBinary, nullable=False),
    sqlite_with_rowid=False,
)

item_code = Table(
    "item_code",
    metadata,
    Column("code", Text, primary_key=True),
    Column("sku_code", Text, primary_key=True),
    Column("pack_qty", Integer, nullable=False),
    sqlite_with_rowid=False,
)
Index("item_code_sku", item_code.c.sku_code)

#: The fast lane: stops heard of before their row. Never touches the row's seq (design 3.6).
urgent = Table(
    "urgent",
    metadata,
    Column("order_no", Text, primary_key=True),
    Column("seq", Integer, nullable=False),
    Column("body", LargeBinary, nullable=False),
)

#: Search: whatever has three characters by trigram; names character by character, for trigrams find nothing below
#: three, and the tail of a phone as one word.
SEARCH = (
    "CREATE VIRTUAL TABLE find_number USING fts5(numbers, tokenize='trigram', detail='full')",
    "CREATE VIRTUAL TABLE find_name USING fts5(names, tokenize='unicode61')",
)


def statements() -> Iterator[str]:
    """What makes an empty cache, statement by statement."""
    dialect = sqlite.dialect()
    for table in metadata.sorted_tables:
        yield str(CreateTable(table).compile(dialect=dialect))
        for index in sorted(table.indexes, key=lambda index: str(index.name)):
            yield str(CreateIndex(index).compile(dialect=dialect))
    yield from SEARCH
