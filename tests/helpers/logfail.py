"""A log record of level WARNING or above that no test announced fails that test.

Announce with the marker or with the fixture; both take regular expressions searched in the rendered text,
and an announced record that never comes fails too::

    @pytest.mark.logs("printer .* does not answer")
    def test_...(): ...

    def test_...(expect_logs):
        expect_logs("printer .* does not answer")
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable, Generator

import pytest
import structlog

_KEY = pytest.StashKey["LogWatch"]()
_PATIENCE_S = 20.0


class LogWatch(logging.Handler):
    """Collects what one test logs at WARNING and above, from any thread."""

    def __init__(self, patience_s: float = _PATIENCE_S) -> None:
        super().__init__(level=logging.WARNING)
        self._patience_s = patience_s
        self.records: list[logging.LogRecord] = []
        self.announced: list[re.Pattern[str]] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)

    def announce(self, *patterns: str) -> None:
        """Records matching any of these regular expressions are meant; each must match at least one."""
        self.announced += [re.compile(pattern) for pattern in patterns]

    def _is_missing(self) -> bool:
        texts = [record.getMessage() for record in list(self.records)]
        return not all(any(pattern.search(text) for text in texts) for pattern in self.announced)

    def trouble(self) -> list[str]:
        """One line for each record nobody announced and each announcement nobody kept.

        A server in another thread may be a moment behind the test: what was announced is waited for.
        """
        end = time.monotonic() + self._patience_s
        while self._is_missing() and time.monotonic() < end:
            time.sleep(0.02)
        texts = [(record, record.getMessage()) for record in self.records]
        lines = [
            f"unannounced log: {record.levelname} {record.name}: {text}"
            for record, text in texts
            if not any(pattern.search(text) for pattern in self.announced)
        ]
        lines += [
            f"announced but never logged: {pattern.pattern!r}"
            for pattern in self.announced
            if not any(pattern.search(text) for _, text in texts)
        ]
        return lines


def _structlog_to_stdlib() -> None:
    """Sends structlog's records through logging, where LogWatch, caplog and pytest's own report see them."""
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.processors.format_exc_info,
            structlog.processors.KeyValueRenderer(key_order=["event"], drop_missing=True),
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    watch = item.stash[_KEY] = LogWatch()
    for mark in item.iter_markers("logs"):
        watch.announce(*mark.args)
    root = logging.getLogger()
    level, handlers = root.level, root.handlers[:]
    _structlog_to_stdlib()
    logging.getLogger("psycopg").setLevel(
        logging.ERROR
    )  # as the hub has it: it warns of what it raises as well
    root.addHandler(watch)
    try:
        return (yield)
    finally:
        # A program under test may have set up logging for itself: the next test starts afresh.
        root.handlers[:] = handlers
        root.setLevel(level)


@pytest.hookimpl(wrapper=True, trylast=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    result = yield
    _fail_on_trouble(item)
    return result


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_teardown(item: pytest.Item) -> Generator[None, object, object]:
    """Tearing down may log as well; what the call already reported is not reported again."""
    watch = item.stash[_KEY]
    watch.records.clear()
    result = yield
    watch.announced = [p for p in watch.announced if any(p.search(r.getMessage()) for r in watch.records)]
    _fail_on_trouble(item)
    return result


def _fail_on_trouble(item: pytest.Item) -> None:
    if lines := item.stash[_KEY].trouble():
        pytest.fail("\n".join(lines), pytrace=False)


@pytest.fixture
def expect_logs(request: pytest.FixtureRequest) -> Callable[..., None]:
    """`expect_logs(*patterns)` announces log records of level WARNING and above."""
    watch: LogWatch = request.node.stash[_KEY]
    return watch.announce
