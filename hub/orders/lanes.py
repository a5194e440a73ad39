"""What waits for the writer, in three lanes: who is in a hurry goes first at every group's end (design 3.3).

Commands of people, what benches say of a stop, and platforms' hints are in a hurry; then come benches at work; then
files and back-fills. No lane waits for ever: passed over so many times, it has the next turn.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from itertools import islice
from typing import Any

from hub.orders.jobs import Job

#: A lane that waits has its turn after so many groups of those before it, so that a file ends under full load too.
TURN = 8
#: Jobs of one group at most, by lane.
LIVE_GROUP = 512
BULK_GROUP = 100
#: Those judged ahead take half as long, and each commit writes the same leaves of the indexes again: the more pages it
#: holds, the less. This many take some 70 ms, which is what the first in a hurry may wait.
AHEAD_GROUP = 400
#: Everybody waits for a bulk group to end. Where somebody was in a hurry a moment ago somebody will be again: so many
#: groups of files after it are this small.
HASTY_GROUP = 25
_HASTY_TIMES = 100
#: So many acts of one call go as fast as the most urgent of them; a whole outbox has no such hurry.
_HASTY = 20


class Lane(IntEnum):
    URGENT = 0
    LIVE = 1
    BULK = 2


class Asked:
    """What one call of a door asked: its answers come by one or more groups, in any order."""

    def __init__(self, jobs: Sequence[Job[Any]], done: asyncio.Future[list[Any]]) -> None:
        self.done = done
        self._answers: list[Any] = [None] * len(jobs)
        self._open = len(jobs)

    def answer(self, place: int, answer: Any) -> None:
        self._answers[place] = answer
        self._open -= 1
        if not self._open and not self.done.done():
            self.done.set_result(self._answers)


@dataclass(slots=True)
class Waiting:
    job: Job[Any]
    asked: Asked
    place: int


def lane_of(jobs: Sequence[Job[Any]], *, is_bulk: bool) -> Lane:
    """One lane for all jobs of a call: what one bench did stays in its order."""
    if is_bulk:
        return Lane.BULK
    is_urgent = len(jobs) <= _HASTY and any(job.is_urgent for job in jobs)
    return Lane.URGENT if is_urgent else Lane.LIVE


class Lanes:
    """Callers hold the writer's lock."""

    def __init__(self) -> None:
        self._lanes: dict[Lane, deque[Waiting]] = {lane: deque() for lane in Lane}
        self._passed = dict.fromkeys(Lane, 0)
        self._turn = Lane.LIVE
        #: Bulk groups to come that are to be small.
        self._hasty = 0

    def __len__(self) -> int:
        urgent, live, bulk = self._lanes.values()
        return len(urgent) + len(live) + len(bulk)

    def put(self, lane: Lane, waiting: Sequence[Waiting]) -> None:
        self._lanes[lane].extend(waiting)

    def take(self, judged_ahead: int = 0) -> list[Waiting]:
        """The next group; empty when nothing waits. Of a file it is what was judged ahead already, if anything."""
        lane = self._next()
        for other in Lane:
            self._passed[other] = self._passed[other] + 1 if self._lanes[other] and other != lane else 0
        self._turn = lane
        self._hasty = _HASTY_TIMES if lane is Lane.URGENT else max(0, self._hasty - (lane is Lane.BULK))
        return _taken(self._lanes[lane], self._bulk(judged_ahead) if lane is Lane.BULK else LIVE_GROUP)

    def put_back(self, rest: Sequence[Waiting]) -> None:
        """What the group taken last did not get to: first of its lane again."""
        self._lanes[self._turn].extendleft(reversed(rest))

    def empty(self) -> list[Waiting]:
        """All that waits, taken out."""
        waiting = [one for lane in self._lanes.values() for one in lane]
        for lane in self._lanes.values():
            lane.clear()
        return waiting

    def is_hurried(self) -> bool:
        """Whether the group taken last should end soon, for one in a hurry."""
        return self._turn is not Lane.URGENT and bool(self._lanes[Lane.URGENT])

    def following(self) -> list[Job[Any]]:
        """The bulk group that comes next if nothing else comes; empty when something else waits."""
        if self._lanes[Lane.URGENT] or self._lanes[Lane.LIVE]:
            return []
        return [
            waiting.job
            for waiting in islice(self._lanes[Lane.BULK], HASTY_GROUP if self._hasty else AHEAD_GROUP)
        ]

    def _bulk(self, judged_ahead: int) -> int:
        return judged_ahead or (HASTY_GROUP if self._hasty else BULK_GROUP)

    def _next(self) -> Lane:
        due = [lane for lane in Lane if self._lanes[lane] and self._passed[lane] >= TURN]
        return due[0] if due else next((lane for lane in Lane if self._lanes[lane]), Lane.LIVE)


def _taken(queue: deque[Waiting], most: int) -> list[Waiting]:
    """The next group; a job that must be alone ends the one before it, and shares its own with its kind at most."""
    group: list[Waiting] = []
    while queue and len(group) < most:
        job = queue[0].job
        if group and job.is_alone != group[0].job.is_alone:
            break
        if group and job.is_alone and not (job.may_share and group[0].job.may_share):
            break
        group.append(queue.popleft())
    return group
