"""Everybody at every page of a company, as the table says: apart, so that two workers share it."""

from __future__ import annotations

import pytest

from tests.access.everybody import LINES, OF_A_COMPANY, comes_as_far_as_the_table_says
from tests.access.table import COLUMNS

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("name", OF_A_COMPANY)
def test_everybody_comes_as_far_as_the_table_says(world, kept, name):
    comes_as_far_as_the_table_says(world, kept, name)


def test_in_the_read_only_view_nothing_can_be_sent_and_all_that_its_person_sees_is_seen():
    admin, viewing = COLUMNS.index("admin"), COLUMNS.index("viewing")
    lines = [line for line in LINES if line.route in OF_A_COMPANY]
    for line in lines:
        if "GET" not in line.methods:
            assert line.words[viewing] == "403", line
        else:
            # But for files.
            assert line.words[viewing] in {line.words[admin], "403"}, line
    assert len(lines) > 100
