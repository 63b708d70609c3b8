"""Loaded by pytest before anything else (``-p tests.server``): the settings need a database."""

import os
from pathlib import Path

from console import local

# Where DATABASE_URL is set the tests run there; otherwise on an embedded server of their own.
local.prepare("test")
# Playwright's sync API runs an event loop in the test's thread.
os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
# Two runs at once must not share a database. Workers of pytest-xdist inherit their run's name.
os.environ.setdefault("TEST_DATABASE", f"test_console_{os.getpid()}")
# Tests find static files where they are written; what was collected for the demo may be old.
static = Path("var/test-static").absolute()
static.mkdir(parents=True, exist_ok=True)
os.environ.setdefault("STATIC_ROOT", str(static))
