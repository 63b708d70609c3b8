"""What a role means, in a sentence: in mails, beside a choice, and to who is invited."""

from __future__ import annotations

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from accounts.models import Role

ABOUT: dict[Role, str | Promise] = {
    Role.MEMBER: _("Sees the subaccount, and tops it up where it has a balance of its own."),
    Role.SUBACCOUNT_ADMIN: _("As a member, and sets its alerts and invites people to it."),
    Role.FINANCE: _("Sees the whole company and all its books, and changes nothing."),
    Role.MASTER_ADMIN: _(
        "Sees and does everything in the company, and invites people to all of it."
    ),
}
