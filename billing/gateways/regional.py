"""Methods that Stripe does not have (Fawry, KNET, M-PESA...), in demo and tests: the sandbox only.

It speaks Stripe's wire format for them. With a real key they are not offered, until somebody adds
the gateway that has them: one module, and one line in ``billing.gateways``.
"""

from __future__ import annotations

from django.conf import settings

from billing.gateways.stripe import Stripe

# Real keys begin with sk_test_ or sk_live_.
SANDBOX_KEY = "sk_sandbox_"


class Regional(Stripe):
    """The sandbox's own methods."""

    name = "regional"

    @property
    def is_available(self) -> bool:
        """Whether the key is the sandbox's."""
        return bool(settings.STRIPE_API_KEY.startswith(SANDBOX_KEY))

    def method_type(self, code: str) -> str:
        """The sandbox takes any name."""
        return code


GATEWAY = Regional()
