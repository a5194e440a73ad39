"""Figures for Prometheus: never a name, a number or an address in a label."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from functools import lru_cache
from itertools import accumulate

from prometheus_client import CollectorRegistry, Counter, Gauge, Metric, generate_latest
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

#: Combinations of labels that are remembered; routes, states and connectors make some dozens.
_KNOWN = 1_000
#: Seconds an answer is counted by.
_WITHIN = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0)


class Requests(Collector):
    """How often each route answered what, and how fast; counted in the event loop alone, so without a lock."""

    def __init__(self) -> None:
        self._counts: dict[tuple[str, int], int] = {}
        self._seconds: dict[str, _Seconds] = {}

    def count(self, route: str, status: int, seconds: float | None) -> None:
        """One more answer; ``seconds`` None for what has no end of its own, as a stream."""
        key = (route, status)
        self._counts[key] = self._counts.get(key, 0) + 1
        if seconds is None:
            return
        if (of_route := self._seconds.get(route)) is None:
            of_route = self._seconds[route] = _Seconds()
        of_route.counts[bisect_left(_WITHIN, seconds)] += 1
        of_route.total += seconds

    def collect(self) -> Iterator[Metric]:
        counts = CounterMetricFamily(
            "orderdock_requests", "Requests by route and status", labels=["route", "status"]
        )
        for (route, status), count in sorted(self._counts.items()):
            counts.add_metric([route, str(status)], count)
        yield counts
        seconds = HistogramMetricFamily(
            "orderdock_request_seconds", "Time to answer, by route (streams left out)", labels=["route"]
        )
        bounds = [*map(floatToGoString, _WITHIN), "+Inf"]
        for route, of_route in sorted(self._seconds.items()):
            buckets = list(zip(bounds, accumulate(of_route.counts), strict=True))
            seconds.add_metric([route], buckets, of_route.total)
        yield seconds


class _Seconds:
    """How many answers took up to each of :data:`_WITHIN`, and longer; and all of them together."""

    def __init__(self) -> None:
        self.counts = [0] * (len(_WITHIN) + 1)
        self.total = 0.0


class Metrics:
    """Counters of one hub, in a registry of its own. ``..._of(labels)`` give one line of a figure at once."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Requests()
        self.registry.register(self.requests)
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
        self.acts_of = lru_cache(_KNOWN)(self.acts.labels)
        self.pushes_of = lru_cache(_KNOWN)(self.pushes.labels)

    def text(self) -> bytes:
        return generate_latest(self.registry)
