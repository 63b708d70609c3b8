"""``transfers.make()`` and ``transfers.preview()``: works, refused, foreign, twice."""

from __future__ import annotations

from decimal import Decimal
from uuid import uuid4

import pytest
from django.utils import timezone

from accounts.models import Account, State
from billing import ledger_sql, transfers, tree
from billing.models import Entry, Kind, Origin, Transfer
from tests.factories import balance_of, give, make_subaccount, set_limit

pytestmark = pytest.mark.django_db


@pytest.fixture
def ten(cast):
    """Ten pounds from Marketing (500) to Retail (20.50): the arguments, to be changed."""
    return {
        "source": cast.marketing,
        "destination": cast.retail,
        "amount": Decimal(10),
        "key": uuid4(),
        "by": cast.admin,
    }


def rows() -> tuple[int, int]:
    return Transfer.objects.count(), Entry.objects.count()


def close(account: Account) -> None:
    Account.objects.filter(pk=account.pk).update(state=State.CLOSED)
    account.refresh_from_db()


def preview_of(arguments) -> transfers.Preview:
    return transfers.preview(
        **{name: arguments[name] for name in ("source", "destination", "amount")}
    )


# --- works ------------------------------------------------------------------------------------


def test_a_transfer_lowers_one_balance_and_raises_the_other(cast, ten):
    transfers.make(**ten)
    assert balance_of(cast.marketing).credit == Decimal(490)
    assert balance_of(cast.retail).credit == Decimal("30.50")


def test_a_transfer_is_two_entries_with_one_reference_and_one_moment(cast, ten):
    transfer = transfers.make(**ten, note="for Ramadan")
    out, into = Entry.objects.filter(reference=str(ten["key"])).order_by("leg")
    assert (out.account_id, out.amount) == (cast.marketing.pk, Decimal(-10))
    assert (into.account_id, into.amount) == (cast.retail.pk, Decimal(10))
    for entry in (out, into):
        assert (entry.kind, entry.origin) == (Kind.TRANSFER, Origin.CONSOLE)
        assert (entry.by_id, entry.description) == (cast.admin.pk, "for Ramadan")
        assert entry.posted_at == transfer.created_at
    transfer.refresh_from_db()
    assert transfer.created_at == out.posted_at
    assert (transfer.note, transfer.by, transfer.master) == ("for Ramadan", cast.admin, cast.nile)


@pytest.mark.parametrize("direction", ["down", "up"])
def test_the_master_account_may_be_either_end(cast, ten, direction):
    ends = {"source": cast.nile, "destination": cast.retail}
    if direction == "up":
        ends = {"source": cast.marketing, "destination": cast.nile}
    transfers.make(**ten | ends)
    assert balance_of(cast.nile).credit == {"down": Decimal(9990), "up": Decimal(10010)}[direction]


def test_the_credit_limit_may_be_moved_too_to_the_last_piastre(cast, ten):
    set_limit(cast.retail, "10")
    transfers.make(
        **ten | {"source": cast.retail, "destination": cast.nile, "amount": Decimal("30.50")}
    )
    assert balance_of(cast.retail).credit == Decimal(-10)
    assert balance_of(cast.retail).is_restricted


def test_a_suspended_destination_accepts_credit(cast, ten):
    tree.suspend(account=cast.retail)
    transfers.make(**ten)
    assert balance_of(cast.retail).credit == Decimal("30.50")


def test_demo_and_import_may_pass_the_moment(cast, ten):
    fresh = [make_subaccount(cast.nile, code) for code in ("north", "south")]
    then = timezone.now()
    set_limit(fresh[0], "10")
    transfer = transfers.make(**ten | {"source": fresh[0], "destination": fresh[1]}, moment=then)
    assert transfer.created_at == then
    assert set(
        Entry.objects.filter(reference=str(ten["key"])).values_list("posted_at", flat=True)
    ) == {then}


# --- refused: nothing written -----------------------------------------------------------------


def refused(arguments, kind: type[transfers.Refused]) -> transfers.Refused:
    """The refusal of make(), which is that of preview(), and leaves no trace."""
    before = rows()
    expected = preview_of(arguments).refusal
    with pytest.raises(kind) as caught:
        transfers.make(**arguments)
    assert rows() == before
    assert (type(expected), str(expected)) == (kind, str(caught.value))
    return caught.value


def test_more_than_available_is_refused_with_the_figures(cast, ten):
    refusal = refused(
        ten | {"source": cast.retail, "destination": cast.nile, "amount": Decimal("20.51")},
        transfers.InsufficientBalance,
    )
    assert refusal.message == (
        "Retail branches can spend at most EGP 20.50: 0.01 less than asked for."
    )
    assert refusal.account == cast.retail.pk


@pytest.mark.parametrize(
    ("available", "asked", "sentence"),
    [
        # As the page shows it, rounded down; the two figures add up to what was asked for.
        ("13561.094", "100000", "can spend at most EGP 13,561.09: 86,438.91 less than asked for."),
        # Usage is priced finer: rounded down, the first would be nothing and the other enough.
        ("0.004", "0.0075", "can spend at most EGP 0.004: 0.0035 less than asked for."),
        ("5.0049", "5.005", "can spend at most EGP 5.0049: 0.0001 less than asked for."),
        ("0", "7", "has nothing to spend: EGP 7.00 more is needed."),
        ("0.004", "7", "has nothing to spend: EGP 7.00 more is needed."),
        ("-50.001", "7", "has nothing to spend: EGP 57.01 more is needed."),
    ],
)
def test_the_sentence_agrees_with_the_page_and_the_figures_are_exact(available, asked, sentence):
    refusal = transfers.InsufficientBalance(
        account=1,
        name="Marketing",
        available=Decimal(available),
        asked=Decimal(asked),
        currency="EGP",
    )
    assert refusal.message == f"Marketing {sentence}"
    assert refusal.available == Decimal(available)
    assert refusal.short_by == Decimal(asked) - Decimal(available)


def test_what_is_on_hold_cannot_be_moved(cast, ten):
    balance = balance_of(cast.marketing)
    balance.on_hold = Decimal("495.25")
    balance.save()
    assert "at most EGP 4.75:" in refused(ten, transfers.InsufficientBalance).message


def test_credit_moves_from_no_account_to_itself(cast, ten):
    assert (
        "itself" in refused(ten | {"destination": cast.marketing}, transfers.SameAccount).message
    )


@pytest.mark.parametrize("end", ["source", "destination"])
def test_a_shared_subaccount_is_refused_at_either_end(cast, ten, end):
    refusal = refused(ten | {end: cast.otp}, transfers.SharedBalance)
    assert refusal.account == cast.otp.pk
    assert refusal.message.startswith("OTP and security draws on the master account's balance")


@pytest.mark.parametrize("end", ["source", "destination"])
def test_a_closed_subaccount_is_refused_at_either_end(cast, ten, end):
    close(ten[end])
    refusal = refused(ten, transfers.AccountClosed)
    assert (refusal.account, refusal.message) == (ten[end].pk, f"{ten[end].name} is closed.")


def test_a_suspended_source_is_refused(cast, ten):
    tree.suspend(account=cast.marketing)
    assert "Marketing is suspended" in refused(ten, transfers.AccountSuspended).message


@pytest.mark.parametrize("kind", [transfers.AccountSuspended, transfers.AccountClosed])
def test_nothing_moves_in_a_suspended_or_closed_company(cast, ten, kind):
    state = State.CLOSED if kind is transfers.AccountClosed else State.SUSPENDED
    Account.objects.filter(pk=cast.nile.pk).update(state=state)
    fresh = {end: Account.objects.get(pk=ten[end].pk) for end in ("source", "destination")}
    assert refused(ten | fresh, kind).account == cast.nile.pk


def test_a_suspended_source_is_named_before_a_shared_destination(cast, ten):
    tree.suspend(account=cast.marketing)
    refused(ten | {"destination": cast.otp}, transfers.AccountSuspended)


def test_a_balance_larger_than_the_books_hold_is_refused(cast, ten):
    give(cast.retail, "99999999999970")
    give(cast.marketing, "100000")
    refusal = refused(ten | {"amount": Decimal(90000)}, transfers.BalanceTooLarge)
    assert refusal.account == cast.retail.pk


@pytest.mark.parametrize("amount", ["0", "-1", "10.0000001", "NaN"])
def test_an_amount_that_is_none_is_a_programmers_error_and_writes_nothing(ten, amount):
    before = rows()
    with pytest.raises((ValueError, ArithmeticError)):
        transfers.make(**ten | {"amount": Decimal(amount)})
    assert rows() == before


@pytest.mark.parametrize("end", ["source", "destination"])
def test_another_companys_account_is_never_an_end(cast, ten, end):
    before = rows()
    with pytest.raises(LookupError):
        transfers.make(**ten | {end: cast.gulf_sales})
    with pytest.raises(LookupError):
        preview_of(ten | {end: cast.gulf_sales})
    assert rows() == before


# --- preview ----------------------------------------------------------------------------------


def test_the_preview_tells_what_then_happens(cast, ten):
    told = preview_of(ten)
    assert told.refusal is None
    transfers.make(**ten)
    assert told.source_after == balance_of(cast.marketing).available
    assert told.destination_after == balance_of(cast.retail).available


def test_the_preview_writes_nothing(ten):
    before = rows()
    preview_of(ten)
    assert rows() == before


# --- twice ------------------------------------------------------------------------------------


def test_sent_twice_it_happens_once(cast, ten):
    first = transfers.make(**ten)
    again = transfers.make(**ten | {"amount": Decimal("10.000000")}, note="another note")
    assert (again.pk, again.note) == (first.pk, "")
    assert rows()[0] == 1
    assert balance_of(cast.marketing).credit == Decimal(490)


def test_sent_again_after_the_source_was_emptied_it_is_still_the_first_transfer(cast, ten):
    first = transfers.make(**ten)
    transfers.make(**ten | {"amount": Decimal(490), "key": uuid4()})
    close(cast.retail)
    assert transfers.make(**ten).pk == first.pk


@pytest.mark.parametrize("change", ["amount", "source", "destination"])
def test_a_key_used_before_with_other_content_is_a_conflict(cast, ten, change):
    transfers.make(**ten)
    before = rows()
    other = {"amount": Decimal(11), "source": cast.nile, "destination": cast.nile}
    with pytest.raises(transfers.KeyConflict, match="sent before"):
        transfers.make(**ten | {change: other[change]})
    assert rows() == before


def test_two_companies_may_use_one_key(cast, ten):
    transfers.make(**ten)
    transfers.make(**ten | {"source": cast.gulf, "destination": cast.gulf_sales})
    assert Transfer.objects.count() == 2


def test_a_refused_key_may_be_used_again(ten):
    refused(ten | {"amount": Decimal(501)}, transfers.InsufficientBalance)
    transfers.make(**ten)


# --- a holder that changes between looking and locking ------------------------------------------


def test_it_starts_again_once_when_a_holder_changed_meanwhile(cast, ten, monkeypatch):
    calls = change_holder(cast.retail.pk, monkeypatch, times=1)
    transfers.make(**ten)
    assert len(calls) == 2
    assert rows()[0] == 1


def test_after_the_second_attempt_it_says_so_and_nothing_was_moved(cast, ten, monkeypatch):
    before = rows()
    change_holder(cast.retail.pk, monkeypatch, times=2)
    with pytest.raises(transfers.StartAgain):
        transfers.make(**ten)
    assert rows() == before


def change_holder(account: int, monkeypatch, *, times: int) -> list[int]:
    """Let the ledger find another holder under the lock than before it, ``times`` times."""
    calls: list[int] = []
    read = ledger_sql.read

    def read_another(master, accounts, origin, references):
        books = read(master, accounts, origin, references)
        calls.append(master)
        if len(calls) <= times:
            books.accounts[account] = books.accounts[account]._replace(holder=-1)
        return books

    monkeypatch.setattr(ledger_sql, "read", read_another)
    return calls


# --- who sees it --------------------------------------------------------------------------------


def test_a_transfer_is_seen_by_both_sides_and_by_who_sees_the_tree(cast, ten):
    transfer = transfers.make(**ten | {"source": cast.nile, "destination": cast.marketing})
    other = transfers.make(**ten | {"source": cast.nile, "key": uuid4()})
    seen = {
        name: set(transfers.visible_to(getattr(cast, name)).values_list("pk", flat=True))
        for name in ("admin", "finance", "operator", "member", "otp_member", "gulf_admin")
    }
    assert seen == {
        "admin": {transfer.pk, other.pk},
        "finance": {transfer.pk, other.pk},
        "operator": {transfer.pk, other.pk},
        "member": {transfer.pk},
        "otp_member": set(),
        "gulf_admin": set(),
    }
