"""What gateways tell us: POST /gateways/<name>/webhook/. Believed by its signature alone."""

from __future__ import annotations

import logging

from django.contrib.auth.decorators import login_not_required
from django.db import OperationalError
from django.http import Http404, HttpRequest, HttpResponse, UnreadablePostError
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from billing import settlement
from billing.gateways import WITH_WEBHOOKS, gateway
from billing.gateways.protocol import BadSignature, Malformed
from billing.ledger import StartAgain

logger = logging.getLogger(__name__)

LARGEST = 256 * 1024  # bytes; Stripe's own stay below 100 kB


@csrf_exempt
@login_not_required
@require_POST
def webhook(request: HttpRequest, name: str) -> HttpResponse:
    """Keep a message and do what it means. Whatever is answered with 2xx does not come again.

    Also what means nothing to us, or is about a payment that we do not know: it is kept.
    """
    if name not in WITH_WEBHOOKS or not gateway(name).is_available:
        raise Http404
    body = _body(request)
    if body is None:
        return _answer(413, "too large")
    try:
        event = gateway(name).parse_webhook(body, request.headers)
    except BadSignature:
        logger.warning("A message to %s has a bad or an old signature.", name)
        return _answer(400, "bad signature")
    except Malformed:
        logger.warning("A message of %s cannot be read.", name)
        return _answer(400, "malformed")
    try:
        settlement.receive(gateway=name, event=event)
    except (StartAgain, OperationalError) as trouble:
        logger.warning("Message %s of %s has to come again: %r.", event.id, name, type(trouble))
        answer = _answer(503, "try again")
        answer["Retry-After"] = "5"
        return answer
    return _answer(200, "ok")


def _body(request: HttpRequest) -> bytes | None:
    """What was sent; None when it is too much. Not read further than that."""
    try:
        body = request.read(LARGEST + 1)
    except UnreadablePostError:
        return b""  # They hung up: nobody hears the answer.
    return body if len(body) <= LARGEST else None


def _answer(status: int, words: str) -> HttpResponse:
    return HttpResponse(words + "\n", status=status, content_type="text/plain; charset=utf-8")
