"""The console's settings, with the addresses of the bench."""

from console.settings import *  # noqa: F403 - all of them

ROOT_URLCONF = "tests.benchmarks.http_urls"
# What is measured is how fast an answer is, not how many a caller may have.
API_REQUESTS_PER_SECOND = 1_000_000
