"""Adding to the audit log."""

from topline.workbench.models import AuditEntry


def log(action: str, *, actor_id: int | None, shop: str = "", subject: str = "", **detail: object) -> None:
    """Note, in the caller's transaction, who did what. `detail` is JSON and holds no secret."""
    AuditEntry.objects.create(action=action, actor_id=actor_id, shop=shop, subject=subject, detail=detail)
