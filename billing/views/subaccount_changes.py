"""Suspend, restore, switch mode, close: each page says what will happen, then does it once.

All of them are safe to repeat: what is done already is said, and nothing is done again. Where
credit moves, the form carries the figures that were shown; when they are others by then, the page
shows the new ones and asks again.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import Count, F, Q, Sum
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from accounts import reauthentication
from accounts.access import Access, access_or_404, account_or_404
from accounts.models import Account, BalanceMode, State
from billing import caps, tree
from billing.account_forms import write_told
from billing.history import suspended_by_platform
from billing.ledger import StartAgain
from billing.models import Alert, Balance, Hold, HoldState
from billing.refusals import AccountClosed, FiguresChanged, Refused, SuspendedByPlatform
from billing.views.subaccounts import subaccount_or_404, to_account
from console import money

_page = require_http_methods(["GET", "HEAD", "POST"])


@_page
def subaccount_suspend(request: HttpRequest, company: str, code: str) -> HttpResponse:
    """Close the tap by hand."""
    return _set_state(request, company, code, State.SUSPENDED)


@_page
def subaccount_restore(request: HttpRequest, company: str, code: str) -> HttpResponse:
    """Open the tap again."""
    return _set_state(request, company, code, State.ACTIVE)


@_page
def subaccount_mode(request: HttpRequest, company: str, code: str) -> HttpResponse:
    """Switch to the other balance mode. ``to`` says which was asked for."""
    access = access_or_404(request.user, company)
    account = subaccount_or_404(access, code)
    access.require_manage()
    if request.method == "POST":
        wanted = request.POST.get("to")
        if wanted == account.balance_mode:
            messages.info(request, _already(account))
            return to_account(account)
        asked = reauthentication.ask(request)
        if asked is not None:
            return asked
        if wanted == BalanceMode.SHARED:
            return _give_up(
                request,
                access,
                account,
                preview=tree.preview_sharing,
                act=_share,
                page=_mode_page,
            )
        if wanted == BalanceMode.ALLOCATED:
            return _allocate(request, access, account)
        return _mode_page(request, access, account, status=422)
    return _mode_page(request, access, account)


@_page
def subaccount_close(request: HttpRequest, company: str, code: str) -> HttpResponse:
    """Close for good."""
    access = access_or_404(request.user, company)
    account = subaccount_or_404(access, code)
    access.require_manage()
    if request.method != "POST":
        return _close_page(request, access, account)
    if account.state == State.CLOSED:
        messages.info(request, _("%(name)s was closed already.") % {"name": account})
        return to_account(account)
    asked = reauthentication.ask(request)
    if asked is not None:
        return asked
    return _give_up(
        request, access, account, preview=tree.preview_closing, act=_close, page=_close_page
    )


def _set_state(request: HttpRequest, company: str, code: str, wanted: State) -> HttpResponse:
    access = access_or_404(request.user, company)
    account = account_or_404(access, code)
    if wanted == State.SUSPENDED:
        access.require_suspend(account)
    else:
        access.require_restore(account, by_platform=_is_platforms(account))
    if request.method != "POST":
        return _state_page(request, access, account, wanted)
    if access.user.is_staff:
        # As all that operators do.
        asked = reauthentication.ask(request)
        if asked is not None:
            return asked
    before = account.state
    verb = tree.suspend if wanted == State.SUSPENDED else tree.restore
    try:
        changed = verb(account=account, by=access.user)
    except SuspendedByPlatform as error:
        # An operator came first, a moment ago.
        raise PermissionDenied(error.message) from error
    except ValueError:
        # Closed, perhaps since the page was shown.
        refusal = AccountClosed(account=account.pk, name=account.name)
        return _state_page(request, access, account, wanted, refusal=refusal, status=422)
    except StartAgain:
        return _state_page(request, access, account, wanted, trouble=_try_again(), status=422)
    told = {
        (State.SUSPENDED, True): _("Suspended %(name)s."),
        (State.SUSPENDED, False): _("%(name)s was suspended already."),
        (State.ACTIVE, True): _("Restored %(name)s."),
        (State.ACTIVE, False): _("%(name)s was not suspended."),
    }
    say = messages.success if changed else messages.info
    if changed and before == wanted == State.SUSPENDED:
        say(request, _("From now on only the platform can restore %(name)s.") % {"name": account})
    else:
        say(request, told[wanted, changed] % {"name": account})
    account.master = access.company
    return to_account(account)


def _give_up(
    request: HttpRequest,
    access: Access,
    account: Account,
    *,
    preview: Callable[[Account], tree.Leaving],
    act: Callable[[HttpRequest, Access, Account, tree.Leaving], None],
    page: Callable[..., HttpResponse],
) -> HttpResponse:
    """Do what empties the account's own balance, if the figures are those that were shown."""
    leaving = preview(account)
    try:
        if leaving.refusal is not None:
            raise leaving.refusal
        if request.POST.get("told") != write_told(leaving):
            raise FiguresChanged(account=account.pk, name=account.name)
        act(request, access, account, leaving)
    except Refused as refusal:
        return page(request, access, account, refusal=refusal, status=422)
    except StartAgain:
        return page(request, access, account, trouble=_try_again(), status=422)
    return to_account(account)


def _share(request: HttpRequest, access: Access, account: Account, leaving: tree.Leaving) -> None:
    moved = tree.share(account=account, by=access.user, told=leaving.figures)
    if moved is None:
        messages.info(request, _already(account))
        return
    done = _("%(name)s now draws on the balance of %(company)s.") % {
        "name": account,
        "company": access.company,
    }
    messages.success(request, " ".join([done, *_told_moved(account, moved.credit)]))


def _close(request: HttpRequest, access: Access, account: Account, leaving: tree.Leaving) -> None:
    moved = tree.close(account=account, by=access.user, told=leaving.figures)
    if moved is None:
        messages.info(request, _("%(name)s was closed already.") % {"name": account})
        return
    done = _("Closed %(name)s.") % {"name": account}
    messages.success(request, " ".join([done, *_told_moved(account, moved.credit)]))


def _allocate(request: HttpRequest, access: Access, account: Account) -> HttpResponse:
    """Give it a balance of its own. No figures are at stake: nothing moves."""
    try:
        changed = tree.allocate(account=account, by=access.user)
    except Refused as refusal:
        return _mode_page(request, access, account, refusal=refusal, status=422)
    except StartAgain:
        return _mode_page(request, access, account, trouble=_try_again(), status=422)
    if changed:
        messages.success(
            request,
            _(
                "%(name)s now has a balance of its own, which starts at zero."
                " Transfer credit to it, so that it can spend."
            )
            % {"name": account},
        )
    else:
        messages.info(request, _already(account))
    return to_account(account)


def _state_page(
    request: HttpRequest,
    access: Access,
    account: Account,
    wanted: State,
    *,
    refusal: Refused | None = None,
    trouble: str = "",
    status: int = 200,
) -> HttpResponse:
    if refusal is None and account.state == State.CLOSED:
        refusal = AccountClosed(account=account.pk, name=account.name)
    # An operator can make the platform's what the company has suspended itself.
    takes_over = (
        wanted == State.SUSPENDED == account.state
        and access.user.is_staff
        and not _is_platforms(account)
    )
    template = {
        State.SUSPENDED: "billing/subaccount_suspend.html",
        State.ACTIVE: "billing/subaccount_restore.html",
    }[wanted]
    context = _context(access, account) | {
        "refusal": refusal,
        "trouble": trouble,
        "is_done": account.state == wanted and not takes_over,
        "takes_over": takes_over,
        "balance": _balance(account),
        "held": _held(account),
        "subaccount_count": access.accounts.subaccounts().count() if account.is_master else 0,
    }
    return render(request, template, context, status=status)


def _mode_page(
    request: HttpRequest, access: Access, account: Account, **told: Any
) -> HttpResponse:
    """What switching would do now. ``told``: refusal, trouble, status."""
    context = _context(access, account)
    balance = _balance(account)
    context |= _watched(balance)
    if account.is_shared:
        context["held"] = _held(account)
        refusal = told.get("refusal")
        if refusal is None and account.state == State.CLOSED:
            refusal = AccountClosed(account=account.pk, name=account.name)
        context["refusal"] = refusal
    else:
        context |= _leaving_context(balance, tree.preview_sharing(account), told)
    context["trouble"] = told.get("trouble")
    return render(request, "billing/subaccount_mode.html", context, status=told.get("status", 200))


def _close_page(
    request: HttpRequest, access: Access, account: Account, **told: Any
) -> HttpResponse:
    """What closing would do now. ``told``: refusal, trouble, status."""
    context = _context(access, account)
    balance = _balance(account)
    context |= _watched(balance)
    context |= _leaving_context(balance, tree.preview_closing(account), told)
    context["trouble"] = told.get("trouble")
    return render(
        request, "billing/subaccount_close.html", context, status=told.get("status", 200)
    )


def _leaving_context(own: Balance, leaving: tree.Leaving, told: dict[str, Any]) -> dict[str, Any]:
    """The figures as they are now; a refusal that no longer holds is said, but ends nothing."""
    said = told.get("refusal")
    return {
        "own": own,
        "leaving": leaving,
        "told": write_told(leaving),
        "refusal": leaving.refusal,
        "changed": said if leaving.refusal is None else None,
        "debt": -leaving.credit if leaving.credit < 0 else None,
        # What a transfer must bring so that nothing is owed: no part of a cent can be moved.
        "settle": -money.round_down(leaving.credit, own.account.decimals),
    }


def _context(access: Access, account: Account) -> dict[str, Any]:
    return {"access": access, "company": access.company, "account": account}


def _balance(account: Account) -> Balance:
    """The account's own balance, which knows its account."""
    found = Balance.objects.get(master=account.master_id, account=account)
    found.account = account
    return found


def _watched(balance: Balance) -> dict[str, Any]:
    """What else hangs on the account: how it stands with its cap, and how many alerts it has."""
    account = balance.account
    return {
        "cap_use": caps.uses(account.company, [balance]).get(account.pk),
        "alert_count": Alert.objects.filter(master=account.master_id, account=account).count(),
    }


def _held(account: Account) -> dict[str, Any]:
    """What open holds of the account, or carried by it, reserve: ``amount`` and ``count``."""
    mine = Q(account=account) | Q(holder=account)
    return Hold.objects.filter(mine, master=account.master_id, state=HoldState.OPEN).aggregate(
        amount=Sum(F("amount") - F("captured"), default=Decimal(0)), count=Count("id")
    )


def _is_platforms(account: Account) -> bool:
    """Whether it is suspended, and by the platform."""
    return account.state == State.SUSPENDED and suspended_by_platform(account)


def _already(account: Account) -> str:
    if account.is_shared:
        return _("%(name)s draws on the balance of %(company)s already.") % {
            "name": account,
            "company": account.company,
        }
    return _("%(name)s has a balance of its own already.") % {"name": account}


def _told_moved(account: Account, credit: Decimal) -> list[str]:
    """What went where, in a sentence; none where nothing did."""
    names = {
        "company": account.company,
        "currency": account.company.currency,
        "amount": money.format_amount(abs(credit), account.decimals),
    }
    if credit > 0:
        return [_("%(currency)s %(amount)s moved to %(company)s.") % names]
    if credit < 0:
        return [_("%(company)s took over its debt of %(currency)s %(amount)s.") % names]
    return []


def _try_again() -> str:
    return _("The balances were changing meanwhile, so nothing was done. Try again.")
