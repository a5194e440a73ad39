"""How much life a world has: a whole one, or a short one of which the suite can afford hundreds."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Size:
    """Choices are thrown with the world's mood. ``name`` is empty for a whole world."""

    name: str = ""
    #: How often somebody acts, or a fault comes.
    acts: tuple[int, ...] = (15, 25, 25, 40, 60, 120)
    #: How many of these are faults.
    fault_share: tuple[float, ...] = (0.05, 0.1, 0.1, 0.25)
    #: Orders that are there from the start.
    sold: int = 3
    #: How often nobody does anything for half a minute.
    lulls: float = 0.05
    #: The pace of the hub's line (s), and how long all is left alone after the heal, for its next poll.
    poll_s: int = 10
    settles_s: float = 12.0
    #: How many worlds have a supervisor.
    with_boss: float = 0.6


WHOLE = Size()
#: The same faults, the same heal, the same watchers: few seconds of selling, and no waiting for slow paces.
SHORT = Size(
    name="short",
    acts=(4, 6, 8, 12),
    fault_share=(0.15, 0.25, 0.25, 0.4),
    sold=2,
    lulls=0.0,
    poll_s=3,
    settles_s=4.0,
    with_boss=0.2,
)
