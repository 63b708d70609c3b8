"""The WSGI application, for gunicorn: ``gunicorn console.wsgi``."""

import os

from django.core.wsgi import get_wsgi_application

from console.charset import refuse_foreign_charsets

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "console.settings")
application = refuse_foreign_charsets(get_wsgi_application())
