"""The ways in for money: each gateway is one module here and one line below."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import cast

from billing.gateways.protocol import Gateway

# What a payment method names, and the module that speaks to it.
MODULES = {
    "stripe": "billing.gateways.stripe",
    "regional": "billing.gateways.regional",
    "bank_transfer": "billing.gateways.bank_transfer",
}
# Those that tell us by themselves what happened.
WITH_WEBHOOKS = frozenset({"stripe", "regional"})


@cache
def gateway(name: str) -> Gateway:
    """The gateway of this name. Raises KeyError for one that there is not."""
    return cast(Gateway, import_module(MODULES[name]).GATEWAY)
