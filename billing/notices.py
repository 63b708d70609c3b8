"""Notices: whose they are, what they say, and that somebody has seen them."""

from __future__ import annotations

from decimal import Decimal

from django.db.models import Prefetch, QuerySet
from django.utils import formats, timezone
from django.utils.translation import gettext as _

from accounts.access import Access
from accounts.models import Account, AccountQuerySet, User
from billing.models import OF_CAP, Happening, Notice, NoticeReader
from console import money

# What the navigation counts up to: then it says "9+".
COUNTED = 10


def visible(access: Access) -> QuerySet[Notice]:
    """The notices of the accounts that the person may see, the newest first.

    ``to_me`` of each has the person's own row, when it was meant for them.
    """
    mine = NoticeReader.objects.filter(user=access.user)
    return (
        Notice.objects.filter(master=access.company, account__in=access.accounts)
        .select_related("account")
        .prefetch_related(Prefetch("readers", queryset=mine, to_attr="to_me"))
        .order_by("-id")
    )


def count_unseen(access: Access) -> int:
    """How many notices the person was told of and has not seen, up to COUNTED. One query."""
    return _unseen(access)[:COUNTED].count()


def mark_seen(access: Access, *, upto: int | None = None, notice: Notice | None = None) -> int:
    """Note that the person has seen one notice, or all of the company up to this id.

    Returns how many were new to them; a second call changes nothing.
    """
    rows = _unseen(access)
    if notice is not None:
        rows = rows.filter(notice=notice)
    if upto is not None:
        rows = rows.filter(notice__lte=upto)
    return rows.update(seen_at=timezone.now())


def _unseen(access: Access) -> QuerySet[NoticeReader]:
    return NoticeReader.objects.filter(
        user=access.user,
        master=access.company,
        seen_at__isnull=True,
        notice__account__in=access.accounts,
    )


def may_read(user: User, notice: Notice) -> bool:
    """Whether the person may still see the account that the notice is about."""
    visible: AccountQuerySet = Account.objects.visible_to(user)
    return visible.filter(pk=notice.account_id).exists()


def headline(notice: Notice, company: Account, *, yours: bool = False) -> str:
    """What has happened, in a line: the account and the fact. ``yours``: for who asked for it."""
    words = _words(notice, company)
    if notice.what == Happening.CAP_NEAR:
        return _("%(name)s: %(percent)s %% of its %(currency)s %(cap)s spending cap used") % words
    if notice.what == Happening.CAP_OVER:
        return _("%(name)s: over its %(currency)s %(cap)s spending cap") % words
    if notice.available <= 0 and yours:
        return _("%(name)s: nothing left, below your %(currency)s %(threshold)s") % words
    if notice.available <= 0:
        return _("%(name)s: nothing left, below %(currency)s %(threshold)s") % words
    if notice.what == Happening.BELOW and yours:
        text = _(
            "%(name)s: %(currency)s %(available)s left, below your %(currency)s %(threshold)s"
        )
    elif notice.what == Happening.BELOW:
        text = _("%(name)s: %(currency)s %(available)s left, below %(currency)s %(threshold)s")
    elif yours:
        text = _(
            "%(name)s: %(currency)s %(available)s left,"
            " approaching your %(currency)s %(threshold)s"
        )
    else:
        text = _(
            "%(name)s: %(currency)s %(available)s left, approaching %(currency)s %(threshold)s"
        )
    return text % words


def consequence(notice: Notice, company: Account) -> str:
    """What follows from it, in a sentence or two."""
    words = _words(notice, company)
    if notice.what == Happening.CAP_NEAR and notice.cap_is_hard:
        return (
            _(
                "It can spend %(currency)s %(left)s more in %(month)s. What would pass the cap is"
                " refused until the month is over or the cap is raised."
            )
            % words
        )
    if notice.what == Happening.CAP_NEAR:
        return (
            _(
                "%(currency)s %(left)s is left of it for %(month)s. The cap only warns: nothing"
                " is refused."
            )
            % words
        )
    if notice.what == Happening.CAP_OVER and notice.cap_is_hard:
        return (
            _(
                "In %(month)s it has used %(currency)s %(over)s more than that, which was recorded"
                " past the cap on purpose. Further usage is refused until the month is over or the"
                " cap is raised."
            )
            % words
        )
    if notice.what == Happening.CAP_OVER:
        return (
            _(
                "In %(month)s it has used %(currency)s %(over)s more than that. The cap only"
                " warns: nothing is refused."
            )
            % words
        )
    if notice.available <= 0:
        return _("Its messages are refused until credit comes in.")
    return (
        _("Its messages stop when this is spent: top it up, or move credit to it, before that.")
        % words
    )


def _words(notice: Notice, company: Account) -> dict[str, str]:
    """The figures as they are written: what is left is rounded down."""
    decimals = company.decimals
    words = {"name": notice.account.name, "currency": company.currency}
    if notice.what in OF_CAP:
        cap, used = notice.cap or Decimal(0), notice.used or Decimal(0)
        words["cap"] = money.format_amount(cap, decimals)
        words["percent"] = str(int(used * 100 / cap)) if cap else "100"
        words["left"] = money.format_down(max(cap - used, Decimal(0)), decimals)
        words["over"] = money.format_amount(max(used - cap, Decimal(0)), decimals)
        words["month"] = formats.date_format(notice.month, "F Y") if notice.month else ""
    else:
        words["threshold"] = money.format_amount(notice.threshold or Decimal(0), decimals)
        words["available"] = money.format_down(notice.available, decimals)
    return words
