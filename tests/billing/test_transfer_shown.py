"""Figures that have changed between preview and sending: shown anew, and asked again."""

from __future__ import annotations

import re
from datetime import timedelta
from decimal import Decimal
from uuid import uuid4

import pytest
from django.urls import reverse

from billing import charges, holds, shown, transfers, tree
from billing.models import Balance, Transfer
from billing.verification import verify
from tests.billing.transfer_form import NILE, plain, refused
from tests.factories import balance_of, give
from tests.threads import at_once

pytestmark = pytest.mark.django_db

PREVIEW = reverse("transfer-preview", args=["nile"])


def figures(response) -> str:
    """What the preview's hidden field carries, or ""."""
    found = re.findall(r'name="shown" value="([^"]*)"', response.content.decode())
    assert len(found) <= 1
    return found[0] if found else ""


def test_without_a_preview_nothing_is_asked(admin, cast, ten):
    give(cast.retail, "1")
    assert admin.post(NILE, ten).status_code == 302


def test_with_the_figures_as_shown_it_is_made(admin, ten):
    told = figures(admin.get(PREVIEW, ten))
    assert admin.post(NILE, ten | {"shown": told}).status_code == 302


@pytest.mark.parametrize("who", ["marketing", "retail"])
def test_changed_at_either_side_it_shows_the_new_figures_and_asks_again(admin, cast, ten, who):
    told = figures(admin.get(PREVIEW, ten))
    account = getattr(cast, who)
    had = balance_of(account).credit
    give(account, "100")
    response = refused(
        admin,
        ten | {"shown": told},
        None,
        "The figures have changed since the preview, so nothing was moved:"
        f" {account.name} had {had:.2f} available and has {had + 100:.2f} now.",
    )
    assert f"{had + 100:.2f}" in plain(response)
    assert response.context["form"]["key"].value() == ten["key"]
    # Asked again, with the figures that stand there now.
    assert admin.post(NILE, ten | {"shown": figures(response)}).status_code == 302


def test_it_asks_as_often_as_they_change_unless_one_does_not_mind(admin, cast, ten):
    told = figures(admin.get(PREVIEW, ten))
    assert "Move it even if" not in plain(admin.get(NILE))
    for _ in range(2):
        charges.charge(account=cast.marketing, amount=Decimal(1), reference=str(uuid4()))
        response = refused(admin, ten | {"shown": told}, None, "The figures have changed")
        assert "Move it even if the balances change once more" in plain(response)
        told = figures(response)
    charges.charge(account=cast.marketing, amount=Decimal(1), reference="last")
    assert admin.post(NILE, ten | {"shown": told, "anyway": "on"}).status_code == 302


def test_less_than_the_page_shows_is_no_change(admin, cast, ten):
    give(cast.marketing, "0.0095")
    told = figures(admin.get(PREVIEW, ten))
    charges.charge(account=cast.marketing, amount=Decimal("0.0075"), reference="m")
    assert admin.post(NILE, ten | {"shown": told}).status_code == 302


def test_a_preview_of_other_accounts_does_not_count(admin, cast, ten):
    told = figures(admin.get(PREVIEW, ten | {"to": cast.nile.pk}))
    give(cast.marketing, "1")
    assert admin.post(NILE, ten | {"shown": told}).status_code == 302


@pytest.mark.parametrize("amount", ["", "x", "501"])
def test_a_preview_that_promises_nothing_carries_no_figures(admin, ten, amount):
    assert figures(admin.get(PREVIEW, ten | {"amount": amount})) == ""


@pytest.mark.parametrize("text", ["x", "1", "1=", "=1", "1=1;", "1=1e3", "1=\u0661", "9" * 5000])
def test_figures_that_no_preview_has_written_are_refused(admin, ten, text):
    with pytest.raises(ValueError, match="no figures"):
        shown.read(text)
    refused(admin, ten | {"shown": text}, None, "The figures of the preview did not arrive whole")


def test_sent_twice_with_the_old_figures_it_is_still_the_first_transfer(admin, cast, ten):
    fields = ten | {"shown": figures(admin.get(PREVIEW, ten))}
    first = admin.post(NILE, fields)
    again = admin.post(NILE, fields)
    assert again.status_code == 302
    assert again["Location"] == first["Location"]
    assert Transfer.objects.count() == 1


def test_what_the_preview_counts_of_holds_past_their_time_is_no_change(admin, cast, ten):
    holds.hold(
        account=cast.marketing,
        amount=Decimal(100),
        reference="h",
        expires_in=timedelta(microseconds=1),
    )
    assert balance_of(cast.marketing).available == 400
    # More than is available: the ledger would release what has expired, so the preview counts it.
    fields = ten | {"amount": "450"}
    told = figures(admin.get(PREVIEW, fields))
    assert f"{cast.marketing.pk}=500.00" in told
    assert admin.post(NILE, fields | {"shown": told}).status_code == 302
    assert balance_of(cast.marketing).available == 50


def test_the_figures_are_compared_under_the_lock(cast):
    figures_of = {
        account.pk: Balance.objects.get(account=account).available
        for account in (cast.marketing, cast.retail)
    }
    with pytest.raises(transfers.BalancesChanged) as caught:
        transfers.make(
            source=cast.marketing,
            destination=cast.retail,
            amount=Decimal(1),
            key=uuid4(),
            by=None,
            shown=figures_of | {cast.retail.pk: Decimal(21)},
        )
    assert [change.account for change in caught.value.changes] == [cast.retail]
    assert not Transfer.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_of_two_admins_at_once_one_is_made_and_the_other_is_asked_again(cast):
    figures_of = {cast.marketing.pk: Decimal("500.00"), cast.retail.pk: Decimal("20.50")}

    def send():
        return transfers.make(
            source=cast.marketing,
            destination=cast.retail,
            amount=Decimal(10),
            key=uuid4(),
            by=None,
            shown=figures_of,
        )

    results = at_once(*[send] * 4)
    kinds = [type(result) for result in results]
    assert kinds.count(Transfer) == 1
    assert kinds.count(transfers.BalancesChanged) == 3
    assert verify().is_clean


@pytest.mark.django_db(transaction=True)
def test_with_figures_shown_opposite_transfers_and_a_switch_of_mode_do_not_deadlock(cast):
    def send(source, destination):
        def call():
            return transfers.make(
                source=source,
                destination=destination,
                amount=Decimal(1),
                key=uuid4(),
                by=None,
                shown={source.pk: Decimal("500.00"), destination.pk: Decimal("20.50")},
            )

        return call

    results = at_once(
        *[send(cast.marketing, cast.retail), send(cast.retail, cast.marketing)] * 3,
        lambda: tree.share(account=cast.marketing, by=None),
    )
    assert sum(isinstance(result, Transfer) for result in results) <= 1
    assert verify().is_clean
