"""Stripe's own SDK, with a limit of time over all that one question takes."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import stripe
from django.conf import settings
from stripe import RequestsClient

from billing.gateways.protocol import GatewayError, GatewayRefused

# Seconds for a question, all its requests and repetitions included; the protocol allows ten.
PATIENCE = 9.0
# So that a request whose answer is lost can be repeated within that.
_ONE_REQUEST = 4.5
_RETRIES = 1
_LARGEST_ANSWER = 4_000_000
stripe.enable_telemetry = False


class _Impatient(RequestsClient):
    """Gives up when the time is over, also on an answer that comes drop by drop."""

    def __init__(self) -> None:
        super().__init__(timeout=_ONE_REQUEST)
        self._end = time.monotonic() + PATIENCE

    def request(  # type: ignore[override]  # as the SDK's own
        self,
        method: str,
        url: str,
        headers: Mapping[str, str] | None,
        post_data: Any = None,
    ) -> tuple[bytes, int, Mapping[str, str]]:
        self._timeout = min(_ONE_REQUEST, self._left())
        stream, status, answered = super().request_stream(method, url, headers, post_data)
        body = bytearray()
        try:
            while piece := stream.read1(65_536, decode_content=True):
                body += piece
                self._check(len(body))
        except (OSError, stripe.APIConnectionError):
            raise
        except Exception as broken:
            raise _no_answer("a broken answer", again=True) from broken
        finally:
            stream.close()
        return bytes(body), status, answered

    def _check(self, size: int) -> None:
        self._left()
        if size > _LARGEST_ANSWER:
            raise _no_answer("too long an answer")

    def _left(self) -> float:
        left = self._end - time.monotonic()
        if left <= 0.1:
            raise _no_answer("no answer in time")
        return left


def _no_answer(why: str, *, again: bool = False) -> stripe.APIConnectionError:
    return stripe.APIConnectionError(why, should_retry=again)  # type: ignore[no-untyped-call]


@contextmanager
def asking() -> Iterator[stripe.StripeClient]:
    """A client for one question of at most nine seconds.

    Raises GatewayRefused for what Stripe will not do, GatewayError for anything else that goes
    wrong: neither holds a secret, nor what a stranger's server has answered.
    """
    connection = _Impatient()
    base = settings.STRIPE_API_BASE
    try:
        yield stripe.StripeClient(
            settings.STRIPE_API_KEY,
            base_addresses={"api": base} if base else {},
            max_network_retries=_RETRIES,
            http_client=connection,
        )
    except (stripe.CardError, stripe.InvalidRequestError) as refusal:
        raise GatewayRefused(_name(refusal)) from None
    except stripe.StripeError as error:
        raise GatewayError(_name(error)) from None
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise GatewayError(f"an answer that cannot be read ({type(error).__name__})") from None
    finally:
        connection.close()  # type: ignore[no-untyped-call]


def _name(error: stripe.StripeError) -> str:
    """What kind of error it is, in Stripe's own words of one kind."""
    facts = [type(error).__name__, error.code, error.http_status and str(error.http_status)]
    return "Stripe: " + " ".join(str(fact) for fact in facts if fact)
