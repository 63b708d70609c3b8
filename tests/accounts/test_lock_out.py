"""Too many failures lock a person's sign-in, whichever process of the server was asked."""

from __future__ import annotations

import os
import subprocess
import sys
from urllib.parse import urlsplit, urlunsplit

import pytest
from django.db import connection
from django.urls import reverse

from console.postgres import CHECKOUT
from tests.factories import PASSWORD, make_user

# Another process, with the settings as they are: five failures, or the right password.
ELSEWHERE = """
import sys
from django.test import Client
client = Client(headers={"host": "localhost"})
answer = None
for password in sys.argv[1:]:
    answer = client.post("/auth/login/", {"login": "who@nile.example", "password": password})
print(answer.status_code, "Wait five minutes, then try again." in answer.content.decode())
"""


def test_failures_are_counted_across_processes(transactional_db, tmp_path):
    make_user("who@nile.example")
    parts = urlsplit(os.environ["DATABASE_URL"])
    url = urlunsplit(parts._replace(path=f"/{connection.settings_dict['NAME']}"))
    program = tmp_path / "elsewhere.py"
    setup = f"import sys; sys.path.insert(0, {str(CHECKOUT)!r})\nimport django; django.setup()\n"
    program.write_text(setup + ELSEWHERE)

    def attempt(*passwords: str) -> str:
        done = subprocess.run(
            [sys.executable, str(program), *passwords],
            env=os.environ
            | {"DATABASE_URL": url, "DJANGO_SETTINGS_MODULE": "console.settings", "DEBUG": "1"},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    assert attempt("wrong", "wrong", "wrong") == "200 False"
    assert attempt("wrong", "wrong") == "200 False"
    assert attempt(PASSWORD) == "200 True"
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM console_cache")


@pytest.mark.django_db
def test_another_port_or_spelling_in_a_request_gives_no_new_attempts(client):
    make_user("sis@nile.example")
    told = ""
    for port, login in enumerate(("sis@", "SIS@", "sis@", "\u017fis@", "sis@", "sis@"), 1):
        answer = client.post(
            reverse("account_login"),
            {"login": f"{login}nile.example", "password": PASSWORD if port == 6 else "wrong"},
            headers={"host": f"testserver:{port}"},
        )
        told = answer.content.decode()
    assert "Wait five minutes, then try again." in told
