from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("workbench", "0004_comment"),
    ]

    operations = [
        migrations.AddField(
            model_name="job",
            name="is_awaited",
            field=models.BooleanField(default=False, help_text="a person waits for it on a page"),
        ),
    ]
