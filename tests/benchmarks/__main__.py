"""``make bench``: how fast it is, as ratios within one run; no figure fails the build.

``python -m tests.benchmarks [NAME...]`` runs all benchmarks, or those that are named.
"""

from __future__ import annotations

import importlib
import os
import sys
import time

from console import local

# In this order; each is a module with a function ``run()``.
BENCHMARKS = (
    "posting",
    "singles",
    "beside_hordak",
    "api",
    "usage_file",
    "overview",
    "as_of",
    "transactions",
    "webhooks",
    "exports",
    "pages",
    "paper",
)


def main(names: list[str]) -> None:
    """Run the benchmarks of these names, or all."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "console.settings")
    local.prepare("bench")
    import django  # noqa: PLC0415 - the settings need the server's address

    django.setup()
    from tests.benchmarks import stage  # noqa: PLC0415

    unknown = sorted(set(names) - set(BENCHMARKS))
    if unknown:
        sys.exit(f"no such benchmark: {', '.join(unknown)}; there are {', '.join(BENCHMARKS)}")
    print(stage.server(), flush=True)
    stage.drop_outdated()
    for name in names or BENCHMARKS:
        began = time.monotonic()
        print(f"-- {name}", flush=True)
        importlib.import_module(f"tests.benchmarks.{name}").run()
        print(f"-- {name} took {time.monotonic() - began:.0f} s", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
