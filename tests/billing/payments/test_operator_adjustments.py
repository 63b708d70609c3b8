"""Adjustments by operators: once, with a reason, guarded by what is available, and undone once."""

from __future__ import annotations

from decimal import Decimal

import pytest

from accounts.models import Account
from billing import adjustments, tree
from billing.models import Entry, Kind
from billing.verification import verify
from tests.billing.payments.operators import address, hidden, plain
from tests.factories import balance_of

pytestmark = pytest.mark.django_db(transaction=True)


def typed(operator, at: Account, /, **more) -> dict[str, str]:
    page = operator.get(address("adjust", at.company.code), {"account": at.code})
    return {
        "account": str(at.pk),
        "direction": "take",
        "amount": "100",
        "reason": "credited twice",
        "key": hidden(page, "key"),
    } | more


def send(operator, account, fields, **options):
    return operator.post(address("adjust", account.company.code), fields, **options)


def credit(account) -> Decimal:
    return balance_of(account).credit


def test_it_happens_once_and_says_so(operator, cast):
    fields = typed(operator, cast.marketing)
    first = send(operator, cast.marketing, fields, follow=True)
    assert "Adjusted Marketing by EGP \N{MINUS SIGN}100.00." in plain(first)
    assert "credited twice" in plain(first)
    again = send(operator, cast.marketing, fields, follow=True)
    assert "made when the form was first sent, and not again" in plain(again)
    assert credit(cast.marketing) == 400
    other = send(operator, cast.marketing, fields | {"amount": "1"})
    assert other.status_code == 422
    assert hidden(other, "key") != fields["key"]
    assert credit(cast.marketing) == 400
    assert verify().is_clean


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"amount": "500.01"}, "Marketing can spend at most EGP 500.00: 0.01 less"),
        ({"amount": ""}, "Write how much to add or take away."),
        ({"amount": "-5"}, "The amount is below zero"),
        ({"amount": "1e2"}, "Write the amount in digits"),
        ({"amount": "1.001"}, "too many decimals"),
        ({"direction": "x"}, "Choose whether to add or to take away."),
        ({"account": "999999"}, "Choose one of this company's accounts."),
        ({"reason": " "}, "Write why the credit is adjusted."),
        ({"reason": "r" * 301}, "at most 300 characters"),
        ({"reason": "a\0b"}, "Null characters"),
        ({"key": "x"}, "came without its number"),
    ],
)
def test_what_is_refused_keeps_what_was_typed_and_says_why(operator, cast, fields, sentence):
    response = send(operator, cast.marketing, typed(operator, cast.marketing, **fields))
    assert response.status_code == 422
    assert sentence in plain(response)
    assert not Entry.objects.filter(kind=Kind.ADJUSTMENT).exists()
    if "reason" not in fields:
        assert 'value="credited twice"' in response.content.decode()


def test_another_companys_account_is_no_choice(operator, cast):
    response = send(operator, cast.nile, typed(operator, cast.nile, account=cast.gulf.pk))
    assert response.status_code == 422
    assert credit(cast.gulf) == 300


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"direction": "add", "amount": "20"}, "Credit 500.00 520.00 Available 500.00 520.00"),
        ({"direction": "take", "amount": "501"}, "at most EGP 500.00"),
        ({"direction": "add", "amount": "5000.01"}, "A second operator will be asked"),
        ({"direction": "add", "amount": "1."}, "Write the amount in digits"),
        ({"amount": "20"}, "Marketing now: credit EGP 500.00"),
    ],
)
def test_the_preview_says_what_will_happen(operator, cast, fields, sentence):
    sent = {"account": cast.marketing.pk, **fields}
    told = plain(operator.get(address("adjust-preview", "nile"), sent))
    assert sentence in told
    # Without JavaScript the page says the same, and complains of nothing else.
    page = operator.get(address("adjust", "nile"), {**sent, "preview": "1", "key": "x"})
    assert page.status_code == 200
    assert sentence in plain(page)
    assert hidden(page, "key") != "x"


def test_shared_closed_and_suspended_accounts_are_said_in_words(operator, cast):
    def words(account, direction="add"):
        sent = {"account": account.pk, "direction": direction, "amount": "5"}
        return plain(operator.get(address("adjust-preview", "nile"), sent))

    assert "OTP and security draws on the balance of Nile Retail Group" in words(cast.otp)
    assert "Credit 10,000.00 10,005.00" in words(cast.otp)
    tree.suspend(account=cast.marketing, by=cast.operator)
    assert "Marketing is suspended. Its credit can be adjusted" in words(cast.marketing)
    tree.close(account=cast.retail, by=cast.operator)
    assert "what is added goes to Nile Retail Group" in words(cast.retail)
    assert "Retail branches is closed." in words(cast.retail, "take")
    send(operator, cast.otp, typed(operator, cast.otp))
    assert credit(cast.nile) == Decimal("9920.50")
    refused = send(operator, cast.retail, typed(operator, cast.retail))
    assert (refused.status_code, "Retail branches is closed." in plain(refused)) == (422, True)


def test_an_adjustment_is_undone_once_from_the_list(operator, cast):
    send(operator, cast.marketing, typed(operator, cast.marketing))
    entry = Entry.objects.get(kind=Kind.ADJUSTMENT)
    page = address("adjustment-undo", f"{entry.master_id}-{entry.holder_id}-{entry.seq}")
    assert page in operator.get(address("adjustment-list")).content.decode()
    key = hidden(operator.get(page), "key")
    assert operator.post(page, {"key": key, "reason": " "}).status_code == 422
    done = operator.post(page, {"key": key, "reason": "it was right"}, follow=True)
    assert "Undone: EGP +100.00 for Marketing." in plain(done)
    again = operator.post(page, {"key": key, "reason": "it was right"}, follow=True)
    assert "undone already, and not again" in plain(again)
    assert credit(cast.marketing) == 500
    assert page not in again.content.decode()
    assert verify().is_clean


def test_undoing_what_was_spent_is_refused_with_the_figure(operator, cast):
    made = adjustments.make(
        account=cast.retail, amount=Decimal(50), reason="x", reference="a", by=None
    ).entries[0]
    adjustments.make(account=cast.retail, amount=Decimal(-70), reason="y", reference="b", by=None)
    page = address("adjustment-undo", f"{made.master_id}-{made.holder_id}-{made.seq}")
    fields = {"key": hidden(operator.get(page), "key"), "reason": "so"}
    response = operator.post(page, fields)
    assert response.status_code == 422
    assert "can spend at most EGP 0.50" in plain(response)


def test_the_list_narrows_to_a_company_goes_on_and_shows_nothing_for_an_unknown_one(
    operator, cast, monkeypatch
):
    from billing.views import operator_adjustments  # noqa: PLC0415

    monkeypatch.setattr(operator_adjustments, "PAGE_SIZE", 2)
    for at, account in enumerate([cast.gulf, *[cast.retail, cast.marketing] * 2]):
        adjustments.make(
            account=account, amount=Decimal(1), reason=f"No. {at}", reference=f"a-{at}", by=None
        )

    def reasons(**query):
        page = operator.get(address("adjustment-list"), query)
        return [each.entry.description for each in page.context["adjustments"]], page

    assert reasons(company="gulf")[0] == ["No. 0"]
    found, page = reasons(company="nile")
    assert found == ["No. 4", "No. 3"]
    assert reasons(company="nile", before=page.context["next"])[0] == ["No. 2", "No. 1"]
    found, page = reasons()
    last = page.context["next"]
    assert reasons(before=last)[0] == ["No. 2", "No. 1"]
    for code in ("nowhere", "a\0", "marketing", "x" * 101):
        found, page = reasons(company=code)
        assert (found, page.status_code) == ([], 422)
