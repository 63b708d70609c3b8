"""Django's settings for django-hordak alone, as it comes."""

import os

import dj_database_url

from tests.benchmarks.hordak_plan import CURRENCY

DATABASES = {"default": dj_database_url.parse(os.environ["DATABASE_URL"], conn_max_age=None)}
INSTALLED_APPS = ["django.contrib.contenttypes", "django.contrib.auth", "mptt", "hordak"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
SECRET_KEY = "for a bench"
USE_TZ = True
CURRENCIES = HORDAK_CURRENCIES = [CURRENCY]
DEFAULT_CURRENCY = HORDAK_INTERNAL_CURRENCY = CURRENCY
