"""The life of a parcel as one table; ``python -m app.core.lifecycle`` prints its drawing (Mermaid)."""

from __future__ import annotations

from app.core.order import OrderState as S

#: From a state to the states it may become. Everything else is an impossible jump.
TRANSITIONS: dict[S, frozenset[S]] = {
    S.new: frozenset({S.released, S.cancelled, S.handed_over}),
    S.released: frozenset({S.picking, S.packing, S.cancelled, S.handed_over}),
    S.picking: frozenset({S.released, S.packing, S.cancelled}),
    S.packing: frozenset({S.released, S.packed, S.cancelled}),
    S.packed: frozenset({S.packing, S.handed_over, S.cancelled}),
    S.handed_over: frozenset({S.in_transit, S.shipped_despite_cancel, S.returning}),
    S.in_transit: frozenset({S.delivered, S.shipped_despite_cancel, S.returning}),
    S.delivered: frozenset({S.closed, S.returning}),
    S.closed: frozenset({S.returning}),
    S.cancelled: frozenset({S.shipped_despite_cancel}),
    S.shipped_despite_cancel: frozenset({S.returning, S.returned, S.closed}),
    S.returning: frozenset({S.returned, S.delivered}),
    S.returned: frozenset(),
}
#: States that may be the end of the story.
FINAL = frozenset({S.closed, S.cancelled, S.returned})


def may_become(now: S, then: S) -> bool:
    return then == now or then in TRANSITIONS[now]


def diagram() -> str:
    """The table as a Mermaid state diagram, kept in app/core/README.md."""
    rows = [f"    {a} --> {b}" for a in S for b in sorted(TRANSITIONS[a], key=list(S).index)]
    ends = [f"    {a} --> [*]" for a in S if a in FINAL]
    return "\n".join(["stateDiagram-v2", "    [*] --> new", *rows, *ends, ""])


if __name__ == "__main__":
    import sys

    sys.stdout.write(diagram())
