from typing import Any

import django.db.models.deletion
from django.db import migrations, models

FIELDS = {"1": "1.summary", "2": "2.text"}


def move_sentences(apps: Any, schema_editor: Any) -> None:
    """What drafts said becomes the document's text."""
    version = apps.get_model("plans", "PlanVersion")
    entry = apps.get_model("plans", "Entry")
    entry.objects.bulk_create(
        entry(version=one, field=FIELDS[number], cells={"said": said}, is_drafted=True)
        for one in version.objects.all()
        for number, said in one.sections.items()
        if number in FIELDS
    )


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0003_membership_owner_key"),
        ("plans", "0003_approval_and_scenarios"),
    ]

    operations = [
        migrations.AddField(model_name="plan", name="outline", field=models.JSONField(default=list)),
        migrations.AlterField(
            model_name="plan",
            name="kind",
            field=models.CharField(
                choices=[
                    ("sales", "Sales plan"),
                    ("marketing", "Marketing plan"),
                    ("both", "Marketing and sales plan"),
                ],
                default="sales",
                max_length=16,
            ),
        ),
        migrations.CreateModel(
            name="Entry",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("field", models.CharField(max_length=40)),
                ("key", models.CharField(blank=True, max_length=32)),
                ("cells", models.JSONField(default=dict)),
                ("position", models.PositiveIntegerField(default=0)),
                ("revision", models.PositiveIntegerField(default=0)),
                ("is_drafted", models.BooleanField(default=False)),
                ("removed_at", models.DateTimeField(null=True)),
                (
                    "version",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="entries", to="plans.planversion"
                    ),
                ),
            ],
            options={
                "constraints": [models.UniqueConstraint(fields=("version", "field", "key"), name="entry_key_in_field")],
            },
        ),
        migrations.CreateModel(
            name="EntryEdit",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("field", models.CharField(max_length=40)),
                ("key", models.CharField(blank=True, max_length=32)),
                ("revision", models.PositiveIntegerField()),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("set", "changed"),
                            ("add", "added"),
                            ("remove", "took out"),
                            ("restore", "brought back"),
                            ("move", "moved"),
                        ],
                        max_length=8,
                    ),
                ),
                ("column", models.CharField(blank=True, max_length=40)),
                ("old", models.JSONField(null=True)),
                ("new", models.JSONField(null=True)),
                ("actor_id", models.BigIntegerField(null=True)),
                ("at", models.DateTimeField()),
                (
                    "version",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="entry_edits", to="plans.planversion"
                    ),
                ),
            ],
            options={"indexes": [models.Index(fields=["version", "field", "key"], name="plans_entryedit_row")]},
        ),
        migrations.CreateModel(
            name="PlanTemplate",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=100)),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("sales", "Sales plan"),
                            ("marketing", "Marketing plan"),
                            ("both", "Marketing and sales plan"),
                        ],
                        max_length=16,
                    ),
                ),
                ("outline", models.JSONField(default=list)),
                ("entries", models.JSONField(default=list)),
                ("created_at", models.DateTimeField()),
                ("created_by", models.BigIntegerField(null=True)),
                (
                    "shop",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="plan_templates", to="accounts.shop"
                    ),
                ),
            ],
            options={
                "ordering": ["name"],
                "constraints": [models.UniqueConstraint(fields=("shop", "name"), name="plan_template_name_in_shop")],
            },
        ),
        migrations.RunPython(move_sentences, migrations.RunPython.noop),
    ]
