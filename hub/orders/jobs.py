"""What a job is: something to be judged inside the writer's transaction, alone to blame for its own faults."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from hub.orders.held import Needs, Numbers
from hub.orders.results import OurFault
from hub.orders.work import Work

T = TypeVar("T")

#: Made by a job, called after the numbers are known: the answer.
Answer = Callable[[Numbers], T]


@dataclass(frozen=True, slots=True)
class Failed:
    """Instead of an answer: what the door shall raise."""

    error: Exception


class Job(ABC, Generic[T]):
    """May run more than once (a group that failed runs again), so it keeps nothing between runs."""

    #: Runs in a transaction without ordinary jobs: its SQL must see everything before it.
    is_alone = False
    #: Alone, but for others of its kind: each runs in a savepoint and sees what those before it did.
    may_share = False
    #: Somebody waits for it with a parcel in the hand: it goes before all others.
    is_urgent = False
    #: Worth judging before the group in front of it is committed, see :mod:`hub.orders.ahead`.
    may_go_ahead = False
    #: Often about what nobody has, and then two statements do: see :mod:`hub.orders.transactions`.
    is_brief = False
    #: Its answer names a place in the feed, so the feed's head is read where its group takes no numbers.
    is_numbered = True
    #: Its faults are its caller's to hear, as they are.
    is_callers = False
    #: Names the job in logs and quarantine.
    what = "job"

    def needs(self, needs: Needs) -> None:
        """Say what will be read."""

    @abstractmethod
    def run(self, work: Work) -> Answer[T]:
        """Judge and change. Raising means: a fault of ours, take back everything this job did."""

    def fault(self, work: Work, error: Exception) -> Answer[T | Failed]:
        """The answer after a fault of ours; may keep things in quarantine."""
        failed = Failed(OurFault(self.what))
        return lambda numbers: failed
