"""The mail that says that a file is ready, for whoever has left the page."""

from __future__ import annotations

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.http import Http404
from django.template.loader import render_to_string
from django.utils import translation
from django.utils.translation import gettext as _

from accounts.access import access_or_404
from billing.locking import clock
from reports.export_jobs import may_fetch
from reports.models import Export, ExportState


def send(export_id: str) -> bool:
    """Mail the owner that the file is ready; whether a mail went out.

    None goes to who may not fetch it any more, or about a file that is gone; a second call sends
    none. Raises what handing a mail over raises: then it may be called again. One that was handed
    over in the moment in which the process dies goes out again.
    """
    export = Export.objects.select_related("master", "user").filter(pk=export_id).first()
    if export is None or export.state != ExportState.READY or export.mailed_at is not None:
        return False
    try:
        access = access_or_404(export.user, export.master.code)
    except Http404:
        return False
    if not may_fetch(export, access):
        return False
    with translation.override(export.language):
        subject = _("Your export is ready: %(file)s") % {"file": export.file_name}
        context = {
            "export": export,
            "company": export.master,
            "headline": _("Your export is ready"),
            "url": settings.BASE_URL + export.get_absolute_url(),
        }
        mail = EmailMultiAlternatives(
            subject=subject,
            body=render_to_string("reports/mail/export.txt", context),
            to=[export.user.email],
        )
        mail.attach_alternative(render_to_string("reports/mail/export.html", context), "text/html")
    mail.send()
    Export.objects.filter(pk=export.pk).update(mailed_at=clock())
    return True
