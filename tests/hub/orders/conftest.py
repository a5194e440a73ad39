from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.helpers.builders import Core, a_core


@pytest.fixture
async def core(tmp_path: Path, db: str, anyio_backend: str) -> AsyncIterator[Core]:
    """A hub core on an empty database, on each kind of it; its clock stands at 09:00 in Shanghai."""
    async with a_core(tmp_path, db) as core:
        yield core
