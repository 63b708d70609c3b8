"""People of a company: the list, another role, and removing somebody."""

from __future__ import annotations

import re
from typing import Any

from django.contrib import messages
from django.core.paginator import EmptyPage, Paginator
from django.db.models import Case, CharField, F, Q, QuerySet, Value, When
from django.db.models.functions import Coalesce, Lower, NullIf
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_safe

from accounts import invitations, people, reauthentication
from accounts.access import Access, access_or_404, roles_in
from accounts.models import MASTER_ROLES, Membership, Role
from accounts.people_forms import PeopleSearchForm, RoleForm
from accounts.refusals import Refused
from accounts.second_factor import people_with_one
from console.htmx import render_page_or_fragment

PAGE_SIZE = 50

_page = require_http_methods(["GET", "HEAD", "POST"])


@require_safe
def people_list(request: HttpRequest, company: str) -> HttpResponse:
    """Who belongs to the company, as far as the person may see, and who is invited.

    ``q`` searches, ``page`` is of the people. A bad search shows its error and nobody.
    """
    access = access_or_404(request.user, company)
    access.require_people()
    form = PeopleSearchForm(request.GET)
    found = _sorted(access.people)
    found = _matching(found, form.cleaned_data["q"]) if form.is_valid() else found.none()
    paginator = Paginator(found, PAGE_SIZE)
    number = _number_or_404(request.GET.get("page", "1"))
    try:
        page = paginator.page(number)
    except EmptyPage:
        page = paginator.page(paginator.num_pages)
    count = paginator.count
    context = {
        "access": access,
        "company": access.company,
        "form": form,
        "searched": bool(form.is_valid() and form.cleaned_data["q"]),
        "page": page,
        "rows": _rows(access, list(page)),
        "invitations": [
            {"invitation": each, "can_change": access.can_invite(each.account_id)}
            for each in invitations.visible(access)
        ],
        "news": ngettext("%(count)d role", "%(count)d roles", count) % {"count": count},
    }
    return render_page_or_fragment(
        request, "accounts/people_list.html", "accounts/_people_table.html", context
    )


@_page
def person_role(request: HttpRequest, company: str, pk: int) -> HttpResponse:
    """Another role for the person at the account. Sent twice it changes nothing more."""
    access = access_or_404(request.user, company)
    access.require_people()
    membership = _changeable_or_404(access, pk)
    if membership is None:
        return _gone(request, access)
    form = RoleForm(membership.account, initial={"role": membership.role})
    if request.method == "POST":
        form = RoleForm(membership.account, request.POST)
        if form.is_valid():
            asked = reauthentication.ask(request)
            if asked is not None:
                return asked
            try:
                done = people.change_role(
                    company=access.company,
                    membership=pk,
                    role=form.cleaned_data["role"],
                    by=access.user,
                )
            except people.PersonGone:
                return _gone(request, access)
            except Refused as refusal:
                form.add_error(refusal.field, refusal.message)
            else:
                messages.success(
                    request,
                    _("%(person)s has a role at %(account)s now: %(role)s.")
                    % (_words(membership) | {"role": form.cleaned_data["role"].label}),
                )
                return _back(request, access, done)
    context = _context(access, membership) | {"form": form}
    return render(request, "accounts/person_role.html", context, status=_status(form))


@_page
def person_remove(request: HttpRequest, company: str, pk: int) -> HttpResponse:
    """Say what will happen, and remove the person from the account. Sent twice: once."""
    access = access_or_404(request.user, company)
    access.require_people()
    membership = _changeable_or_404(access, pk)
    if membership is None:
        return _gone(request, access)
    trouble = ""
    if request.method == "POST":
        asked = reauthentication.ask(request)
        if asked is not None:
            return asked
        try:
            done = people.remove(company=access.company, membership=pk, by=access.user)
        except people.PersonGone:
            return _gone(request, access)
        except Refused as refusal:
            trouble = refusal.message
        else:
            messages.success(
                request, _("%(person)s no longer belongs to %(account)s.") % _words(membership)
            )
            return _back(request, access, done)
    context = _context(access, membership) | {"trouble": trouble}
    return render(request, "accounts/person_remove.html", context, status=422 if trouble else 200)


def _sorted(found: QuerySet[Membership]) -> QuerySet[Membership]:
    """By name, or address where there is none; a person's roles together, the company's first."""
    return (
        found.filter(user__is_active=True)
        .select_related("user", "account")
        .annotate(
            called=Lower(
                Coalesce(NullIf("user__name", Value("")), "user__email", output_field=CharField())
            ),
            below=Case(When(account=F("master"), then=0), default=1),
        )
        .order_by("called", "user", "below", Lower("account__name"), "pk")
    )


def _matching(found: QuerySet[Membership], text: str) -> QuerySet[Membership]:
    for word in text.split():
        found = found.filter(
            Q(user__name__icontains=word)
            | Q(user__email__icontains=word)
            | Q(account__name__icontains=word)
            | Q(account__code__icontains=word)
        )
    return found


def _rows(access: Access, found: list[Membership]) -> list[dict[str, Any]]:
    """The lines of the page; two queries for all of them."""
    users = {each.user_id for each in found}
    of_master = set(
        Membership.objects.filter(
            master=access.company, user__in=users, role__in=MASTER_ROLES
        ).values_list("user", flat=True)
    )
    secured = people_with_one(users)
    return [
        {
            "membership": each,
            "is_me": each.user_id == access.user.pk,
            "has_second_factor": each.user_id in secured,
            "role": Role(each.role),
            "can_change": access.can_change_person(
                each.account_id, of_master=each.user_id in of_master
            ),
        }
        for each in found
    ]


def _changeable_or_404(access: Access, pk: int) -> Membership | None:
    """The membership; None when it was one that is no more, for who could have seen it.

    Foreign ones are 404; PermissionDenied for one that may be seen but not changed.
    """
    found = access.people.select_related("user", "account").filter(pk=pk).first()
    if found is None:
        if access.can_invite_any and not Membership.objects.filter(pk=pk).exists():
            return None
        raise Http404
    found.account.master = access.company
    of_master = access.company.pk in roles_in(found.user, access.company)
    access.require_change_person(found.account_id, of_master=of_master)
    return found


def _gone(request: HttpRequest, access: Access) -> HttpResponse:
    if request.method != "POST":
        raise Http404
    messages.info(request, people.PersonGone().message)
    return redirect("people-list", company=access.company.code)


def _back(request: HttpRequest, access: Access, done: people.Change) -> HttpResponse:
    """To the list; or to where one still may go, for who has just given away their own role."""
    if done.withdrawn:
        messages.info(
            request,
            ngettext(
                "%(count)d open invitation of theirs was withdrawn with it.",
                "%(count)d open invitations of theirs were withdrawn with it.",
                done.withdrawn,
            )
            % {"count": done.withdrawn},
        )
    if done.membership.user_id == access.user.pk:
        return redirect("home")
    return redirect("people-list", company=access.company.code)


def _words(membership: Membership) -> dict[str, str]:
    return {"person": str(membership.user), "account": membership.account.name}


def _context(access: Access, membership: Membership) -> dict[str, Any]:
    return {
        "access": access,
        "company": access.company,
        "membership": membership,
        "person": membership.user,
        "account": membership.account,
        "is_me": membership.user_id == access.user.pk,
    }


def _status(form: RoleForm) -> int:
    return 422 if form.errors else 200


def _number_or_404(text: str) -> int:
    if not re.fullmatch(r"[1-9][0-9]{0,8}", text, re.ASCII):
        raise Http404
    return int(text)
