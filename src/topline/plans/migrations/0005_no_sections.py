from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("plans", "0004_document")]

    operations = [migrations.RemoveField(model_name="planversion", name="sections")]
