"""A second factor in a real browser: an app, a passkey, and what asks for them."""

from __future__ import annotations

import re

from allauth.mfa.models import Authenticator
from playwright.sync_api import expect

from accounts import sign_in_rules
from tests.factories import PASSWORD, code_of


def sign_out(page) -> None:
    page.goto(re.match(r"https?://[^/]+", page.url)[0] + "/auth/logout/")
    page.get_by_role("button", name="Sign out").first.click()


def test_an_app_and_a_passkey_sign_in_and_prove(
    page, cast, live_server, look, settings, authenticator
) -> None:
    # Passkeys belong to a name, not to a number.
    base = live_server.url.replace("127.0.0.1", "localhost")
    page.goto(base)
    look(page, "sign-in")
    page.get_by_label("E-mail address").fill(cast.admin.email)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.get_by_role("link", name="Security").first.click()
    look(page, "security-without")
    page.get_by_role("link", name="Set up an authenticator app").click()
    look(page, "second-factor-app")
    secret = page.locator(".secret").inner_text()
    page.get_by_label("Code").fill("1")
    page.get_by_role("button", name="Set up").click()
    expect(page.get_by_text("The code is wrong").first).to_be_visible()
    page.get_by_label("Code").fill(code_of(secret))
    page.get_by_role("button", name="Set up").click()
    expect(page.get_by_text("The authenticator app is set up.")).to_be_visible()
    look(page, "recovery-codes")
    with page.expect_download() as file:
        page.get_by_role("link", name="Download").click()
    assert len(file.value.path().read_text().split()) == 10

    authenticator(page)
    page.goto(f"{base}/auth/security/")
    page.get_by_role("link", name="Add a passkey").click()
    look(page, "passkey-new")
    page.get_by_label("Name").fill("My laptop")
    page.get_by_role("button", name="Add a passkey").click()
    expect(page.get_by_text("The passkey is added.")).to_be_visible()
    expect(page.get_by_text("Passkey: My laptop")).to_be_visible()
    look(page, "security")
    assert Authenticator.objects.filter(user=cast.admin).count() == 3

    sign_out(page)
    page.get_by_role("button", name="Sign in with a passkey").click()
    expect(page.get_by_role("navigation", name="Main").first).to_be_attached()

    # The second step after a password, by passkey and by code.
    sign_out(page)
    page.get_by_label("E-mail address").fill(cast.admin.email)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    look(page, "second-step")
    page.get_by_role("button", name="Use a passkey").click()
    expect(page.get_by_role("navigation", name="Main").first).to_be_attached()

    page.goto(f"{base}/accounts/nile/security/")
    page.get_by_label("Everyone needs a second factor").check()
    page.get_by_label("Confirm transfers above").fill("1,000")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("alert")).to_be_visible()
    look(page, "sign-in-rules-refused")
    page.get_by_label("Confirm transfers above").fill("50")
    # Nobody waits ten minutes: from now on a proof is good for no time at all.
    settings.ACCOUNT_REAUTHENTICATION_TIMEOUT = 0
    page.get_by_role("button", name="Save").click()
    page.get_by_role("link", name="Use a passkey instead").click()
    look(page, "confirm-by-passkey")
    settings.ACCOUNT_REAUTHENTICATION_TIMEOUT = 600
    page.get_by_role("button", name="Use a passkey").click()
    expect(page.get_by_text("Saved the rules of sign-in.")).to_be_visible()
    look(page, "sign-in-rules")


def test_a_large_transfer_asks_for_the_password_and_comes_back(
    page, cast, live_server, sign_in, look, settings, calm
) -> None:
    sign_in_rules.change(company=cast.nile, needs_second_factor=False, confirm_above=50)
    sign_in(page, cast.admin)
    # Nobody waits ten minutes: from now on a proof is good for no time at all.
    settings.ACCOUNT_REAUTHENTICATION_TIMEOUT = 0
    page.goto(
        f"{live_server.url}/accounts/nile/transfers/new/"
        f"?amount=60&from={cast.nile.pk}&to={cast.marketing.pk}&note=rent"
    )
    page.get_by_role("button", name=re.compile("^Transfer")).click()
    expect(page.get_by_role("heading", name="Confirm that it is you")).to_be_visible()
    look(page, "confirm-it-is-you")
    settings.ACCOUNT_REAUTHENTICATION_TIMEOUT = 600
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Confirm").click()
    expect(page.get_by_text("Moved EGP 60.00").first).to_be_visible()
    assert "/transfers/" in page.url
