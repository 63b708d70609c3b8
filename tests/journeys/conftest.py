"""A real browser before a real server: Debian's Chromium, axe, and pictures to look at."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.base import AxeResults
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import ConsoleMessage, Page, expect

from accounts.models import User
from tests.factories import PASSWORD, code_of

SCREENSHOTS = Path(__file__).parents[2] / "var" / "screenshots"
# For people: five hundred of them take a minute, and where nobody looks nobody needs them.
TAKES_PICTURES = bool(os.environ.get("PICTURES"))
DESKTOP = {"width": 1280, "height": 900}
PHONE = {"width": 360, "height": 740}
# The levels that ui.md asks for, and what axe's authors hold good practice.
AXE = {
    "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    "resultTypes": ["violations"],
    # It would load the style sheets once more, and from the wrong address.
    "preload": False,
}


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    """Debian's Chromium, as root and with little shared memory too."""
    return browser_type_launch_args | {
        "executable_path": "/usr/bin/chromium",
        "args": ["--no-sandbox", "--disable-dev-shm-usage"],
    }


@pytest.fixture(scope="session")
def browser_context_args(browser_context_args: dict[str, Any]) -> dict[str, Any]:
    return browser_context_args | {
        "viewport": DESKTOP,
        "color_scheme": "light",
        "reduced_motion": "reduce",
        "locale": "en-GB",
    }


@pytest.fixture
def sign_in(live_server) -> Callable[[Page, User], None]:
    """Sign somebody in by the real page, from the address that a newcomer opens."""

    def sign_in(page: Page, user: User) -> None:
        page.goto(live_server.url)
        page.get_by_label(re.compile("e-?mail", re.I)).fill(user.email)
        page.get_by_label("Password", exact=True).fill(PASSWORD)
        page.get_by_role("button", name="Sign in", exact=True).click()
        if user.is_staff:
            page.get_by_label("Code").fill(code_of())
            page.get_by_role("button", name="Sign in", exact=True).click()
            # They begin with what waits, in a shell of its own.
            expect(page.get_by_label("Code")).to_have_count(0)
            return
        expect(page.get_by_role("navigation", name="Main").first).to_be_attached()

    return sign_in


@pytest.fixture
def authenticator() -> Callable[[Page], None]:
    """Give the page's browser a device that keeps passkeys and says yes."""

    def authenticator(page: Page) -> None:
        session = page.context.new_cdp_session(page)
        session.send("WebAuthn.enable")
        session.send(
            "WebAuthn.addVirtualAuthenticator",
            {
                "options": {
                    "protocol": "ctap2",
                    "transport": "internal",
                    "hasResidentKey": True,
                    "hasUserVerification": True,
                    "isUserVerified": True,
                    "automaticPresenceSimulation": True,
                }
            },
        )

    return authenticator


@pytest.fixture
def look(calm: list[str]) -> Callable[[Page, str], None]:
    """Let axe judge the page as it is in light, in dark and on a phone; PICTURES=1 keeps pictures.

    Nothing of the page may be wider than the window.
    """

    def look(page: Page, name: str) -> None:
        before = len(calm)
        if TAKES_PICTURES:
            SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        views = [("light", DESKTOP), ("dark", DESKTOP), ("phone", PHONE)]
        for view, size in views:
            page.set_viewport_size(size)
            page.emulate_media(color_scheme="dark" if view == "dark" else "light")
            wide = page.evaluate("() => document.documentElement.scrollWidth - innerWidth")
            assert wide <= 0, f"{name} ({view}) is {wide} px wider than the window"
            if TAKES_PICTURES:
                page.screenshot(path=SCREENSHOTS / f"{name}-{view}.png", full_page=True)
            found = _judged(page)
            assert found.violations_count == 0, f"{name} ({view}): {found.generate_report()}"
        page.set_viewport_size(DESKTOP)
        page.emulate_media(color_scheme="light")
        del calm[before:]

    return look


def _judged(page: Page) -> AxeResults:
    """As ``Axe().run``, which brings axe once more to a page that has it: a third of the time."""
    axe = Axe()
    if not page.evaluate("() => 'axe' in window"):
        page.evaluate(axe.axe_script)
    return AxeResults(page.evaluate("options => axe.run(document, options)", AXE))


@pytest.fixture
def calm(page: Page) -> Iterator[list[str]]:
    """Fail the test when scripts of a page did, or something of it was missing or forbidden.

    While ``look`` is at work nothing counts: axe brings styles that our policy refuses.
    """
    troubles: list[str] = []

    def note(said: ConsoleMessage) -> None:
        # HTMX calls it an error that a newer preview overtakes the last, and Chromium that a
        # refused form is answered with 422.
        expected = ("htmx:sendAbort", "htmx:afterRequest", "status of 422")
        if said.type == "error" and not said.text.startswith(expected[:2]):
            troubles.append(f"{said.text} {said.location['url']}")

    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.on("console", note)
    yield troubles
    assert [trouble for trouble in troubles if "status of 422" not in trouble] == []
