"""Every setting of the environment: its name, default and meaning, and the readers that refuse what they don't know."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from platformdirs import user_data_dir

from topline.units import spelling
from topline.units.errors import ToplineError
from topline.units.text import N_


class Kind(StrEnum):
    TEXT = "text"
    NUMBER = "number"
    FLAG = "flag"


@dataclass(frozen=True, slots=True)
class Setting:
    """One variable of the environment.

    default : as it would be written in the environment
    choices : the values allowed, () for any
    """

    name: str
    default: str
    meaning: str
    kind: Kind = Kind.TEXT
    choices: tuple[str, ...] = ()


SETTINGS: Mapping[str, Setting] = {
    setting.name: setting
    for setting in (
        Setting(
            "TOPLINE_HOME",
            user_data_dir("topline", appauthor=False),
            "The folder of everything that is kept: database, lake, uploads, keys.",
        ),
        Setting(
            "DATABASE_URL",
            "",
            "The database, such as postgres://user:password@host/name. Empty: SQLite in TOPLINE_HOME.",
        ),
        Setting(
            "TOPLINE_URL",
            "http://127.0.0.1:8000",
            "The address that people open; with https, cookies are sent by TLS only.",
        ),
        Setting(
            "TOPLINE_PROXY",
            "",
            "The address of the proxy in front whose X-Forwarded headers are believed; empty for none.",
        ),
        Setting(
            "TOPLINE_ENGINE",
            "duckdb",
            "What answers questions: duckdb in this process, or a Spark cluster such as spark://host:7077 (the extra "
            "topline[spark]) whose workers see the same folder.",
        ),
        Setting("TOPLINE_THREADS", "4", "Threads that answer web requests.", Kind.NUMBER),
        Setting("TOPLINE_JOB_THREADS", "2", "Jobs that a worker process runs at once.", Kind.NUMBER),
        Setting("TOPLINE_WEB_MEMORY_GB", "2", "Memory for queries in the web process.", Kind.NUMBER),
        Setting("TOPLINE_WORKER_MEMORY_GB", "4", "Memory for queries in a worker process.", Kind.NUMBER),
        Setting("TOPLINE_LANGUAGE", "en", "The language of people who haven't chosen one.", choices=("en", "ro")),
        Setting(
            "TOPLINE_MAIL_URL",
            "",
            "The mail server, such as smtp+tls://user:password@host:587. Empty: no mail is sent.",
        ),
        Setting("TOPLINE_MAIL_FROM", "topline@localhost", "The sender of mail."),
        Setting(
            "TOPLINE_PRIVATE_CALLS",
            "no",
            "Lets webhooks call addresses of private networks, where the receivers are your own.",
            Kind.FLAG,
        ),
        Setting(
            "TOPLINE_SECRET_KEY", "", "Signs sessions. Empty: made on the first run and kept in TOPLINE_HOME/keys."
        ),
        Setting(
            "TOPLINE_LOG_FORMAT",
            "auto",
            "How log lines are written; auto is text for people on a terminal, and JSON anywhere else.",
            choices=("auto", "json", "text"),
        ),
        Setting(
            "TOPLINE_LOG_LEVEL", "INFO", "The least that is logged.", choices=("DEBUG", "INFO", "WARNING", "ERROR")
        ),
        Setting("TOPLINE_DEBUG", "no", "Shows errors in full to whoever causes them: for developers only.", Kind.FLAG),
        Setting("TOPLINE_SHARED_DATA", "", "Where the tests find real data sets: for developers only."),
    )
}

_FLAGS = {"yes": True, "true": True, "1": True, "no": False, "false": False, "0": False}


class UnknownSettingError(ToplineError):
    message = N_("%(name)s is not a setting of Topline. %(hint)s")


class SettingError(ToplineError):
    message = N_("%(name)s is “%(value)s”, which is not allowed. Set it to %(allowed)s.")


def text(name: str) -> str:
    """The setting's value. Raises SettingError if the setting has choices and this is none of them."""
    setting = SETTINGS[name]
    value = os.environ.get(name, "") or setting.default
    if setting.choices and value not in setting.choices:
        raise SettingError(name=name, value=value, allowed=", ".join(setting.choices))
    return value


def number(name: str) -> int:
    """The setting's value, a whole number from 1 up. Raises SettingError."""
    value = text(name)
    if not value.isdecimal() or int(value) < 1:
        raise SettingError(name=name, value=value, allowed="a whole number from 1 up")
    return int(value)


def flag(name: str) -> bool:
    """The setting's value, yes or no. Raises SettingError."""
    value = text(name)
    if value.lower() not in _FLAGS:
        raise SettingError(name=name, value=value, allowed=", ".join(_FLAGS))
    return _FLAGS[value.lower()]


def refuse_unknown() -> None:
    """Raises UnknownSettingError if the environment holds a TOPLINE_ variable that means nothing."""
    for name in sorted(os.environ):
        if name.startswith("TOPLINE_") and name not in SETTINGS:
            near = spelling.nearest(name, SETTINGS)
            hint = f"Did you mean {near[0]}?" if near else "Take it out of the environment."
            raise UnknownSettingError(name=name, hint=hint)
