"""Keys of the API: made once, known only by their digest, revoked for good."""

from __future__ import annotations

import hashlib
import logging
from datetime import timedelta

import pytest
import time_machine
from django.core.exceptions import ValidationError
from django.core.management import CommandError, call_command
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.utils import timezone

from accounts import api_keys
from accounts.models import ApiKey, Scope
from tests.threads import at_once

pytestmark = pytest.mark.django_db


def make(master=None, *, name="SMS gateway", scopes=(Scope.BALANCE_READ,)):
    return api_keys.create(name=name, scopes=scopes, master=master)


def test_a_key_is_found_by_itself_alone(cast):
    row, key = make(cast.nile, scopes=[Scope.CHARGES_WRITE, Scope.BALANCE_READ])
    bearer = api_keys.find(key)
    assert bearer.id == row.pk
    assert bearer.master == cast.nile.pk
    assert bearer.scopes == {"charges:write", "balance:read"}
    other = "A" if key[-1] != "A" else "B"
    for wrong in (key[:-1] + other, key + "A", key[:-1], row.prefix, "", " " + key, key.upper()):
        assert api_keys.find(wrong) is None, wrong


@pytest.mark.parametrize(
    "text", ["\x00", "ключ", "cck_" + "a" * 8 + "_" + "é" * 43, "x" * 100_000, "cck_\n", "🔑"]
)
def test_what_is_no_key_asks_the_database_nothing(text, django_assert_num_queries):
    with django_assert_num_queries(0):
        assert api_keys.find(text) is None


def test_at_rest_there_is_only_the_digest(cast):
    row, key = make(cast.nile)
    assert key.startswith(row.prefix + "_")
    assert len(key) == 12 + 1 + 43
    assert row.digest == hashlib.sha256(key.encode()).hexdigest()
    with connection.cursor() as cursor:
        cursor.execute("SELECT k::text FROM accounts_apikey k")
        [(everything,)] = cursor.fetchall()
    assert key not in everything
    assert key[13:] not in everything


def test_two_keys_made_alike_are_two_keys(cast):
    (one, first), (two, second) = make(cast.nile), make(cast.nile)
    assert first != second
    assert one.prefix != two.prefix


def test_a_key_for_the_platform_has_no_company(cast):
    _row, key = make(None)
    assert api_keys.find(key).master is None


def test_a_key_is_not_made_for_a_subaccount_or_without_name_or_scope(cast):
    with pytest.raises(ValueError, match="subaccount"):
        make(cast.marketing)
    for wrong in ({"name": "  "}, {"scopes": []}, {"scopes": ["everything"]}, {"name": "x" * 101}):
        with pytest.raises(ValidationError):
            make(cast.nile, **wrong)
    assert not ApiKey.objects.exists()


def test_a_revoked_key_is_no_key_and_stays_so(cast):
    row, key = make(cast.nile)
    revoked = api_keys.revoke(prefix=row.prefix)
    assert api_keys.find(key) is None
    assert api_keys.revoke(prefix=row.prefix).revoked_at == revoked.revoked_at
    with pytest.raises(ApiKey.DoesNotExist):
        api_keys.revoke(prefix="cck_unknown1")


@pytest.mark.django_db(transaction=True)
def test_a_revocation_is_seen_by_every_other_connection_at_once(cast):
    row, key = make(cast.nile)
    assert api_keys.find(key) is not None
    at_once(lambda: api_keys.revoke(prefix=row.prefix))
    assert at_once(*[lambda: api_keys.find(key)] * 3) == [None] * 3


def test_the_use_of_a_key_is_noted_once_a_minute(cast, django_assert_num_queries):
    with time_machine.travel(timezone.now() - timedelta(days=1)):
        row, key = make(cast.nile)
    bearer = api_keys.find(key)
    assert bearer.use_is_stale
    api_keys.note_use(bearer)
    row.refresh_from_db()
    noted = row.last_used_at
    assert noted is not None
    # Who had read it before, in another process, writes nothing either.
    api_keys.note_use(bearer)
    bearer = api_keys.find(key)
    assert not bearer.use_is_stale
    with django_assert_num_queries(0):
        api_keys.note_use(bearer)
    row.refresh_from_db()
    assert row.last_used_at == noted

    ApiKey.objects.update(last_used_at=noted - timedelta(seconds=61))
    bearer = api_keys.find(key)
    assert bearer.use_is_stale
    api_keys.note_use(bearer)
    row.refresh_from_db()
    assert row.last_used_at >= noted


@pytest.mark.django_db(transaction=True)
def test_noting_the_use_waits_for_nobody(cast):
    row, key = make(cast.nile)
    bearer = api_keys.find(key)
    with transaction.atomic():
        ApiKey.objects.select_for_update().get(pk=row.pk)

        def note_at_once():
            with connection.cursor() as cursor:
                # Any wait would be an error in the log, and nothing would be noted.
                cursor.execute("SET lock_timeout = '1ms'")
            api_keys.note_use(bearer)
            return ApiKey.objects.get(pk=row.pk).last_used_at

        assert at_once(note_at_once) == [None]


@pytest.mark.django_db(transaction=True)
def test_noting_the_use_never_fails(cast, caplog):
    _row, key = make(cast.nile)
    bearer = api_keys.find(key)
    with connection.cursor() as cursor:
        cursor.execute("SET default_transaction_read_only = on")
        try:
            with caplog.at_level(logging.WARNING):
                api_keys.note_use(bearer)
        finally:
            cursor.execute("SET default_transaction_read_only = off")
    assert f"The use of key {bearer.prefix} could not be noted" in caplog.text
    assert api_keys.find(key) is not None


def refused(match, error=IntegrityError):
    return _Refused(match, error)


class _Refused:
    """A database error in a savepoint of its own, so that the test can go on."""

    def __init__(self, match, error):
        self.raises = pytest.raises(error, match=match)
        self.savepoint = transaction.atomic()

    def __enter__(self):
        self.raises.__enter__()
        self.savepoint.__enter__()

    def __exit__(self, *error):
        self.savepoint.__exit__(*error)
        return self.raises.__exit__(*error)


@pytest.mark.parametrize(
    ("constraint", "fields"),
    [
        ("api_key_prefix_is_well_formed", {"prefix": "cck_ABCDEFGH"}),
        ("api_key_digest_is_one", {"digest": "secret"}),
        ("api_key_name_is_not_blank", {"name": " "}),
        ("api_key_scopes_are_known", {"scopes": ["balance:read", "everything"]}),
        ("api_key_scopes_are_known", {"scopes": [None]}),
        ("api_key_has_a_scope", {"scopes": []}),
        ("api_key_revoked_after_created", {"revoked_at": timezone.now() - timedelta(days=1)}),
        ("api_key_used_after_created", {"last_used_at": timezone.now() - timedelta(days=1)}),
    ],
)
def test_the_database_refuses_a_key_that_cannot_be(cast, constraint, fields):
    good = {
        "prefix": "cck_abcdefgh",
        "digest": "0" * 64,
        "name": "ok",
        "scopes": ["balance:read"],
        "master": cast.nile,
    }
    with refused(constraint):
        ApiKey.objects.create(**(good | fields))


def test_the_database_refuses_a_key_of_a_subaccount(cast):
    row = ApiKey(
        prefix="cck_abcdefgh",
        digest="0" * 64,
        name="ok",
        scopes=["balance:read"],
        master=cast.marketing,
    )
    with refused("api_key_of_a_master_account"):
        row.save()


@pytest.mark.parametrize(
    "change",
    [
        {"prefix": "cck_zzzzzzzz"},
        {"digest": "0" * 64},
        {"master": None},
        {"scopes": ["holds:write"]},
        {"created_at": timezone.now()},
    ],
)
def test_a_key_stays_what_it_was_made_as(cast, change):
    row, _key = make(cast.nile)
    with refused("make a new one"):
        ApiKey.objects.filter(pk=row.pk).update(**change)


def test_no_revocation_is_taken_back(cast):
    row, _key = make(cast.nile)
    api_keys.revoke(prefix=row.prefix)
    for moment in (None, timezone.now() + timedelta(days=1)):
        with refused("revoked for good"):
            ApiKey.objects.filter(pk=row.pk).update(revoked_at=moment)


def test_a_key_is_never_deleted(cast):
    row, _key = make(cast.nile)
    with refused("DELETE on accounts_apikey is refused", DatabaseError):
        row.delete()


def test_create_api_key_prints_the_key_once_and_nothing_else_to_stdout(cast, capsys):
    call_command(
        "create_api_key",
        "--name=SMS gateway",
        "--master=nile",
        "--scope=charges:write",
        "--scope=balance:read",
        f"--by={cast.operator.email}",
    )
    said = capsys.readouterr()
    key = said.out.strip()
    assert said.out == key + "\n"
    assert api_keys.find(key).scopes == {"charges:write", "balance:read"}
    row = ApiKey.objects.get()
    assert (row.master, row.created_by, row.name) == (cast.nile, cast.operator, "SMS gateway")
    assert key not in said.err
    assert "cannot be shown again" in said.err


def test_create_api_key_for_the_platform(cast, capsys):
    call_command("create_api_key", "--name=all", "--platform", "--scope=entries:read")
    assert api_keys.find(capsys.readouterr().out.strip()).master is None


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--master=nowhere", "--name=x"], "no master account with the code 'nowhere'"),
        (["--master=marketing", "--name=x"], "no master account with the code 'marketing'"),
        (["--platform", "--name=x", "--by=who@x.example"], "no user with the address"),
        (["--platform", "--name= "], "cannot be blank"),
        (["--platform", "--master=nile", "--name=x"], "not allowed with"),
        (["--name=x"], "one of the arguments --master --platform is required"),
        (["--platform", "--name=x", "--scope=everything"], "invalid choice"),
    ],
)
def test_create_api_key_says_what_is_wrong(cast, arguments, said):
    with pytest.raises(CommandError, match=said):
        call_command("create_api_key", "--scope=balance:read", *arguments)
    assert not ApiKey.objects.exists()


def test_list_api_keys_shows_everything_but_the_keys(cast, capsys):
    nile, key = make(cast.nile, name="Nile's", scopes=[Scope.HOLDS_WRITE, Scope.BALANCE_READ])
    platform, _other = make(None, name="Gateway")
    api_keys.note_use(api_keys.find(key))
    api_keys.revoke(prefix=platform.prefix)
    call_command("list_api_keys")
    head, first, second = capsys.readouterr().out.splitlines()
    assert head.split()[:2] == ["prefix", "company"]
    nile.refresh_from_db()
    assert first.split() == [
        nile.prefix,
        "nile",
        *f"{nile.last_used_at:%Y-%m-%d %H:%M}".split(),
        "no",
        "balance:read",
        "holds:write",
        "Nile's",
    ]
    assert second.split()[:3] == [platform.prefix, "(platform)", "never"]
    assert key[13:] not in first

    call_command("list_api_keys", "--master=nile")
    assert platform.prefix not in capsys.readouterr().out
    with pytest.raises(CommandError, match="no master account"):
        call_command("list_api_keys", "--master=nowhere")


def test_revoke_api_key_revokes_at_once_and_twice(cast, capsys):
    row, key = make(cast.nile)
    call_command("revoke_api_key", row.prefix)
    first = capsys.readouterr().out
    assert row.prefix in first
    assert "is revoked since" in first
    assert api_keys.find(key) is None
    call_command("revoke_api_key", row.prefix)
    assert capsys.readouterr().out == first
    with pytest.raises(CommandError, match="no key with the prefix 'cck_unknown1'"):
        call_command("revoke_api_key", "cck_unknown1")
