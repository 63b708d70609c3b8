"""Who and what there is: companies, subaccounts, people, invitations, keys, and what they did."""

from __future__ import annotations

from urllib.parse import urlencode

from django.db.models import Prefetch, Q
from django.urls import reverse
from django.utils.translation import gettext as _

from accounts.audit_events import AuditEvent
from accounts.models import Account, ApiKey, Invitation, Membership, User
from reports.search.wanted import Group, Link, Result, Wanted, few, group, named, told_moment


def companies(wanted: Wanted) -> Group:
    """By how the code begins, or the words of the name."""
    rows = Account.objects.select_related("master")
    rows = named(rows, wanted, Q(code__startswith=wanted.text.lower()))

    def told(account: Account) -> Result:
        at = account.company.code
        if account.is_master:
            about = _("Company %(code)s, %(currency)s") % {
                "code": at,
                "currency": account.currency,
            }
            return Result(account.name, about, reverse("operator-account", args=[at]))
        about = _("Subaccount %(code)s of %(company)s") % {
            "code": account.code,
            "company": account.company.name,
        }
        return Result(account.name, about, reverse("subaccount-detail", args=[at, account.code]))

    return group(_("Companies and subaccounts"), few(rows.order_by("name", "pk")), told)


def people(wanted: Wanted) -> Group:
    """By how the address begins, or the words of the name; with the companies of each."""
    theirs = Membership.objects.select_related("account", "master").order_by("master__name", "pk")
    rows = named(User.objects.all(), wanted, Q(email__startswith=wanted.text.lower()))
    rows = rows.prefetch_related(Prefetch("memberships", theirs)).order_by("email")

    def told(person: User) -> Result:
        about = [person.email] if person.name else []
        if person.is_staff:
            about.append(_("Operator"))
        if not person.is_active:
            about.append(_("Not active"))
        links: list[Link] = []
        companies: dict[Account, list[str]] = {}
        for each in person.memberships.all():
            companies.setdefault(each.master, []).append(str(each.get_role_display()))
        for company, roles in companies.items():
            about.append(f"{company.name}: {', '.join(dict.fromkeys(roles))}")
            if person.is_active and not person.is_staff:
                links.append(
                    Link(
                        _("See %(company)s as they do") % {"company": company.name},
                        reverse("operator-view-as", args=[company.code, person.pk]),
                    )
                )
        first = next(iter(companies), None)
        href = _people_of(first, person.email) if first else ""
        return Result(person.name or person.email, " · ".join(about), href, links)

    return group(_("People"), few(rows), told)


def _people_of(company: Account, email: str) -> str:
    return f"{reverse('people-list', args=[company.code])}?{urlencode({'q': email})}"


def invitations(wanted: Wanted) -> Group:
    """By how the address begins."""
    rows = Invitation.objects.filter(email__startswith=wanted.text.lower())
    rows = rows.select_related("account", "master").order_by("email", "-pk")

    def told(invitation: Invitation) -> Result:
        state = invitation.get_ended_display() if invitation.ended else _("Open")
        if not invitation.ended and invitation.is_expired:
            state = _("Expired")
        about = f"{invitation.account.name} · {invitation.get_role_display()} · {state}"
        return Result(
            invitation.email, about, reverse("people-list", args=[invitation.master.code])
        )

    return group(_("Invitations"), few(rows), told)


def keys(wanted: Wanted) -> Group:
    """By how the public part begins."""
    rows = ApiKey.objects.none()
    if wanted.text.startswith("cck_"):
        rows = ApiKey.objects.filter(prefix__startswith=wanted.text).select_related("master")

    def told(key: ApiKey) -> Result:
        company = key.master
        about = [key.name, company.name if company else _("The whole platform")]
        about.append(_("Revoked") if key.revoked_at else _("Valid"))
        href = reverse("api-key-list", args=[company.code]) if company else ""
        return Result(key.prefix, " · ".join(about), href)

    return group(_("API keys"), few(rows.order_by("prefix")), told)


def audit(wanted: Wanted) -> Group:
    """By the id of the request."""
    rows = AuditEvent.objects.filter(request_id=wanted.text).exclude(request_id="")
    rows = rows.select_related("master", "actor").order_by("-at", "-pk")

    def told(event: AuditEvent) -> Result:
        about = [event.master.name if event.master else _("No company")]
        about += [event.actor.email] if event.actor else []
        about.append(told_moment(event.at))
        href = f"{reverse('operator-audit-log')}?{urlencode({'text': event.request_id})}"
        return Result(event.words, " · ".join(about), href)

    return group(_("Audit log"), few(rows), told)
