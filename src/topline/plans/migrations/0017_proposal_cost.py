"""A cost that nobody knew was kept as nothing; only those of stock, prices and the budget were known."""

from typing import Any

from django.db import migrations, models


def forget(apps: Any, schema_editor: Any) -> None:
    proposals = apps.get_model("plans", "Proposal").objects
    proposals.filter(cost=0).exclude(kind__in=("stock", "price", "budget")).update(cost=None)


def zero(apps: Any, schema_editor: Any) -> None:
    apps.get_model("plans", "Proposal").objects.filter(cost=None).update(cost=0)


class Migration(migrations.Migration):
    dependencies = [("plans", "0016_typed_team")]

    operations = [
        migrations.AddField("proposal", "costing", models.JSONField(blank=True, default=list)),
        migrations.AlterField("proposal", "cost", models.FloatField(null=True)),
        migrations.RunPython(forget, zero),
    ]
