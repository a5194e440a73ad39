"""Ports of loopback that stay ours while nobody listens at them."""

from __future__ import annotations

from rehearsal.processes import held_port as held_port
