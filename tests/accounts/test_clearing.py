"""What is over is removed by the worker: sessions, sign-ins, counters of failures."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine
from django.conf import settings as configured
from django.contrib.sessions.models import Session
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.utils import timezone

from accounts import tasks
from accounts.models import SignIn
from tests.billing.test_tasks import PERIODIC
from tests.factories import PASSWORD

pytestmark = pytest.mark.django_db
TABLE = configured.CACHES["default"]


def rows_of_the_cache() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM console_cache")
        return cursor.fetchone()[0]


def test_what_is_over_goes_and_what_holds_stays(cast, settings):
    settings.CACHES = {"default": TABLE}
    now = timezone.now()
    form = {"login": cast.member.email, "password": PASSWORD}
    with time_machine.travel(now - timedelta(days=8), tick=False):
        Client().post("/auth/login/", form | {"password": "wrong"})
        Client().post("/auth/login/", form)
        cache.set("old", 1, timeout=60)
    with time_machine.travel(now, tick=False):
        at_work = Client()
        at_work.post("/auth/login/", form)
        cache.set("now", 1, timeout=3600)
        before = rows_of_the_cache()
        tasks.clear_sign_ins_away(timestamp=0)
        assert at_work.get("/accounts/nile/").status_code == 200
        assert Session.objects.count() == SignIn.objects.count() == 1
        assert cache.get("now") == 1
        assert rows_of_the_cache() < before
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM console_cache WHERE expires < now()")
            assert cursor.fetchone() == (0,)
        left = rows_of_the_cache()
        tasks.clear_sign_ins_away(timestamp=0)
        assert rows_of_the_cache() == left


def test_the_worker_does_it_by_itself():
    assert "accounts.tasks.clear_sign_ins_away" in {name for name, _id in PERIODIC}
