"""How often one may ask, and what is counted."""

from __future__ import annotations

import logging

import pytest

from accounts.models import ApiKey
from tests.billing.api.conftest import Program

pytestmark = pytest.mark.django_db
PATH = "masters/nile/accounts/marketing/balance"


def too_many(answer):
    assert answer.status_code == 429, answer.content
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json()["type"] == "/api/v1/problems/too-many-requests"
    return int(answer.headers["Retry-After"])


def ask_until_refused(program, most=50):
    """Within one second, so in a burst; how many were answered, and the refusal."""
    for count in range(most):
        answer = program.get(PATH)
        if answer.status_code == 429:
            return count, answer
    raise AssertionError("it was never refused")


def test_a_key_that_asks_too_often_is_told_how_long_to_wait(nile, settings):
    settings.API_REQUESTS_PER_SECOND = 3
    answered, refusal = ask_until_refused(nile)
    # The second may have changed meanwhile.
    assert answered in {3, 4, 5, 6}
    assert too_many(refusal) == 1


def test_each_key_is_counted_by_itself(cast, nile, key_of, settings):
    settings.API_REQUESTS_PER_SECOND = 3
    other = Program(key_of(cast.nile))
    ask_until_refused(nile)
    assert other.get(PATH).status_code == 200


def test_what_is_refused_for_another_reason_is_counted_too(nile, settings):
    settings.API_REQUESTS_PER_SECOND = 2
    answers = [nile.get("masters/gulf/subaccounts").status_code for _ in range(10)]
    assert answers[0] == 404
    assert 429 in answers


def test_an_address_that_sends_no_valid_keys_is_refused(cast, settings):
    settings.API_FAILURES_PER_MINUTE = 3
    stranger = Program("cck_abcdefgh_" + "A" * 43)
    answers = [stranger.get(PATH) for _ in range(8)]
    assert [answer.status_code for answer in answers[:3]] == [401] * 3
    assert 1 <= too_many(answers[-1]) <= 60


def test_whoever_shares_the_address_and_has_a_key_goes_on_working(nile, settings):
    settings.API_FAILURES_PER_MINUTE = 1
    stranger = Program(None)
    for _ in range(4):
        last = stranger.get(PATH)
    too_many(last)
    assert nile.get(PATH).status_code == 200


@pytest.mark.parametrize("proxies", [0, 1])
def test_addresses_are_told_apart_as_at_sign_in(cast, settings, proxies):
    """X-Forwarded-For counts behind a proxy of ours only; otherwise anybody could write it."""
    settings.API_FAILURES_PER_MINUTE = 1
    settings.ALLAUTH_TRUSTED_PROXY_COUNT = proxies
    stranger = Program(None)

    def ask(forwarded):
        return [stranger.get(PATH, x_forwarded_for=forwarded).status_code for _ in range(4)][-1]

    assert ask("10.0.0.1") == 429
    answer = stranger.get(PATH, x_forwarded_for="10.0.0.2")
    assert answer.status_code == (401 if proxies else 429)


@pytest.mark.parametrize("forwarded", ["nonsense", "10.0.0.1", "\u00ff", ",,,"])
def test_a_header_that_no_proxy_wrote_is_no_trouble(cast, settings, forwarded):
    settings.ALLAUTH_TRUSTED_PROXY_COUNT = 3
    assert Program(None).get(PATH, x_forwarded_for=forwarded).status_code == 401


def test_the_use_of_a_key_is_noted_by_asking(cast, nile):
    assert ApiKey.objects.get().last_used_at is None
    nile.get(PATH)
    assert ApiKey.objects.get().last_used_at is not None


def test_nothing_of_a_key_is_logged(cast, key_of, caplog):
    key = key_of(cast.nile)
    with caplog.at_level(logging.DEBUG):
        Program(key).get(PATH)
        Program(key[:-1]).get(PATH)
    assert key[13:-1] not in caplog.text
