"""The one settings file. Everything that differs between machines comes from the environment.

Safe by default: without DEBUG=1 and HTTPS=0 this is a production configuration. ``manage.py``
and the tests fill in development values (``console.local``); a real deployment sets its own.
"""

from pathlib import Path

import dj_database_url
from csp.constants import NONE, SELF
from django.utils.translation import gettext_lazy as _
from environs import Env, validate
from whitenoise.compress import Compressor

from console.amounts import read_amounts
from console.issuer import lines_of

BASE_DIR = Path(__file__).resolve().parent.parent
env = Env()

# --- What the environment says -------------------------------------------------------------

DEBUG = env.bool("DEBUG", default=False)
HTTPS = env.bool("HTTPS", default=True)
SECRET_KEY = env.str("SECRET_KEY", validate=validate.Length(min=32))
# Keys before this one: sign-ins and second factors that were made with them still hold.
SECRET_KEY_FALLBACKS: list[str] = env.list("SECRET_KEY_FALLBACKS", default=[])
ALLOWED_HOSTS: list[str] = env.list("ALLOWED_HOSTS")
CSRF_TRUSTED_ORIGINS: list[str] = env.list("CSRF_TRUSTED_ORIGINS", default=[])
# Behind a proxy that ends TLS and sets X-Forwarded-Proto itself.
BEHIND_PROXY = env.bool("BEHIND_PROXY", default=False)
LOG_LEVEL = env.str(
    "LOG_LEVEL", default="INFO", validate=validate.OneOf(["DEBUG", "INFO", "WARNING", "ERROR"])
)

DATABASES = {
    "default": dj_database_url.parse(
        env.str("DATABASE_URL"), conn_max_age=60, conn_health_checks=True
    )
}
# A database that hangs must not take every thread with it: after so many seconds of trying to
# reach it there is an error, and /readyz says so. One that fell off the network is given up, too.
CONNECT_TIMEOUT_SECONDS = env.int(
    "CONNECT_TIMEOUT_SECONDS", default=3, validate=validate.Range(min=1, max=60)
)
_options = DATABASES["default"].setdefault("OPTIONS", {})
_options.setdefault("connect_timeout", CONNECT_TIMEOUT_SECONDS)
_options.setdefault("tcp_user_timeout", 30_000)
# Whoever waits longer than this for a balance is told to try again: one stuck session must not
# take every thread of the web server with it.
LOCK_TIMEOUT_SECONDS = env.int("LOCK_TIMEOUT_SECONDS", default=2)
_options["options"] = f"-c lock_timeout={LOCK_TIMEOUT_SECONDS}s"
# The ledger's few statements are planned once a connection: Django's own are never prepared.
if env.bool("PREPARED_STATEMENTS", default=True):
    _options["prepare_threshold"] = 5
if DATABASES["default"]["ENGINE"] != "django.db.backends.postgresql":
    raise ValueError("DATABASE_URL must name a PostgreSQL database: postgres://...")

# Mails carry links that set passwords: they go to the log (console://) only where asked for.
EMAIL_CONFIG = env.dj_email_url("EMAIL_URL")
EMAIL_BACKEND = EMAIL_CONFIG["EMAIL_BACKEND"]
EMAIL_HOST = EMAIL_CONFIG.get("EMAIL_HOST", "")
EMAIL_PORT = EMAIL_CONFIG.get("EMAIL_PORT", 25)
EMAIL_HOST_USER = EMAIL_CONFIG.get("EMAIL_HOST_USER", "")
EMAIL_HOST_PASSWORD = EMAIL_CONFIG.get("EMAIL_HOST_PASSWORD", "")
EMAIL_USE_TLS = EMAIL_CONFIG.get("EMAIL_USE_TLS", False)
EMAIL_USE_SSL = EMAIL_CONFIG.get("EMAIL_USE_SSL", False)
EMAIL_TIMEOUT = 10
# Where mails are kept instead of sent, for anybody to read: only `manage.py demo` sets it.
DEMO_MAILBOX: Path | None = None
DEFAULT_FROM_EMAIL = env.str("DEFAULT_FROM_EMAIL", default="Credit console <console@localhost>")
# Where the links in mails of the worker lead: no request tells it where it is. A host that is a
# pattern is no address, so there it has to be said.
_address = {"default": f"https://{ALLOWED_HOSTS[0]}" if HTTPS else "http://localhost:8000"}
if HTTPS and ALLOWED_HOSTS[0].startswith((".", "*")):
    _address = {}
BASE_URL = env.str(
    "BASE_URL",
    **_address,
    validate=validate.Regexp(
        r"https?://[A-Za-z0-9.\-]+(:[0-9]{1,5})?\Z",
        error="It must be like https://console.example, without a path.",
    ),
)

# --- The application -----------------------------------------------------------------------

INSTALLED_APPS = [
    "console",
    "accounts",
    "billing",
    "reports",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "csp",
    "django_filters",
    "django_htmx",
    "django_tables2",
    "lucide",
    "ninja",
    "procrastinate.contrib.django",
    "whitenoise.runserver_nostatic",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.humanize",
    "django.contrib.messages",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    "django.forms",
]

MIDDLEWARE = [
    # Outermost: what goes wrong further in is logged under the request's name.
    "console.request_facts.note_request",
    "console.access_log.note_answer",
    "console.metrics.measure",
    # Before anything that asks for a host name, HTTPS or the database.
    "console.health.answer_probes",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "console.requests.mark_private",
    "console.refusal.refuse_plain_http",
    "console.requests.drop_what_is_no_session",
    "csp.middleware.CSPMiddleware",
    "django.middleware.gzip.GZipMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    # Every page wants a signed-in person unless it says otherwise (login_not_required).
    "django.contrib.auth.middleware.LoginRequiredMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "accounts.sign_ins.end_old_ones",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "accounts.second_factor.lead_to_set_up",
    "accounts.reauthentication.ReplayMiddleware",
    # The last: all before it are about who has signed in.
    "accounts.viewing.show_as_customer",
]

ROOT_URLCONF = "console.urls"
WSGI_APPLICATION = "console.wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.i18n",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]
FORM_RENDERER = "django.forms.renderers.TemplatesSetting"
DJANGO_TABLES2_TEMPLATE = "_partials/table.html"

# --- Words and times -----------------------------------------------------------------------

LANGUAGE_CODE = "en"
LANGUAGES = [("en", _("English"))]
LOCALE_PATHS = [BASE_DIR / "locale"]
USE_I18N = True
USE_TZ = True
# Pages show the master account's own time zone; this one is for whatever has no company.
TIME_ZONE = "UTC"

# --- Static files --------------------------------------------------------------------------

STATIC_URL = "/static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
STATICFILES_FINDERS = [
    "django.contrib.staticfiles.finders.FileSystemFinder",
    "console.static_files.AppFinder",
]
# Maps of packed scripts are for developers: nobody waits for them.
WHITENOISE_SKIP_COMPRESS_EXTENSIONS = (*Compressor.SKIP_COMPRESS_EXTENSIONS, "map")
STATIC_ROOT = env.path("STATIC_ROOT", default=BASE_DIR / "var" / "static")
# People's exports, for the web server and the worker alone: no address leads there.
EXPORTS_ROOT = env.path("EXPORTS_ROOT", default=BASE_DIR / "var" / "exports")
# Megabytes of kept files, of one person in a company and of a whole company: the oldest give way.
EXPORTS_PERSON_MB = env.int("EXPORTS_PERSON_MB", default=2_000, validate=validate.Range(min=1))
EXPORTS_COMPANY_MB = env.int("EXPORTS_COMPANY_MB", default=10_000, validate=validate.Range(min=1))
if EXPORTS_COMPANY_MB < EXPORTS_PERSON_MB:
    raise ValueError("EXPORTS_COMPANY_MB must be at least EXPORTS_PERSON_MB")
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "console.static_files.StaticFiles"},
    "exports": {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {
            "location": EXPORTS_ROOT,
            "file_permissions_mode": 0o600,
            "directory_permissions_mode": 0o700,
        },
    },
}

# --- Sign-in -------------------------------------------------------------------------------

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 10},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "home"
ACCOUNT_ADAPTER = "accounts.adapter.AccountAdapter"
ACCOUNT_FORMS = {
    "login": "accounts.forms.SignInForm",
    "reset_password": "accounts.forms.ForgottenPasswordForm",
    "reset_password_from_key": "accounts.forms.NewPasswordForm",
    "change_password": "accounts.forms.ChangePasswordForm",
    "reauthenticate": "accounts.forms.PasswordAgainForm",
}
MFA_ADAPTER = "accounts.adapter.SecondFactorAdapter"
MFA_FORMS = {
    "authenticate": "accounts.factor_forms.CodeForm",
    "authenticate_webauthn": "accounts.factor_forms.PasskeyForm",
    "reauthenticate": "accounts.factor_forms.CodeAgainForm",
    "reauthenticate_webauthn": "accounts.factor_forms.PasskeyAgainForm",
    "login_webauthn": "accounts.factor_forms.PasskeySignInForm",
    "activate_totp": "accounts.factor_forms.NewAppForm",
    "add_webauthn": "accounts.factor_forms.NewPasskeyForm",
    "edit_webauthn": "accounts.factor_forms.RenamePasskeyForm",
}
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_RECOVERY_CODES_SHOW_ONCE = True
MFA_TOTP_ISSUER = "Credit console"
# Clocks differ, and people type: the code before and the one after are taken, too. Each once.
MFA_TOTP_TOLERANCE = 1
# http://localhost has no certificate. Elsewhere browsers offer no passkeys without HTTPS.
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = not HTTPS
# Set by ``manage.py demo`` and by nothing else: there nobody needs a second factor.
DEMO = False
# For how long having proved who one is counts: see accounts.reauthentication.
ACCOUNT_REAUTHENTICATION_TIMEOUT = 10 * 60
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_EMAIL_VERIFICATION = "mandatory"
ACCOUNT_EMAIL_UNKNOWN_ACCOUNTS = False
ACCOUNT_EMAIL_NOTIFICATIONS = True
# As those of our own mails; the host stands in the text.
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""
ACCOUNT_LOGOUT_REDIRECT_URL = "account_login"
ACCOUNT_SESSION_REMEMBER = False
ACCOUNT_DEFAULT_HTTP_PROTOCOL = "https" if HTTPS else "http"
# Beside allauth's own for sign-in, passwords and proofs. Invitations are counted in their table.
ACCOUNT_RATE_LIMITS = {"accept_invitation": "20/m/ip", "export": "60/m/user"}

# Sign-in is rate-limited by allauth; the counters must hold across processes.
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.db.DatabaseCache",
        "LOCATION": "console_cache",
        # Culling would forget failed sign-ins.
        "OPTIONS": {"MAX_ENTRIES": 1_000_000},
    }
}

# --- The API -------------------------------------------------------------------------------

# Both are counted in each process: with 2 workers a key may ask twice as often.
API_REQUESTS_PER_SECOND = env.int(
    "API_REQUESTS_PER_SECOND", default=1000, validate=validate.Range(min=1)
)
# Requests without a valid key from one address.
API_FAILURES_PER_MINUTE = 60

# --- Payments ------------------------------------------------------------------------------

# Without a key no method of Stripe is offered. The demo makes a key of its own sandbox.
STRIPE_API_KEY = env.str(
    "STRIPE_API_KEY",
    default="",
    validate=validate.Regexp(
        r"((sk|rk)_(test|live)_[A-Za-z0-9_]+|sk_sandbox_[A-Za-z0-9_-]+)?\Z",
        error="It must be a secret key of Stripe: sk_test_... or sk_live_...",
    ),
)
STRIPE_WEBHOOK_SECRET = env.str(
    "STRIPE_WEBHOOK_SECRET",
    default="",
    validate=validate.Regexp(r"(whsec_\S+)?\Z", error="It must be like whsec_..."),
)
# Empty for Stripe's own; another one only for the sandbox, which is on this machine.
STRIPE_API_BASE = env.str(
    "STRIPE_API_BASE",
    default="",
    validate=validate.Regexp(
        r"(http://(127\.0\.0\.1|localhost):[0-9]{1,5})?\Z",
        error="It must be empty, or the sandbox's address: http://127.0.0.1:8001",
    ),
)
if bool(STRIPE_API_KEY) != bool(STRIPE_WEBHOOK_SECRET):
    raise ValueError("STRIPE_API_KEY and STRIPE_WEBHOOK_SECRET are set together, or neither is")
if bool(STRIPE_API_BASE) != STRIPE_API_KEY.startswith("sk_sandbox_"):
    raise ValueError(
        "STRIPE_API_BASE is set for a key of the sandbox (sk_sandbox_...), and only so"
    )

# The origins of the gateways' hosted pages: customers are sent to these and to no other.
_ORIGIN = validate.Regexp(
    r"https?://[a-z0-9.\-]+(:[0-9]{1,5})?\Z",
    error="Each must be an origin like https://checkout.stripe.com, without a path.",
)
CHECKOUT_ORIGINS: list[str] = env.list(
    "CHECKOUT_ORIGINS",
    default=[STRIPE_API_BASE or "https://checkout.stripe.com"],
    validate=lambda origins: [_ORIGIN(origin) for origin in origins],
)

# --- Documents -----------------------------------------------------------------------------

# Who issues statements, reports and receipts, as it is to stand on them; lines are parted by |.
ISSUER_NAME = env.str("ISSUER_NAME", default="", validate=lines_of)
ISSUER_ADDRESS = env.str("ISSUER_ADDRESS", default="", validate=lines_of)
ISSUER_TAX_NUMBER = env.str("ISSUER_TAX_NUMBER", default="", validate=lines_of)
if (ISSUER_ADDRESS or ISSUER_TAX_NUMBER) and not ISSUER_NAME:
    raise ValueError(
        "ISSUER_ADDRESS and ISSUER_TAX_NUMBER are set with ISSUER_NAME, or not at all"
    )

# --- Operators -----------------------------------------------------------------------------

# What an operator adjusts or refunds alone for one company within 24 hours; above it a second one
# has to agree. A currency that is not named: nothing.
try:
    SECOND_OPERATOR_ABOVE = read_amounts(env.str("SECOND_OPERATOR_ABOVE", default=""))
except ValueError as error:
    raise ValueError(f"SECOND_OPERATOR_ABOVE: {error}") from error

# --- Hardening -----------------------------------------------------------------------------

SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS
if HTTPS:
    # No other host of the domain, and nobody without HTTPS, can put a cookie of these names there.
    SESSION_COOKIE_NAME, CSRF_COOKIE_NAME = "__Host-sessionid", "__Host-csrftoken"
# Forms carry the token: no script reads it.
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = True
MESSAGE_STORAGE = "console.message_cookie.MessageStorage"
SESSION_COOKIE_SAMESITE = "Lax"
# A sign-in ends after so long without a request, and after so many days in any case.
SIGN_IN_IDLE_MINUTES_OPERATORS = env.int(
    "SIGN_IN_IDLE_MINUTES_OPERATORS", default=30, validate=validate.Range(min=5)
)
SIGN_IN_IDLE_MINUTES_CUSTOMERS = env.int(
    "SIGN_IN_IDLE_MINUTES_CUSTOMERS", default=12 * 60, validate=validate.Range(min=5)
)
SIGN_IN_DAYS = env.int("SIGN_IN_DAYS", default=7, validate=validate.Range(min=1))
SESSION_COOKIE_AGE = SIGN_IN_DAYS * 24 * 60 * 60
SESSION_EXPIRE_AT_BROWSER_CLOSE = True
SECURE_SSL_REDIRECT = HTTPS
# A program that is redirected would repeat its POST as a GET, and its mistake for ever: it is
# refused instead (console.refusal).
SECURE_REDIRECT_EXEMPT = [r"^api(?:/|\Z)"]
SECURE_HSTS_SECONDS = 60 * 60 * 24 * 365 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = HTTPS
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
if BEHIND_PROXY:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    # Sign-in is limited per address of the client, which proxies append to X-Forwarded-For.
    ALLAUTH_TRUSTED_PROXY_COUNT = env.int("PROXY_COUNT", default=1)
FILE_UPLOAD_HANDLERS = ["console.requests.RefuseFiles"]
DATA_UPLOAD_MAX_MEMORY_SIZE = 2_500_000
DATA_UPLOAD_MAX_NUMBER_FIELDS = 500

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "object-src": [NONE],
        "base-uri": [NONE],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
    }
}

# --- Logs and measures ---------------------------------------------------------------------

# Lines for people, or one JSON object a line for programs. Both name the request.
LOG_FORMAT = env.str("LOG_FORMAT", default="text", validate=validate.OneOf(["text", "json"]))
# A line for each request. Programs count them; somebody at a terminal would only lose the rest.
ACCESS_LOG = env.bool("ACCESS_LOG", default=LOG_FORMAT == "json")
# Who may read /metrics from elsewhere than this machine: "Authorization: Bearer <token>".
METRICS_TOKEN = env.str(
    "METRICS_TOKEN",
    default="",
    validate=validate.Regexp(
        r"([A-Za-z0-9._~+/=-]{20,})?\Z", error="It must be 20 letters and digits, or more."
    ),
)
# 0: /readyz answers for the web server alone. Without a worker no rule of money is broken.
READY_NEEDS_WORKER = env.bool("READY_NEEDS_WORKER", default=True)

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "text": {
            "()": "console.logs.Lines",
            "format": "%(asctime)s %(levelname)s %(name)s [%(request_id)s] %(message)s",
        },
        "json": {"()": "console.logs.JsonLines"},
    },
    "filters": {
        # The API tells whoever meets a busy account to try again, and logs it itself.
        "but_503": {
            "()": "django.utils.log.CallbackFilter",
            "callback": lambda record: getattr(record, "status_code", None) != 503,
        },
    },
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": LOG_FORMAT}},
    "root": {"handlers": ["stderr"], "level": LOG_LEVEL},
    # Refused requests (403, 404...) are answers, not troubles of ours.
    "loggers": {
        "django.request": {"level": "ERROR", "filters": ["but_503"]},
        "django.security.DisallowedHost": {"level": "CRITICAL"},
        # That a job ran stands in its row; only what goes wrong is worth a line.
        "procrastinate": {"level": "WARNING" if LOG_LEVEL == "INFO" else LOG_LEVEL},
        # Each request that goes out would be a line, and with DEBUG all that is in it.
        "stripe": {"level": "WARNING"},
        # Each step of each piece of a document would be a line.
        "weasyprint": {"level": "WARNING"},
        "pikepdf": {"level": "WARNING"},
    },
}
