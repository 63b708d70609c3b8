"""The audit log in a browser: what was done a moment ago stands there, with who and from where."""

from __future__ import annotations

from decimal import Decimal
from uuid import uuid4

import pytest
from playwright.sync_api import Page, expect

from billing import caps, limits, payment_methods, transfers, tree
from billing.models import PaymentMethod

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def busy_day(cast):
    payment_methods.load()
    limits.change(account=cast.nile, limit=Decimal(5000), reason="Agreed", by=cast.operator)
    caps.change(account=cast.otp, cap=Decimal(750), by=cast.admin)
    tree.rename(account=cast.retail, name="Retail branches and kiosks", by=cast.admin)
    transfers.make(
        source=cast.nile,
        destination=cast.marketing,
        amount=Decimal("250.50"),
        key=uuid4(),
        by=cast.admin,
        note="November campaign",
    )
    method = PaymentMethod.objects.filter(country="EG").order_by("position").first()
    payment_methods.edit(
        method,
        shown=payment_methods.figures(method),
        by=cast.operator,
        max_amount=method.max_amount * 2,
    )


def test_an_admin_finds_who_moved_credit(page: Page, cast, busy_day, live_server, sign_in, look):
    sign_in(page, cast.admin)
    page.get_by_role("link", name="Audit log").first.click()
    main = page.get_by_role("main")
    expect(main).to_contain_text("Signed in")
    expect(main).to_contain_text("Credit limit changed")
    expect(main).not_to_contain_text("operator@platform.example")
    look(page, "audit-log")
    page.get_by_label("What").select_option(label="Transfer made")
    page.get_by_role("button", name="Filter").click()
    expect(main).to_contain_text("250.50")
    expect(page.get_by_role("table")).not_to_contain_text("Account opened")
    page.get_by_label("From day").evaluate("field => { field.type = 'text'; field.value = 'x' }")
    page.get_by_role("button", name="Filter").click()
    expect(main).to_contain_text("Write the day as year-month-day")
    look(page, "audit-log-bad")


def test_an_operator_sees_who_edited_a_payment_method(
    page: Page, cast, busy_day, live_server, sign_in, look
):
    sign_in(page, cast.operator)
    page.goto(f"{live_server.url}/operator/audit/")
    main = page.get_by_role("main")
    expect(main).to_contain_text("Payment method edited")
    expect(main).to_contain_text("operator@platform.example")
    look(page, "operator-audit-log")
