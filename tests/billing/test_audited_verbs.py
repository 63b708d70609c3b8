"""Each verb that somebody decides on leaves one row in the audit log, and a second call none."""

from __future__ import annotations

from decimal import Decimal
from uuid import uuid4

import pytest

from accounts.audit_actions import AuditAction as A
from accounts.audit_events import AuditEvent
from accounts.models import BalanceMode
from billing import (
    adjustments,
    alerts,
    bank_statements,
    caps,
    limits,
    payment_methods,
    payments,
    refunds,
    settlement,
    transfer_batches,
    transfers,
    tree,
)
from billing.gateways.protocol import Fact, What
from billing.models import PaymentMethod
from billing.transfer_batches import Line
from tests.billing.payments.bank import ask
from tests.billing.payments.camt import camt, entry
from tests.billing.payments.operators import address, take
from tests.factories import make_subaccount

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def told(cast):
    """What was written since the last time it was asked, oldest first."""
    seen = {"last": AuditEvent.objects.latest("pk").pk}

    def told() -> list[AuditEvent]:
        rows = list(AuditEvent.objects.filter(pk__gt=seen["last"]).order_by("pk"))
        seen["last"] = rows[-1].pk if rows else seen["last"]
        return rows

    return told


def actions(rows) -> list[str]:
    return [row.action for row in rows]


def test_limits_caps_and_names_with_before_and_after(cast, told):
    for _twice in range(2):
        limits.change(account=cast.nile, limit=Decimal(50), reason="agreed", by=cast.operator)
        caps.change(account=cast.otp, cap=Decimal(9), is_hard=False, by=cast.admin)
        tree.rename(account=cast.retail, name="Shops", by=cast.admin)
    limit, cap, name = told()
    assert (limit.action, limit.account, limit.actor) == (
        A.LIMIT_CHANGED,
        cast.nile,
        cast.operator,
    )
    assert (limit.before, limit.after) == ({"credit_limit": "0.00"}, {"credit_limit": "50.00"})
    assert (limit.about, limit.master) == ("agreed", cast.nile)
    assert cap.after == {"cap": "9.00", "is_hard": False}
    assert (name.before, name.after) == ({"name": "Retail branches"}, {"name": "Shops"})


def test_what_is_done_to_an_account(cast, told):
    limits.change(account=cast.retail, limit=Decimal(5), reason="agreed")
    told()
    tree.suspend(account=cast.retail, by=cast.admin)
    tree.restore(account=cast.retail, by=cast.admin)
    tree.share(account=cast.retail, by=cast.admin)
    tree.allocate(account=cast.retail, by=cast.admin)
    tree.close(account=cast.retail, by=cast.admin)
    tree.close(account=cast.retail, by=cast.admin)
    rows = told()
    assert actions(rows) == [
        A.ACCOUNT_SUSPENDED,
        A.ACCOUNT_RESTORED,
        A.LIMIT_CHANGED,
        A.ACCOUNT_SHARED,
        A.ACCOUNT_ALLOCATED,
        A.ACCOUNT_CLOSED,
    ]
    assert {row.actor for row in rows} == {cast.admin}
    assert (rows[0].before, rows[0].after) == ({"state": "active"}, {"state": "suspended"})
    assert rows[3].after == {"mode": "shared"}
    tree.open_subaccount(
        master=cast.nile, code="new", name="New", mode=BalanceMode.SHARED, by=cast.admin
    )
    [opened] = told()
    assert (opened.action, opened.account.code) == (A.ACCOUNT_OPENED, "new")


def test_transfers_one_by_one_and_many_at_once(cast, told):
    asked = {
        "source": cast.nile,
        "destination": cast.retail,
        "amount": Decimal(5),
        "key": uuid4(),
        "by": cast.admin,
    }
    made = transfers.make(**asked, note="rent")
    transfers.make(**asked)
    transfers.reverse(transfer=made, amount=Decimal(2), key=uuid4(), by=cast.admin)
    with pytest.raises(transfers.InsufficientBalance):
        transfers.make(**asked | {"key": uuid4(), "amount": Decimal(10**6)})
    lines = [Line(cast.retail, Decimal(1)), Line(make_subaccount(cast.nile, "x"), Decimal(2))]
    told_before = told()
    batch = {"source": cast.nile, "lines": lines, "key": uuid4(), "by": cast.admin}
    for _twice in range(2):
        transfer_batches.make_many(**batch)
    one, back, _opened = told_before
    assert (one.action, one.account, one.about) == (A.TRANSFER_MADE, cast.nile, "rent")
    assert one.after == {"transfer": made.pk, "amount": "5.00", "to": "retail"}
    assert (back.action, back.after["reverses"]) == (A.TRANSFER_REVERSED, made.pk)
    [many] = told()
    assert (many.action, many.after["total"], many.after["count"]) == (A.TRANSFERS_MADE, "3.00", 2)


def test_alerts_with_who_is_told(cast, told):
    threshold = Decimal(100)
    alert = alerts.add(
        account=cast.nile, threshold=threshold, recipients=[cast.finance], by=cast.admin
    )
    changed = {"alert": alert, "threshold": threshold, "recipients": [cast.admin]}
    for _twice in range(2):
        alerts.change(**changed, by=cast.admin)
    for _twice in range(2):
        alerts.remove(alert=alert, by=cast.admin)
    rows = told()
    assert actions(rows) == [A.ALERT_ADDED, A.ALERT_CHANGED, A.ALERT_REMOVED]
    assert rows[1].before["recipients"] == ["finance@nile.example"]
    assert rows[1].after == {"threshold": "100.00", "recipients": ["admin@nile.example"]}


def test_what_operators_do_about_money(cast, told, client):
    payment, other = ask(cast.marketing), ask(cast.retail)
    asked = {"account": cast.marketing, "method": payment.method, "amount": Decimal(1500)}
    for key in [uuid4()] * 2:
        mine = payments.start(**asked, key=key, by=cast.marketing_admin)
    [started] = told()
    assert (started.action, started.actor) == (A.TOP_UP_STARTED, cast.marketing_admin)
    assert started.after["payment"] == mine.reference
    uploaded = take(
        cast, camt(entry("1500.00", payment.reference, bank="1"), entry("2.00", "?", bank="2"))
    )
    assert actions(told()) == [A.STATEMENT_UPLOADED]
    fact = Fact(What.PAID, reference="x", amount=Decimal(7), currency="EGP")
    settlement.learn_about(other, [fact])
    assert told() == []  # a gateway, and no person
    settlement.credit_arrival(other.arrivals.get(), by=cast.operator)
    refunds.request(
        payment=payment, amount=Decimal(3), reason="asked", key=uuid4(), by=cast.operator
    )
    for _twice in range(2):
        payments.cancel(mine, by=cast.marketing_admin)
    rows = told()
    assert actions(rows) == [
        A.REVIEW_CREDITED,
        A.REFUND_ASKED,
        A.TOP_UP_CANCELLED,
    ]
    assert (rows[1].actor, rows[1].about) == (cast.operator, "asked")
    for _twice in range(2):
        adjustments.make(
            account=cast.nile,
            amount=Decimal(4),
            reason="goodwill",
            reference="a-1",
            by=cast.operator,
        )
    assert actions(told()) == [A.ADJUSTED]
    line = uploaded.lines.get(bank_reference="2")
    bank_statements.assign(line, ask(cast.nile), by=cast.operator)
    assert actions(told())[-1] == A.BANK_LINE_ASSIGNED


def test_a_bank_transfer_that_was_confirmed_by_hand_names_who(cast, told, client):
    payment = ask(cast.marketing)
    told()
    client.force_login(cast.operator)
    where = address("bank-transfer-confirm", payment.pk)
    form = client.get(where).context["form"]
    page = client.get(where)
    data = {
        "key": form["key"].value(),
        "amount": "1500.00",
        "arrived_on": page.context["form"]["arrived_on"].value() or "2026-11-20",
        "shown": page.context["shown"],
        "note": "seen at the bank",
    }
    for _twice in range(2):
        client.post(where, data)
    rows = [row for row in told() if row.action != A.SIGNED_IN]
    assert actions(rows) == [A.BANK_TRANSFER_CONFIRMED]
    assert (rows[0].actor, rows[0].ip, rows[0].master) == (cast.operator, "127.0.0.1", cast.nile)


def test_who_edited_a_payment_method_and_how_it_was_before(cast, told):
    payment_methods.load()
    method = PaymentMethod.objects.filter(country="EG").first()
    was = method.min_amount
    for _twice in range(2):
        payment_methods.edit(
            method,
            shown=payment_methods.figures(method),
            by=cast.operator,
            min_amount=was + 1,
            is_enabled=True,
        )
    [row] = told()
    assert (row.action, row.actor, row.master) == (A.METHOD_EDITED, cast.operator, None)
    assert (row.before, row.after) == (
        {"min_amount": f"{was:.2f}"},
        {"min_amount": f"{was + 1:.2f}"},
    )
