"""One font for all papers of the suite."""

from __future__ import annotations

import pytest
from PySide6.QtWidgets import QApplication

from printing.raster import Studio
from tests.helpers.printers import FONT


@pytest.fixture(scope="session")
def studio(qapp: QApplication) -> Studio:
    return Studio(FONT)
