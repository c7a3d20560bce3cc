"""An index for the cubes of one person in one state: few among a hundred thousand."""

from django.conf import settings
from django.db import migrations, models

from hubsite.gentle_index import AddIndexGently


class Migration(migrations.Migration):
    atomic = False

    dependencies = [
        ("jobs", "0019_engine_look"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        AddIndexGently(
            model_name="job",
            index=models.Index(
                fields=["owner", "state", "-id"],
                condition=models.Q(hidden_at=None),
                name="job_owner_state",
            ),
        ),
    ]
