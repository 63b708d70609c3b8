"""Alerts: set a threshold, spend past it, read the mail and the notice; and without JavaScript."""

from __future__ import annotations

import re
from decimal import Decimal
from pathlib import Path

import pytest
from django.core import mail
from playwright.sync_api import Browser, Page, expect

from accounts.models import Account
from billing import alerts, caps, charges, holds, notice_mails
from billing.models import Alert, Notice
from tests.factories import set_limit

pytestmark = pytest.mark.django_db(transaction=True)


def heading(page: Page, text: str) -> None:
    expect(page.get_by_role("heading", level=1)).to_have_text(text)


def follow(page: Page, name: str | re.Pattern[str]) -> None:
    with page.expect_navigation(wait_until="load"):
        page.get_by_role("navigation", name="Main").get_by_role("link", name=name).click()


def spend(account: Account, amount: str, reference: str) -> None:
    charges.charge(account=account, amount=Decimal(amount), reference=reference)


def mail_notices() -> None:
    """What the worker does: ``tests.billing.test_notice_mails`` has it do so itself."""
    for pk in Notice.objects.order_by("id").values_list("pk", flat=True):
        notice_mails.send(pk)


def test_an_admin_sets_a_threshold_and_is_told_when_it_is_crossed(
    page: Page, cast, live_server, sign_in, look, settings, tmp_path: Path
):
    settings.BASE_URL = live_server.url
    sign_in(page, cast.admin)
    follow(page, "Alerts")
    heading(page, "Alerts")
    look(page, "alerts-empty")

    page.get_by_role("link", name="New alert").click()
    heading(page, "New alert")
    look(page, "alert-account")
    page.get_by_role("combobox", name="Account").click()
    page.get_by_role("option", name=re.compile("Marketing")).click()
    page.get_by_role("button", name="Continue").click()
    heading(page, "New alert for Marketing")
    page.get_by_label("Threshold").fill("1,000")
    page.get_by_label("admin@nile.example · Master admin").uncheck()
    page.get_by_role("button", name="Set the alert").click()
    problem = page.get_by_role("alert").filter(has_text="There is a problem")
    expect(problem).to_contain_text("without commas")
    expect(problem).to_contain_text("Choose at least one person.")
    expect(page.get_by_label("Threshold")).to_have_value("1,000")
    look(page, "alert-new-refused")
    page.get_by_label("Threshold").fill("250")
    page.get_by_label("admin@nile.example · Master admin").check()
    page.get_by_label("member@nile.example · Member").check()
    look(page, "alert-new")
    page.get_by_role("button", name="Set the alert").dblclick()
    heading(page, "Alerts")
    assert Alert.objects.count() == 1
    expect(page.get_by_role("region", name="Thresholds").first).to_contain_text("250.00")

    # More alerts, spending past two of them, a cap, and one that rests.
    set_limit(cast.retail, "100")
    alerts.add(account=cast.nile, threshold=Decimal(8000), recipients=[cast.admin, cast.finance])
    alerts.add(account=cast.retail, threshold=Decimal(60), recipients=[cast.finance])
    caps.change(account=cast.otp, cap=Decimal(500), is_hard=False)
    holds.hold(account=cast.retail, amount=Decimal(35), reference="campaign")
    spend(cast.marketing, "250", "m-1")
    spend(cast.marketing, "130.0025", "m-2")
    spend(cast.otp, "420", "otp-1")
    page.reload()
    link = page.get_by_role("navigation", name="Main").get_by_role("link", name="Alerts")
    expect(link).to_contain_text("3")
    notices = page.get_by_role("region", name="Notices")
    expect(notices).to_contain_text("Marketing: EGP 119.99 left, below EGP 250.00")
    expect(notices).to_contain_text("OTP and security: 84 % of its EGP 500.00 spending cap used")
    mail_notices()
    page.reload()
    look(page, "alerts")

    # The mail, as a browser shows it; its button leads to the transfer.
    messages = [each for each in mail.outbox if each.to == [cast.admin.email]]
    below = next(each for each in messages if "below" in each.subject)
    assert below.subject == "Marketing: EGP 119.99 left, below your EGP 250.00"
    letter = tmp_path / "mail.html"
    letter.write_text(below.alternatives[0][0])
    page.goto(letter.as_uri())
    look(page, "alert-mail")
    page.get_by_role("link", name="Transfer credit to it").click()
    heading(page, "New transfer")
    expect(page.get_by_role("combobox", name="To")).to_have_value(re.compile("Marketing"))

    # Seen one by one, then all.
    follow(page, re.compile("Alerts"))
    page.get_by_role("button", name=re.compile("^Seen ?: Marketing: EGP 119")).click()
    expect(link).to_contain_text("2")
    page.get_by_role("button", name="Mark all as seen").click()
    expect(link).to_have_text("Alerts")
    expect(page.get_by_role("button", name=re.compile("Seen"))).to_have_count(0)

    # Changed and removed.
    page.get_by_role("link", name=re.compile("Change ?: Marketing, 250")).click()
    heading(page, "Change the alert of Marketing")
    page.get_by_label("Threshold").fill("100")
    page.get_by_role("button", name="Save the alert").click()
    expect(page.get_by_role("status").first).to_contain_text("approaching it already")
    page.get_by_role("link", name=re.compile("Remove ?: Marketing, 100")).click()
    look(page, "alert-delete")
    page.get_by_role("button", name="Remove the alert").click()
    expect(page.get_by_role("status").first).to_contain_text("Removed the alert of Marketing.")
    assert Alert.objects.filter(account=cast.marketing).count() == 0


def test_a_member_of_a_shared_account_sees_what_is_theirs(
    page: Page, cast, live_server, sign_in, look
):
    alerts.add(account=cast.nile, threshold=Decimal(9900), recipients=[cast.admin])
    caps.change(account=cast.otp, cap=Decimal(500), is_hard=False)
    spend(cast.otp, "520", "otp-1")
    sign_in(page, cast.otp_member)
    follow(page, "Alerts")
    main = page.get_by_role("main")
    expect(main).to_contain_text("OTP and security: over its EGP 500.00 spending cap")
    expect(main).not_to_contain_text("9,480")
    expect(main).not_to_contain_text("9,900")
    look(page, "alerts-member")


def test_without_javascript_too(
    browser: Browser, browser_context_args, cast, live_server, sign_in
):
    with browser.new_context(**browser_context_args, java_script_enabled=False) as context:
        page = context.new_page()
        sign_in(page, cast.admin)
        follow(page, "Alerts")
        page.get_by_role("link", name="New alert").click()
        page.get_by_label("Account").select_option(str(cast.retail.pk))
        page.get_by_role("button", name="Continue").click()
        page.get_by_label("Threshold").fill("8")
        page.get_by_role("button", name="Set the alert").click()
        expect(page.get_by_role("main")).to_contain_text("stands at EGP 8.00.")
        spend(cast.retail, "15", "r-1")
        page.reload()
        expect(page.get_by_role("main")).to_contain_text("Retail branches: EGP 5.50 left")
        page.get_by_role("button", name="Mark all as seen").click()
        expect(page.get_by_role("button", name="Mark all as seen")).to_have_count(0)
