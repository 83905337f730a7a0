"""Marking of texts that a person sees; the doors translate them."""


def N_(message: str) -> str:  # noqa: N802 - gettext's own name
    """The same text, marked for the message catalogue (the gettext convention for delayed translation)."""
    return message
