"""Django's settings, from the environment. What may be set, and what it means: `environment.SETTINGS`."""

import sys
from pathlib import Path
from urllib.parse import unquote, urlsplit

import dj_database_url
from django.utils.csp import CSP

from topline.config import environment, keys, logs

environment.refuse_unknown()

PACKAGE = Path(__file__).parents[1]
HOME = Path(environment.text("TOPLINE_HOME")).expanduser().absolute()
LAKE_ROOT = HOME / "lake"
UPLOADS = HOME / "uploads"
SPOOL = HOME / "spool"
EXPORTS = HOME / "exports"
SPILL = HOME / "spill"
KEYS = HOME / "keys"
HOME.mkdir(parents=True, exist_ok=True, mode=0o700)

DEBUG = environment.flag("TOPLINE_DEBUG")
SECRET_KEY = environment.text("TOPLINE_SECRET_KEY") or keys.signing_key(KEYS)
VAULT_KEY = keys.vault_key(KEYS)

URL = environment.text("TOPLINE_URL").rstrip("/")
_ADDRESS = urlsplit(URL)
if _ADDRESS.scheme not in ("http", "https") or not _ADDRESS.hostname:
    raise environment.SettingError(name="TOPLINE_URL", value=URL, allowed="an address such as https://plan.example.org")
_IS_TLS = _ADDRESS.scheme == "https"
ALLOWED_HOSTS = [_ADDRESS.hostname, "127.0.0.1", "localhost", "[::1]"]
CSRF_TRUSTED_ORIGINS = [URL]
ENGINE = environment.text("TOPLINE_ENGINE")
if ENGINE != "duckdb" and not ENGINE.startswith("spark://"):
    raise environment.SettingError(
        name="TOPLINE_ENGINE", value=ENGINE, allowed="duckdb, or an address as spark://host:7077"
    )
PROXY = environment.text("TOPLINE_PROXY")
THREADS = environment.number("TOPLINE_THREADS")
JOB_THREADS = environment.number("TOPLINE_JOB_THREADS")
QUERY_MEMORY_GB = {
    "web": environment.number("TOPLINE_WEB_MEMORY_GB"),
    "worker": environment.number("TOPLINE_WORKER_MEMORY_GB"),
}

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "django_htmx",
    "ninja",
    "topline.journal",
    "topline.workbench",
    "topline.accounts",
    "topline.team",
    "topline.catalog",
    "topline.crm",
    "topline.plans",
    "topline.imports",
    "topline.boards",
    "topline.web",
]

MIDDLEWARE = [
    "topline.config.logs.RequestLogMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "django.middleware.csp.ContentSecurityPolicyMiddleware",
    "topline.api.head.HeadMiddleware",
    "topline.api.problem.ProblemMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "topline.config.doors.SignInRequiredMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
]

ROOT_URLCONF = "topline.config.urls"
WSGI_APPLICATION = "topline.config.wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [PACKAGE / "web" / "templates", PACKAGE / "web" / "pages"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.i18n",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    }
]

_SQLITE = {
    "ENGINE": "django.db.backends.sqlite3",
    "NAME": HOME / "topline.sqlite3",
    "OPTIONS": {
        "timeout": 20,
        "transaction_mode": "IMMEDIATE",
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA cache_size=-20000",
    },
}
_POSTGRES_URL = environment.text("DATABASE_URL")
if _POSTGRES_URL and not _POSTGRES_URL.startswith(("postgres://", "postgresql://")):
    raise environment.SettingError(
        name="DATABASE_URL", value=_POSTGRES_URL.split(":")[0], allowed="postgres://... or nothing"
    )
DATABASES = {
    "default": dj_database_url.parse(_POSTGRES_URL, conn_max_age=600, conn_health_checks=True)
    if _POSTGRES_URL
    else _SQLITE
}

CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.ScryptPasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/"
ACCOUNT_ADAPTER = "topline.accounts.adapters.AccountAdapter"
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*", "password2*"]
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_LOGOUT_REDIRECT_URL = "account_login"
ACCOUNT_SESSION_REMEMBER = True
MFA_ADAPTER = "topline.accounts.adapters.SecondFactorAdapter"
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = not _IS_TLS and _ADDRESS.hostname in ("localhost", "127.0.0.1")

SESSION_COOKIE_NAME = "topline_session"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = _IS_TLS
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_NAME = "topline_csrf"
SECURE_CSP = {
    "default-src": [CSP.SELF],
    "img-src": [CSP.SELF, "data:"],
    "object-src": [CSP.NONE],
    "base-uri": [CSP.SELF],
    "form-action": [CSP.SELF],
    "frame-ancestors": [CSP.NONE],
}
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
SECURE_HSTS_SECONDS = 365 * 86_400 if _IS_TLS else 0
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if PROXY else None
DATA_UPLOAD_MAX_MEMORY_SIZE = 10 * 2**20
FILE_UPLOAD_TEMP_DIR = None

LANGUAGE_CODE = environment.text("TOPLINE_LANGUAGE")
LANGUAGES = [("en", "English"), ("ro", "Română")]
LOCALE_PATHS = [PACKAGE / "locale"]
LANGUAGE_COOKIE_NAME = "topline_language"
USE_I18N = True
USE_TZ = True
TIME_ZONE = "UTC"
USE_THOUSAND_SEPARATOR = False

STATIC_URL = "/static/"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage", "OPTIONS": {"location": UPLOADS}},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
WHITENOISE_USE_FINDERS = True
WHITENOISE_IMMUTABLE_FILE_TEST = r"/dist/.+-[A-Z0-9]{8}\.\w+$"
WHITENOISE_AUTOREFRESH = DEBUG

_MAIL = urlsplit(environment.text("TOPLINE_MAIL_URL"))
if _MAIL.geturl() and (_MAIL.scheme not in ("smtp", "smtp+tls", "smtps") or not _MAIL.hostname):
    raise environment.SettingError(
        name="TOPLINE_MAIL_URL",
        value=f"{_MAIL.scheme}://...",  # without the password
        allowed="a server after smtp://, smtp+tls:// or smtps://",
    )
HAS_MAIL = bool(_MAIL.hostname)
_SMTP = {
    "host": _MAIL.hostname,
    "port": _MAIL.port or {"smtps": 465, "smtp+tls": 587}.get(_MAIL.scheme, 25),
    "username": unquote(_MAIL.username or ""),
    "password": unquote(_MAIL.password or ""),
    "use_tls": _MAIL.scheme == "smtp+tls",
    "use_ssl": _MAIL.scheme == "smtps",
    "timeout": 20,
}
MAILERS = {
    "default": {"BACKEND": "django.core.mail.backends.smtp.EmailBackend", "OPTIONS": _SMTP}
    if HAS_MAIL
    else {"BACKEND": "django.core.mail.backends.dummy.EmailBackend"}
}
PRIVATE_CALLS = environment.flag("TOPLINE_PRIVATE_CALLS")
DEFAULT_FROM_EMAIL = SERVER_EMAIL = environment.text("TOPLINE_MAIL_FROM")

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "json": {"()": "topline.config.logs.JsonFormatter"},
        "text": {"()": "topline.config.logs.LineFormatter"},
    },
    "handlers": {
        "stderr": {
            "class": "logging.StreamHandler",
            "stream": sys.stderr,
            "formatter": logs.style(environment.text("TOPLINE_LOG_FORMAT"), sys.stderr),
        }
    },
    "root": {"handlers": ["stderr"], "level": environment.text("TOPLINE_LOG_LEVEL")},
    "loggers": {"django.server": {"handlers": [], "propagate": True}},
}

if "pytest" in sys.modules:
    # A password hash that tests needn't wait for; a database file, so that threads share it as they do in earnest.
    _SQLITE["TEST"] = {"NAME": HOME / "test.sqlite3"}
    PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
