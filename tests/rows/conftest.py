"""A real hub over HTTP and real stations at work, as the wire's own tests have them."""

from __future__ import annotations

from tests.sync.conftest import hub, order, people_wait, proxy, station

__all__ = ["hub", "order", "people_wait", "proxy", "station"]
