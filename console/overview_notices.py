"""What needs attention: in plain words, gravest first."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import NamedTuple

from django.urls import reverse
from django.utils import formats
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.access import Access
from accounts.models import Account
from console import money
from console.overview_figures import Line, Tree

# As many accounts in the same trouble have a notice each; more have one together.
NAMED = 2
ATTENTION = "attention"


class Notice(NamedTuple):
    """Something to act on, in plain words."""

    kind: str
    title: str
    text: str
    href: str = ""
    action: str = ""


def notices_of(access: Access, tree: Tree) -> list[Notice]:
    """What to act on, gravest first: the master account, then the subaccounts."""
    company = access.company
    notices = []
    if tree.master and tree.master.needs_attention:
        notices.append(_about_master(access, tree.master))
    for state in ("suspended", "restricted", "low"):
        lines = [line for line in tree.subaccounts if line.state == state and line.needs_attention]
        if state == "suspended" and tree.master and tree.master.state == state:
            continue  # With its company, which has been said.
        if len(lines) > NAMED:
            notices.append(_about_many(company, state, len(lines)))
        else:
            notices += [_about_one(access, line) for line in lines]
    for trouble in ("reached", "passed", "near"):
        lines = [line for line in tree.subaccounts if line.cap_trouble == trouble]
        if len(lines) > NAMED:
            notices.append(_about_many(company, trouble, len(lines)))
        else:
            notices += [_about_cap(company, line, tree.month) for line in lines]
    return sorted(notices, key=lambda notice: notice.kind != "danger")


def _about_master(access: Access, line: Line) -> Notice:
    company, offer = access.company, _top_up(access, line.account)
    if line.state == "suspended":
        return Notice(
            "danger",
            _("%(name)s is suspended.") % {"name": company.name},
            _("No account of the company can send until it is restored. Its credit stays."),
        )
    if line.state == "restricted":
        fresh = line.balance.last_seq == 0
        title = _("There is nothing to spend yet.") if fresh else _("Your balance is used up.")
        return Notice("danger", title, _used_up(company, line), **offer)
    return Notice(
        "warning",
        _("Your balance is running low."),
        _("You can spend %(amount)s more before messages stop.")
        % {"amount": _money(line.balance.available, company)},
        **offer,
    )


def _about_one(access: Access, line: Line) -> Notice:
    company, names = access.company, {"name": line.account.name}
    # An admin of the company has its credit at hand; the account's own people can pay, or ask.
    offer, ask = _top_up(access, line.account), ""
    if access.can_transfer:
        new = reverse("transfer-new", args=[company.code])
        offer = {"href": f"{new}?to={line.account.pk}", "action": _("Transfer credit")}
    elif not access.user.is_staff:
        ask = _ask(company)
    if line.state == "suspended":
        return Notice(
            "danger",
            _("%(name)s is suspended.") % names,
            _("It can send nothing until it is restored. Its credit stays."),
        )
    if line.state == "restricted":
        title = _("%(name)s has nothing to spend.") % names
        return Notice("danger", title, _sentences(_used_up(company, line), ask), **offer)
    return Notice(
        "warning",
        _("%(name)s is running low.") % names,
        _sentences(
            _("It can spend %(amount)s more before its messages stop.")
            % {"amount": _money(line.balance.available, company)},
            ask,
        ),
        **offer,
    )


def _top_up(access: Access, account: Account) -> dict[str, str]:
    """The way to pay money in to the account, for those who may."""
    if not access.can_top_up(account):
        return {}
    new = reverse("payment-new", args=[access.company.code])
    return {"href": f"{new}?account={account.pk}", "action": _("Top up")}


def _ask(company: Account) -> str:
    return _("Ask an admin of %(company)s to transfer credit.") % {"company": company.name}


def _sentences(*sentences: str) -> str:
    """What is said of them, one after the other."""
    return " ".join(filter(None, sentences))


def _about_many(company: Account, state: str, count: int) -> Notice:
    counted = {
        "suspended": ngettext(
            "%(count)d subaccount is suspended.", "%(count)d subaccounts are suspended.", count
        ),
        "restricted": ngettext(
            "%(count)d subaccount has nothing to spend.",
            "%(count)d subaccounts have nothing to spend.",
            count,
        ),
        "low": ngettext(
            "%(count)d subaccount is running low.", "%(count)d subaccounts are running low.", count
        ),
        "reached": ngettext(
            "%(count)d subaccount has used up its spending cap.",
            "%(count)d subaccounts have used up their spending caps.",
            count,
        ),
        "passed": ngettext(
            "%(count)d subaccount has reached its spending cap.",
            "%(count)d subaccounts have reached their spending caps.",
            count,
        ),
        "near": ngettext(
            "%(count)d subaccount has nearly used up its spending cap.",
            "%(count)d subaccounts have nearly used up their spending caps.",
            count,
        ),
    }
    then = {
        "suspended": _("They can send nothing until they are restored."),
        "restricted": _("Their messages stop until they receive credit."),
        "low": _("Their messages will stop soon."),
        "reached": _("Their messages are refused until next month or until the caps are raised."),
        "passed": _("These caps only warn: their messages go on."),
        "near": _("What would pass a hard cap will be refused."),
    }
    return Notice(
        "warning" if state in {"low", "passed", "near"} else "danger",
        counted[state] % {"count": count},
        then[state],
        f"{reverse('overview', args=[company.code])}?show={ATTENTION}#subaccount-table",
        _("Show them"),
    )


def _used_up(company: Account, line: Line) -> str:
    if line.past_limit:
        return _(
            "Messages are refused until it receives more than the %(amount)s by which it is past"
            " its limit."
        ) % {"amount": _money(line.past_limit, company)}
    return _("Messages are refused until it receives credit.")


def _money(amount: Decimal, company: Account) -> str:
    """An amount in a sentence, rounded down: EGP 1,650.50."""
    return f"{company.currency} {money.format_down(amount, company.decimals)}"


def _about_cap(company: Account, line: Line, month: date) -> Notice:
    """What an account has used of its cap: spent, and reserved by open holds."""
    cap = line.cap
    if cap is None:
        raise ValueError("the account has no spending cap")
    names = {"name": line.account.name}
    facts = {
        "used": _exact(cap.used, company),
        "cap": _exact(cap.cap, company),
        "month": formats.date_format(month, "F"),
        "next": formats.date_format((month + timedelta(days=31)).replace(day=1), "j F"),
        "percent": cap.percent,
    }
    at = reverse("subaccount-detail", args=[company.code, line.account.code])
    used = _("%(used)s of %(cap)s used in %(month)s, open holds included.") % facts
    if line.cap_trouble == "reached" and not cap.cap:
        title = _("%(name)s has a spending cap of zero.") % names
        return Notice("danger", title, _("All its messages are refused."), at, _("Look at it"))
    if line.cap_trouble == "reached":
        then = _("Its messages are refused until %(next)s, or until the cap is raised.") % facts
        title = _("%(name)s has used up its spending cap.") % names
        return Notice("danger", title, _sentences(used, then), at, _("Look at it"))
    if line.cap_trouble == "passed":
        verb = _("%(name)s has passed its spending cap.")
        title = (verb if cap.is_over else _("%(name)s has reached its spending cap.")) % names
        then = _("The cap only warns: its messages go on.")
        return Notice("warning", title, _sentences(used, then), at, _("Look at it"))
    title = _("%(name)s has used %(percent)d %% of its spending cap.") % (names | facts)
    return Notice("warning", title, used, at, _("Look at it"))


def _exact(amount: Decimal, company: Account) -> str:
    """An amount in a sentence as it is in the books."""
    return f"{company.currency} {money.format_amount(amount, company.decimals)}"
