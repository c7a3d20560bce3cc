from django.db import migrations, models

from hubsite.gentle_index import AddIndexGently


class Migration(migrations.Migration):

    atomic = False

    dependencies = [
        ('jobs', '0021_job_months'),
    ]

    operations = [
        AddIndexGently(
            model_name='job',
            index=models.Index(condition=models.Q(('is_live', True)), fields=['engine', 'state', 'owner'], name='job_live_counted'),
        ),
        AddIndexGently(
            model_name='job',
            index=models.Index(condition=models.Q(('hidden_at', None), ('state', 'SUCCEEDED')), fields=['owner', '-finished_at', '-id'], name='job_owner_cubes'),
        ),
    ]
