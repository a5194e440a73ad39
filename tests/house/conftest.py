"""Some promises can be looked at only in the second run of `make test`, under a Chinese code page."""

from __future__ import annotations

import os

collect_ignore = [] if "ORDERDOCK_TEST_LOCALE" in os.environ else ["test_code_page.py"]
