"""SECURITY.md promises nothing that no test proves."""

import re

from console.postgres import CHECKOUT

NAMED = re.compile(r"(tests/[a-z0-9_/]+\.py)(?:::(test_[a-z0-9_]+))?")


def test_every_test_that_the_threat_model_names_is_there():
    named = NAMED.findall((CHECKOUT / "SECURITY.md").read_text())
    assert len(named) > 60
    missing = []
    for path, name in named:
        file = CHECKOUT / path
        if not file.exists() or (name and f"def {name}(" not in file.read_text()):
            missing.append(f"{path}::{name}")
    assert missing == []
