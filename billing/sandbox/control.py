"""What is turned by hand: by the buttons of the hosted page, and by tests (``/_control/...``)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from billing.sandbox import pages
from billing.sandbox.state import Faults, Sandbox
from billing.sandbox.wire import WireError, decode

LATE = 15.0  # seconds


def act(sandbox: Sandbox, session: str, action: str, form: dict[str, str]) -> str:
    """Do what a button of the page says; where to go then, empty for the page itself."""
    work = _BUTTONS.get(action)
    if work is None:
        raise WireError(404, "There is no such button.")
    goes_back = work(sandbox, session, form)
    if not goes_back:
        return ""
    address: str = sandbox.session(session)["success_url"]
    return address.replace("{CHECKOUT_SESSION_ID}", session)


def turn(sandbox: Sandbox, what: str, body: str) -> tuple[int, Any]:
    """Do what a test wants: a status, and what to say.

    ``faults`` sets those that are named and resets all others; ``deliveries`` lists;
    ``resend``, ``refund``, ``dispute/close`` and ``session`` (an action of the page) take ``id``.
    """
    try:
        form = decode(body)
        with sandbox.lock:
            return 200, _turn(sandbox, what, form)
    except WireError as error:
        return error.status, error.body
    except (KeyError, ValueError, TypeError) as error:
        return 400, {"error": {"message": f"{type(error).__name__}: {error}"}}


def _turn(sandbox: Sandbox, what: str, form: dict[str, Any]) -> Any:
    if what == "faults":
        kinds = {name: type(value) for name, value in vars(Faults()).items()}
        sandbox.faults = Faults(**{name: kinds[name](value) for name, value in form.items()})
        return vars(sandbox.faults)
    if what == "deliveries":
        return {"data": sandbox.post.listed()}
    if what == "resend":
        return {"sent": sandbox.post.again(form["id"])}
    if what == "refund":
        return sandbox.settle_refund(form["id"], form["status"])
    if what == "dispute/close":
        return sandbox.close_dispute(form["id"], form["status"])
    if what == "session":
        act(sandbox, form["id"], form["action"], form)
        return sandbox.session(form["id"])
    raise WireError(404, "There is nothing of this name to turn.")


def _pay(sandbox: Sandbox, session: str, form: dict[str, str]) -> bool:
    card = "".join(filter(str.isdigit, form.get("card", "")))
    if card == pages.DECLINED_CARD:
        sandbox.decline(session)
        return False
    if card == pages.CHALLENGE_CARD:
        sandbox.challenge(session)
        return False
    sandbox.pay(session)
    if card == pages.DISPUTED_CARD:
        sandbox.dispute(session)
    return True


def _later(sandbox: Sandbox, session: str, form: dict[str, str]) -> bool:
    before, sandbox.faults.late = sandbox.faults.late, LATE
    try:
        sandbox.pay(session)
    finally:
        sandbox.faults.late = before
    return True


def _fail_challenge(sandbox: Sandbox, session: str, form: dict[str, str]) -> bool:
    sandbox.decline(session, "Your bank could not confirm that it is you.")
    return False


def _plain(verb: Callable[..., Any], *, back: bool) -> Callable[..., bool]:
    def work(sandbox: Sandbox, session: str, form: dict[str, str]) -> bool:
        verb(sandbox, session)
        return back

    return work


_BUTTONS: dict[str, Callable[[Sandbox, str, dict[str, str]], bool]] = {
    "pay": _pay,
    "later": _later,
    "decline": _plain(Sandbox.decline, back=False),
    "challenge": _plain(Sandbox.challenge, back=False),
    "pass": _plain(Sandbox.pay, back=True),
    "fail": _fail_challenge,
    "promise": _plain(Sandbox.promise, back=True),
    "arrive": _plain(Sandbox.keep_promise, back=True),
    "break": _plain(Sandbox.break_promise, back=True),
    "dispute": _plain(Sandbox.dispute, back=True),
}
