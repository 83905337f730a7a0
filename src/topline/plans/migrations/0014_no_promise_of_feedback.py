from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [
        ("plans", "0013_calendar_link_team"),
    ]

    operations = [
        migrations.RemoveField(model_name="feedback", name="promise"),
    ]
