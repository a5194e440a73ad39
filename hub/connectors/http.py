"""One call over the network, for every connector: what goes wrong on the way is named once and alike."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import httpx

from hub.connectors.shapes import BadPayload, Cause, Later, WrongSettings

#: An answer longer than this is none that we asked for.
ANSWER_MAX = 32 * 1024 * 1024


async def posted(
    http: httpx.AsyncClient,
    url: str,
    timeout_s: float,
    *,
    after: timedelta = timedelta(0),
    size_max: int = ANSWER_MAX,
    **asked: Any,
) -> bytes:
    """The body of an answer with status 200; errors inside it are for the connector's mapping.

    Redirects are not followed: what is signed goes where it was sent, nowhere else. ``after``: how long a platform
    that is busy is left alone. Raises :class:`Later`, :class:`WrongSettings`, and :class:`BadPayload` for an answer
    beyond all measure; their ``word`` is a :class:`Cause`.
    """
    try:
        async with asyncio.timeout(timeout_s):
            answer = await http.post(url, follow_redirects=False, **asked)
    except (TimeoutError, httpx.TimeoutException) as error:
        raise Later(Cause.timeout) from error
    except (httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
        raise WrongSettings(Cause.bad_address) from error
    except httpx.HTTPError as error:
        raise Later(Cause.no_connection) from error
    if answer.status_code == 429:
        raise Later(Cause.too_often, after)
    if answer.status_code >= 500:
        raise Later(Cause.busy, after)
    if answer.status_code != 200:  # no platform's gateway answers so: the address is another one's
        raise WrongSettings(Cause.not_theirs)
    if len(answer.content) > size_max:
        raise BadPayload("size")
    return answer.content
