"""What a browser makes of the pages: Lighthouse by npm, with Debian's Chromium.

Overview, Transfer and Transactions of the large company, served by gunicorn. Where there is no npm
or no Chromium, it says so and measures nothing.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.sessions.backends.db import SessionStore
from django.core.management import call_command
from django.test import Client

from tests.benchmarks import books, stage
from tests.benchmarks.serving import served

LIGHTHOUSE = "lighthouse@12.2.3"
HOME = stage.ROOT / "var" / "lighthouse"
CHROMIUM = "/usr/bin/chromium"
FLAGS = "--headless=new --no-sandbox --disable-dev-shm-usage --disable-gpu --disable-quic"
FLAGS += " --no-first-run --disable-background-networking --disable-component-update"
PAGES = {"Overview": "", "Transfer": "transfers/new/", "Transactions": "transactions/"}
# Of a hundred.
CATEGORIES = {
    "performance": 95,
    "accessibility": 95,
    "best-practices": 95,
}
HEAVIEST = 60_000  # bytes over the wire


def run() -> None:
    """Judge each page, and weigh it with all that it loads."""
    npm = shutil.which("npm")
    if npm is None or not Path(CHROMIUM).exists():
        print("no npm or no Chromium here: Lighthouse was not run", flush=True)
        return
    HOME.mkdir(parents=True, exist_ok=True)
    program = HOME / "node_modules" / ".bin" / "lighthouse"
    if not program.exists():
        install = [npm, "install", "--no-audit", "--no-fund", "--silent", "--prefix", str(HOME)]
        subprocess.run([*install, LIGHTHOUSE], check=True)
    call_command("collectstatic", interactive=False, verbosity=0)
    with books.kept_books(), served() as port:
        cookie = _signed_in()
        for name, path in PAGES.items():
            found = _judge(program, f"http://localhost:{port}/accounts/large/{path}", cookie)
            for category, goal in CATEGORIES.items():
                score = round(found["categories"][category]["score"] * 100)
                stage.report(f"Lighthouse, {name}, {category}: {score}", score / goal, 1.0)
                if score < goal:
                    print("\n".join(_shortcomings(found, category)), flush=True)
            requests = found["audits"]["network-requests"]["details"]["items"]
            weight = sum(request["transferSize"] for request in requests)
            stage.report(
                f"{name} weighs {weight / 1000:.1f} kB over the wire in {len(requests)} requests",
                HEAVIEST / weight,
                1.0,
            )


def _signed_in() -> str:
    """The cookie of the large company's admin."""
    client = Client()
    client.force_login(books.admin_of("large"))
    session = client.cookies[settings.SESSION_COOKIE_NAME].value
    if not SessionStore(session).exists(session):
        raise RuntimeError("the session is not in the database")
    return f"{settings.SESSION_COOKIE_NAME}={session}"


def _judge(program: Path, address: str, cookie: str) -> dict[str, Any]:
    """Lighthouse's report of one page."""
    command = [
        str(program),
        address,
        "--quiet",
        "--output=json",
        "--output-path=stdout",
        f"--only-categories={','.join(CATEGORIES)}",
        f"--extra-headers={json.dumps({'Cookie': cookie})}",
        f"--chrome-flags={FLAGS}",
    ]
    environment = os.environ | {"CHROME_PATH": CHROMIUM}
    for _attempt in range(2):  # Now and then its browser does not start.
        done = subprocess.run(
            command, capture_output=True, check=False, timeout=180, env=environment
        )
        if not done.returncode:
            break
    else:
        raise RuntimeError(done.stderr.decode()[-2000:])
    report: dict[str, Any] = json.loads(done.stdout)
    if report["finalDisplayedUrl"] != address:
        raise RuntimeError(f"{address} led to {report['finalDisplayedUrl']}")
    return report


def _shortcomings(report: dict[str, Any], category: str) -> list[str]:
    """What cost points."""
    audits = (report["audits"][each["id"]] for each in report["categories"][category]["auditRefs"])
    return [
        f"  {audit['title']}: {audit.get('displayValue', '')}"
        for audit in audits
        if audit["score"] is not None and audit["score"] < 0.9
    ]
