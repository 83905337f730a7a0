"""What section 24 of plan documents held as commitments becomes promises."""

from typing import Any

from django.conf import settings
from django.db import migrations


def carry_over(apps: Any, schema_editor: Any) -> None:
    """Copy the rows of each plan's version that counts: the active one, else the newest."""
    people = set(apps.get_model(settings.AUTH_USER_MODEL).objects.values_list("pk", flat=True))
    entries = apps.get_model("plans", "Entry")
    promises = apps.get_model("plans", "Promise")
    for plan in apps.get_model("plans", "Plan").objects.all():
        versions = plan.versions.order_by("-number")
        version = versions.filter(state="active").first() or versions.first()
        for row in entries.objects.filter(version=version, field="24.commitments", removed_at=None):
            text, owner = str(row.cells.get("commitment") or "")[:500], row.cells.get("owner")
            state = row.cells.get("state") or "open"
            if text:
                promises.objects.create(
                    plan=plan,
                    text=text,
                    owner_id=owner if owner in people else None,
                    due_on=row.cells.get("on") or plan.ends_on,
                    state=state,
                    made_at=plan.created_at,
                    settled_at=None if state == "open" else plan.created_at,
                )


class Migration(migrations.Migration):
    dependencies = [("plans", "0011_reviews")]
    operations = [migrations.RunPython(carry_over, migrations.RunPython.noop)]
