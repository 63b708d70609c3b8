"""What a deployment is told: every variable of the settings, and commands that are there."""

import re

from django.core.management import get_commands

from console.postgres import CHECKOUT

OPERATIONS = (CHECKOUT / "docs" / "operations.md").read_text()
DEPLOYMENT = (CHECKOUT / "docs" / "deployment.md").read_text()


def test_every_variable_is_in_the_table_and_no_other():
    settings = (CHECKOUT / "console" / "settings.py").read_text()
    read = set(re.findall(r'env\.\w+\(\s*"([A-Z_]+)"', settings)) - {"DEBUG"}
    # Read by prometheus_client itself.
    read |= {"PROMETHEUS_MULTIPROC_DIR"}
    rows = [line.split("|")[1] for line in OPERATIONS.splitlines() if line.startswith("| `")]
    told = {name for row in rows for name in re.findall(r"`([A-Z]+_?[A-Z_]*)`", row)}
    assert told == read


def test_the_commands_of_the_handbooks_are_there():
    named = set(re.findall(r"manage\.py (\w+)", OPERATIONS + DEPLOYMENT))
    assert {"database_role", "verify_ledger", "migrate"} <= named
    assert named <= set(get_commands())


def test_the_files_that_it_speaks_of_are_there():
    for path in re.findall(r"\((deployment/[^)]+|[a-z]+\.md)\)", DEPLOYMENT):
        assert (CHECKOUT / "docs" / path).exists()
    for path in re.findall(r"`(tests/[^`]+\.py)`", DEPLOYMENT):
        assert (CHECKOUT / path).exists()
