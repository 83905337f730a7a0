"""What can go wrong with a lake, and what to do about it."""

from topline.units.errors import ToplineError
from topline.units.text import N_


class UnknownFactError(ToplineError):
    message = N_("There is no fact “%(fact)s”. Known are: %(known)s.")


class FactSchemaError(ToplineError):
    message = N_("The rows don't fit the fact “%(fact)s”: %(reason)s. Bring them to its columns and types first.")


class NewerLakeError(ToplineError):
    message = N_(
        "The table “%(fact)s” was written by a newer program (version %(found)s, this one knows %(known)s). "
        "Update Topline before you write to it."
    )


class NoSnapshotError(ToplineError):
    message = N_("The shop “%(shop)s” has no snapshot %(number)s. Older ones are cleared away after %(days)s days.")


class DamagedLakeError(ToplineError):
    message = N_("Files of the shop “%(shop)s” are missing or changed: %(count)s, first %(path)s. Restore a backup.")
