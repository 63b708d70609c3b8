"""Pages of the demo's mailbox. Anybody may read them, so they are 404 wherever it is no demo."""

from __future__ import annotations

from csp.constants import NONE, SELF, UNSAFE_INLINE
from csp.decorators import csp_replace
from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.clickjacking import xframe_options_sameorigin
from django.views.decorators.http import require_safe

from console import mailbox


@login_not_required
@require_safe
def mailbox_list(request: HttpRequest) -> HttpResponse:
    """The mails, the newest first."""
    _demo_or_404()
    return render(request, "console/mailbox_list.html", {"mails": mailbox.mails()})


@login_not_required
@require_safe
def mailbox_mail(request: HttpRequest, name: str) -> HttpResponse:
    """One mail: as text, whose links lead on, and as its HTML looks, in a frame."""
    return render(request, "console/mailbox_mail.html", {"mail": _mail_or_404(name)})


@login_not_required
@require_safe
@xframe_options_sameorigin
@csp_replace(  # type: ignore[arg-type]  # its views take no more than a request
    {
        # A mail brings its styles with it; it has no scripts, pictures and forms.
        "default-src": [NONE],
        "script-src": [NONE],
        "img-src": [NONE],
        "style-src": [UNSAFE_INLINE],
        "base-uri": [NONE],
        "form-action": [NONE],
        "frame-ancestors": [SELF],
        # Also when it is opened by itself: it is a stranger to this site.
        "sandbox": ["allow-popups", "allow-popups-to-escape-sandbox"],
    }
)
def mailbox_html(request: HttpRequest, name: str) -> HttpResponse:
    """The HTML of a mail, for the frame of its page."""
    mail = _mail_or_404(name)
    if not mail.html:
        raise Http404
    # Links lead out of the frame, in which no page of the console would be shown.
    return HttpResponse(mail.html.replace("<head>", '<head><base target="_blank">', 1))


def _mail_or_404(name: str) -> mailbox.Mail:
    _demo_or_404()
    mail = mailbox.read(name)
    if mail is None:
        raise Http404
    return mail


def _demo_or_404() -> None:
    if settings.DEMO_MAILBOX is None:
        raise Http404
