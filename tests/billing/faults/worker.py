"""A process that works on the books until it is told to stop, or dies.

Its commands: ``("go", ROUND)`` does operation after operation until something else is said or the
database fails; ``("again", ROUND, COUNT)`` repeats the first so many. What it was told it writes
into its journal, a file that survives it, before it does anything else: what stands there was
acknowledged.
"""

from __future__ import annotations

import json
import os
import traceback
from collections.abc import Sequence
from multiprocessing.connection import Connection
from typing import Any

import django
from django.apps import apps

# Imported by the process that workers are forked from: each finds Django ready.
if not apps.ready:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "console.settings")
    django.setup()

import psycopg
from django.db import Error, connection

from tests.billing.faults import places
from tests.billing.faults.operations import KINDS, Operation, tree_of


def main(
    name: str, session: str, url: str, journal: str, kind: str, master: int, commands: Connection
) -> None:
    """Work on the books of one company (``master`` is its id); ends with whoever commands it."""
    out = os.open(journal, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    def say(*words: Any) -> None:
        os.write(out, json.dumps(words).encode() + b"\n")

    try:
        # On a busy machine a balance may be locked for long, and that is no fault.
        places.use(url, application_name=session, options="-c lock_timeout=60s")
        tree = tree_of(master)

        def operation(round_: str, number: int) -> Operation:
            return KINDS[kind](tree, f"{round_}-{name}", number)

        say("ready")
        while True:
            match _next(commands):
                case ["go", round_]:
                    number = 0
                    while not commands.poll():
                        try:
                            told = operation(round_, number).do()
                        except (Error, psycopg.Error) as error:
                            connection.close()
                            say("failed", round_, number, type(error.__cause__ or error).__name__)
                            break
                        say("told", round_, number, *told)
                        number += 1
                    else:
                        say("stopped", round_)
                case ["again", round_, count]:
                    for number in range(count):
                        say("again", round_, number, *operation(round_, number).do())
                    say("done", round_)
                case ["end"]:
                    return
    except BaseException:
        say("crashed", traceback.format_exc())
        raise
    finally:
        connection.close()


def _next(commands: Connection) -> Sequence[Any]:
    try:
        return list(commands.recv())
    except EOFError:
        return ["end"]
