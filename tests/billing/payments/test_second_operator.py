"""Two pairs of eyes: above an amount nothing moves until another operator agrees; then once."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from functools import partial
from uuid import uuid4

import pytest
from django.core import mail
from django.db import DatabaseError, transaction
from procrastinate.contrib.django.models import ProcrastinateJob

from accounts.audit_events import AuditEvent
from accounts.models import User
from billing import adjustments, approval_mails, approvals, charges, refunds, settlement
from billing.approvals import AskerGone, NotOpen, NotYours
from billing.gateways.protocol import Fact, What
from billing.ledger import Status
from billing.models import Approval, Entry, Kind, Refund
from billing.refusals import InsufficientBalance, Refused
from billing.second_operator import SecondOperatorNeeded, alone
from billing.verification import verify
from tests.billing.payments.bank import ask
from tests.billing.payments.operators import address, plain
from tests.factories import balance_of, make_user
from tests.threads import at_once, wait_until_someone_waits_for_a_lock

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def second(cast) -> User:
    """Another operator."""
    return make_user("second@platform.example", is_staff=True)


def adjust(cast, amount: str, *, account=None, key=None):
    return approvals.adjust(
        account=account or cast.marketing,
        amount=Decimal(amount),
        reason="lost in the move",
        key=key or uuid4(),
        by=cast.operator,
    )


@pytest.fixture
def asked(cast, second) -> Approval:
    """6,000 for Marketing, which has 500: too much for one."""
    return adjust(cast, "6000")


@pytest.fixture
def payment(cast):
    """9,000 that came for Marketing, which has 9,500 now."""
    payment = ask(cast.marketing, "9000")
    fact = Fact(What.PAID, reference="x", amount=Decimal(9000), currency="EGP")
    settlement.learn_about(payment, [fact])
    payment.refresh_from_db()
    return payment


def credit(account) -> Decimal:
    return balance_of(account).credit


def test_above_the_amount_nothing_moves_until_another_agrees_and_both_are_named(
    cast, asked, second
):
    assert credit(cast.marketing) == 500
    approvals.agree(asked, by=second)
    assert credit(cast.marketing) == 6500
    entry = Entry.objects.get(kind=Kind.ADJUSTMENT)
    assert (entry.by, entry.description) == (cast.operator, "lost in the move")
    told = AuditEvent.objects.filter(after__amount="6000.00").order_by("id")
    assert [(each.action, each.actor, each.whom) for each in told] == [
        ("second_operator_asked", cast.operator, None),
        ("adjusted", second, cast.operator),
        ("second_operator_agreed", second, cast.operator),
    ]
    assert verify().is_clean


def test_parts_of_it_are_no_less_than_the_whole_and_refunds_count_with_adjustments(
    cast, payment, second
):
    assert adjust(cast, "-2000").status == Status.ACCEPTED
    made = adjust(cast, "1000", account=cast.retail)
    approvals.refund(
        payment=payment, amount=Decimal(2000), reason="twice", key=uuid4(), by=cast.operator
    )
    assert alone(company=cast.nile, by=cast.operator).left == 0
    assert isinstance(adjust(cast, "0.01"), Approval)
    with pytest.raises(SecondOperatorNeeded):
        adjustments.undo(
            account=cast.retail,
            reference=made.entries[0].reference,
            reason="no",
            by=cast.operator,
        )
    # Neither another company nor another operator, nor what two have agreed to.
    assert alone(company=cast.gulf, by=cast.operator).left == 150
    assert alone(company=cast.nile, by=second).left == 5000


def test_what_two_agreed_to_leaves_each_what_they_may_do_alone(cast, asked, second):
    approvals.agree(asked, by=second)
    assert alone(company=cast.nile, by=cast.operator).done == 0
    assert alone(company=cast.nile, by=second).done == 0


def test_two_forms_at_once_do_not_both_pass(cast):
    def slow():
        with transaction.atomic():
            adjustments.within(
                account=cast.retail,
                amount=Decimal(3000),
                reason="x",
                reference="a",
                by=cast.operator,
            )
            wait_until_someone_waits_for_a_lock()

    at_once(slow, partial(adjust, cast, "3000"))
    assert Entry.objects.filter(kind=Kind.ADJUSTMENT).count() == 1


def test_a_currency_that_is_not_named_takes_two_for_everything(cast, settings):
    settings.SECOND_OPERATOR_ABOVE = {"KWD": Decimal(1)}
    assert isinstance(adjust(cast, "0.01"), Approval)


def test_one_form_sent_twice_at_once_asks_once(cast, second):
    again = partial(adjust, cast, "6000", key=uuid4())
    one, other = at_once(again, again)
    assert one.pk == other.pk
    assert AuditEvent.objects.filter(action="second_operator_asked").count() == 1


def test_two_who_agree_at_once_move_it_once(cast, asked, second):
    third = make_user("third@platform.example", is_staff=True)
    results = at_once(*[partial(approvals.agree, asked, by=each) for each in (second, third)])
    assert [isinstance(each, NotOpen) for each in results].count(True) == 1
    assert credit(cast.marketing) == 6500
    assert verify().is_clean


def test_nobody_agrees_to_what_they_asked_for_and_only_they_withdraw_it(cast, asked, second):
    with pytest.raises(NotYours):
        approvals.agree(asked, by=cast.operator)
    with pytest.raises(NotYours):
        approvals.refuse(asked, by=cast.operator, words="no")
    with pytest.raises(NotYours):
        approvals.withdraw(asked, by=second)
    with pytest.raises(NotYours):
        approvals.agree(asked, by=cast.admin)
    approvals.withdraw(asked, by=cast.operator)
    with pytest.raises(NotOpen):
        approvals.agree(asked, by=second)
    assert credit(cast.marketing) == 500


@pytest.mark.parametrize("field", ["is_staff", "is_active"])
def test_nobody_is_the_second_of_one_who_is_gone(cast, asked, second, field):
    User.objects.filter(pk=cast.operator.pk).update(**{field: False})
    with pytest.raises(AskerGone):
        approvals.agree(asked, by=second)
    approvals.refuse(asked, by=second, words="who was that?")
    assert credit(cast.marketing) == 500


def test_after_seven_days_it_has_lapsed(cast, second, monkeypatch):
    monkeypatch.setattr(approvals, "OPEN_FOR", timedelta(milliseconds=1))
    late = adjust(cast, "6000")
    with pytest.raises(NotOpen, match="lapsed"):
        approvals.agree(late, by=second)
    assert not approvals.waiting().exists()


def test_what_is_spent_meanwhile_is_refused_with_the_figures_and_still_waits(
    cast, payment, second
):
    asked = adjust(cast, "-6000")
    charges.charge(account=cast.marketing, amount=Decimal(4000), reference="m")
    with pytest.raises(InsufficientBalance, match=r"at most EGP 5,500\.00"):
        approvals.agree(asked, by=second)
    asked.refresh_from_db()
    assert asked.state == "waiting"
    assert not AuditEvent.objects.filter(action="second_operator_agreed").exists()


def test_what_is_refused_at_once_asks_nobody(cast):
    assert adjust(cast, "-6000").status == Status.REFUSED
    assert not Approval.objects.exists()


def test_a_refund_is_exactly_what_was_asked(cast, payment, second):
    key = uuid4()
    asked = approvals.refund(
        payment=payment, amount=Decimal(6000), reason="closed", key=key, by=cast.operator
    )
    assert not Refund.objects.exists()
    approvals.agree(asked, by=second)
    made = Refund.objects.get()
    assert (made.pk, made.amount, made.by, made.reason) == (key, 6000, cast.operator, "closed")
    assert balance_of(cast.marketing).on_hold == 6000
    assert verify().is_clean


def test_an_adjustment_that_was_undone_meanwhile_is_not_undone_again(cast, asked, second):
    approvals.agree(asked, by=second)
    made = Entry.objects.get(kind=Kind.ADJUSTMENT)
    undo = partial(
        approvals.undo,
        account=cast.marketing,
        reference=made.reference,
        amount=-made.amount,
        reason="no",
        by=cast.operator,
    )
    one, other = undo(key=uuid4()), undo(key=uuid4())
    approvals.agree(one, by=second)
    assert credit(cast.marketing) == 500
    with pytest.raises(Refused, match="done otherwise"):
        approvals.agree(other, by=second)
    assert verify().is_clean


def test_the_database_keeps_requests_as_they_were_asked_and_decided(cast, asked, second):
    mine = Approval.objects.filter(pk=asked.pk)
    now = asked.asked_at
    for change in (
        {"amount": Decimal(7000)},
        {"state": "agreed", "decided_by": cast.operator, "decided_at": now},
        {"state": "refused", "decided_by": second, "decided_at": now},
    ):
        with pytest.raises(DatabaseError), transaction.atomic():
            mine.update(**change)
    with pytest.raises(DatabaseError), transaction.atomic():
        mine.delete()
    approvals.refuse(asked, by=second, words="no")
    with pytest.raises(DatabaseError), transaction.atomic():
        mine.update(state="waiting", decided_by=None, decided_at=None, words="")


def test_the_others_are_mailed_and_then_whoever_asked(cast, asked, second):
    jobs = ProcrastinateJob.objects.filter(task_name__endswith="mail_second_operator")
    assert [job.args["user_id"] for job in jobs] == [second.pk]
    assert approval_mails.send_asked(asked.pk, second.pk)
    assert not approval_mails.send_decided(asked.pk)
    approvals.refuse(asked, by=second, words="not ours")
    assert not approval_mails.send_asked(asked.pk, second.pk)
    assert approval_mails.send_decided(asked.pk)
    first, last = mail.outbox
    assert (first.to, last.to) == ([second.email], [cast.operator.email])
    assert first.subject == "EGP +6,000.00 for Nile Retail Group waits for a second operator"
    for text in (first.body, first.alternatives[0][0]):
        assert f"http://localhost:8000/operator/approvals/{asked.pk}/" in text
        assert "lost in the move" in text
    assert "not ours" in last.body


def test_the_page_shows_both_figures_and_the_asker_cannot_agree_there(
    client, cast, asked, second, payment
):
    page = address("approval", asked.pk)
    client.force_login(cast.operator)
    assert 'value="agree"' not in client.get(page).content.decode()
    assert client.post(page, {"do": "agree"}).status_code == 403
    assert 'class="chip warning">1<' in client.get(address("home")).content.decode()
    client.force_login(second)
    assert client.post(page, {"do": "withdraw"}).status_code == 403
    # Asked at 500, it would be 15,500 after the 9,000 that came meanwhile.
    assert "Credit 500.00 9,500.00 15,500.00" in plain(client.get(page))
    for fields in ({}, {"do": "x"}, {"do": "refuse"}, {"do": "refuse", "words": "w" * 301}):
        assert client.post(page, fields).status_code == 422
    assert "Agreed: EGP 6,000.00 moved" in plain(client.post(page, {"do": "agree"}, follow=True))
    again = plain(client.post(page, {"do": "agree"}, follow=True))
    assert "It was agreed to already, and not done again." in again
    assert credit(cast.marketing) == 15500
    assert "second@platform.example" in plain(client.get(address("approval-list")))


def test_agreeing_to_a_refund_sends_it_to_the_gateway(client, cast, second, payment):
    client.force_login(cast.operator)
    page = client.get(address("refund-new", payment.pk))
    assert "A second operator has to agree above EGP 5,000.00" in plain(page)
    fields = {
        "amount": "6000",
        "reason": "closed",
        "key": str(uuid4()),
        "shown": page.context["shown"],
    }
    for said in ("takes a second operator", "asked for when the form was first sent"):
        told = client.post(address("refund-new", payment.pk), fields, follow=True)
        assert said in plain(told)
    asked = Approval.objects.get()
    assert "It waits for a second operator." in plain(client.get(address("payment", payment.pk)))
    client.force_login(second)
    done = client.post(address("approval", asked.pk), {"do": "agree"}, follow=True)
    assert "EGP 6,000.00 is set apart." in plain(done)
    assert "agreed by second@platform.example" in plain(client.get(address("payment", payment.pk)))
    assert refunds.left_of(payment) == 3000
