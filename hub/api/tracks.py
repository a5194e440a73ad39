"""``POST /v1/parcels/{parcel_no}/track``: a person asks for news of a parcel now, at the pace its source allows."""

from __future__ import annotations

from app.wire import TrackAsked
from hub.api.context import Call, Doors, in_ms
from hub.api.hot import parcels_elsewhere
from hub.api.http import Receive, Send, answer_json
from hub.connectors.line.tracks import Asked

_NO_SOURCE = Asked(False, trouble="no_source")


async def post_track(doors: Doors, call: Call, receive: Receive, send: Send) -> None:
    """Asks the courier source, or says from when on it may be asked again (C48)."""
    await call.request.body()
    parcel_no = call.path["parcel_no"]
    asked = _NO_SOURCE
    if await parcels_elsewhere(doors, call.known, [parcel_no]):
        asked = Asked(False, trouble="no_waybill")  # another warehouse's parcel is as unknown as none
    elif doors.tracks is not None:
        asked = await doors.tracks.refresh(parcel_no)
    allowed_at = in_ms(asked.allowed_at) if asked.allowed_at else None
    told = TrackAsked(
        asked=asked.asked,
        allowed_at=allowed_at,
        new_nodes=asked.new_nodes,
        trouble=asked.trouble,
        text=_sentence(doors, call, asked),
    )
    await answer_json(send, told)


def _sentence(doors: Doors, call: Call, asked: Asked) -> str:
    zone = doors.world.settings.zone
    at = asked.allowed_at.astimezone(zone).strftime("%H:%M") if asked.allowed_at else ""
    said = asked.trouble or ("wait" if not asked.asked else "news" if asked.new_nodes else "same")
    return doors.world.texts.text(f"api.track_{said}", call.lang, n=asked.new_nodes, at=at)
