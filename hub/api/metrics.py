"""Figures for Prometheus: never a name, a number or an address in a label."""

from __future__ import annotations

from functools import lru_cache

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

#: Combinations of labels that are remembered; routes, states and connectors make some dozens.
_KNOWN = 1_000


class Metrics:
    """Counters of one hub, in a registry of its own. ``..._of(labels)`` give one line of a figure at once."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "orderdock_requests", "Requests by route and status", ["route", "status"], registry=self.registry
        )
        self.seconds = Histogram(
            "orderdock_request_seconds",
            "Time to answer, by route (streams left out)",
            ["route"],
            buckets=(0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10),
            registry=self.registry,
        )
        self.acts = Counter(
            "orderdock_acts", "Acts by kind and outcome", ["kind", "outcome"], registry=self.registry
        )
        self.pushes = Counter(
            "orderdock_pushes",
            "Pushes of platforms by outcome",
            ["connector", "outcome"],
            registry=self.registry,
        )
        self.strange_words = Counter(
            "orderdock_strange_words",
            "States of couriers that no table knows",
            ["connector"],
            registry=self.registry,
        )
        self.copies_differ = Counter(
            "orderdock_copies_differ",
            "Stations' copies that differed from the hub, by how they were put right",
            ["how"],
            registry=self.registry,
        )
        self.seq = Gauge("orderdock_feed_seq", "Last committed number of the feed", registry=self.registry)
        self.streams = Gauge("orderdock_streams", "Open streams", registry=self.registry)
        self.stations = Gauge(
            "orderdock_stations",
            "Paired stations by kind and whether they beat",
            ["kind", "online"],
            registry=self.registry,
        )

        # looking a line up by its labels costs as much as reading a whole request
        self.requests_of = lru_cache(_KNOWN)(self.requests.labels)
        self.seconds_of = lru_cache(_KNOWN)(self.seconds.labels)
        self.acts_of = lru_cache(_KNOWN)(self.acts.labels)
        self.pushes_of = lru_cache(_KNOWN)(self.pushes.labels)

    def text(self) -> bytes:
        return generate_latest(self.registry)
