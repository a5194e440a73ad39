"""Equality of two copies without sending them: count and hash per bucket of rows (design 3.11).

A row counts as ``kind``, ``key`` and ``seq``; a bucket's hash is the XOR of its rows' hashes, so the order of rows
does not matter. Hub and station both call this.
"""

from __future__ import annotations

from zlib import crc32

#: Number of buckets; both ends must agree, so it changes with the protocol version only.
BUCKETS = 64


def bucket_of(kind: str, key: str) -> int:
    """The bucket this row is counted in."""
    return crc32(f"{kind}/{key}".encode()) % BUCKETS


class DigestSum:
    """Adds rows up; :meth:`buckets` gives ``(bucket, count, hash)`` of every bucket that holds a row."""

    def __init__(self) -> None:
        from hashlib import blake2b  # a start has no digest to make

        self._hash = blake2b
        self._counts = [0] * BUCKETS
        self._hashes = [0] * BUCKETS

    def add(self, kind: str, key: str, seq: int) -> None:
        bucket = bucket_of(kind, key)
        row = self._hash(f"{kind}/{key}/{seq}".encode(), digest_size=8).digest()
        self._counts[bucket] += 1
        self._hashes[bucket] ^= int.from_bytes(row, "big")

    def buckets(self) -> list[tuple[int, int, str]]:
        return [
            (bucket, count, f"{self._hashes[bucket]:016x}")
            for bucket, count in enumerate(self._counts)
            if count
        ]
