"""Telling people things, once each."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from topline.workbench.models import Notification


def notify(
    *, recipient_id: int, shop: str, key: str, message: str, params: Mapping[str, Any], path: str, at: datetime
) -> bool:
    """Put it into the person's inbox in the caller's transaction. Returns False if the key was told already."""
    _, is_new = Notification.objects.get_or_create(
        recipient_id=recipient_id,
        key=key,
        defaults={"shop": shop, "message": message, "params": dict(params), "path": path, "at": at},
    )
    return is_new


def mark_read(*, recipient_id: int, shop: str, now: datetime, notification_id: int | None = None) -> int:
    """How many became read: the one, or all of the person's in the shop."""
    unread = Notification.objects.to(recipient_id, shop).unread().order_by()
    return unread.filter(**({"pk": notification_id} if notification_id else {})).update(read_at=now)
