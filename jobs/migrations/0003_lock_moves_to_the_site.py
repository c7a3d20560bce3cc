"""The lock is the site's now (hubsite/coordination/lock.py). Its table stays, with its rows."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('hubsite', '0001_lock'),
        ('jobs', '0002_made_at'),
    ]

    operations = [
        migrations.AlterField(
            model_name='lock',
            name='name',
            field=models.CharField(max_length=200, primary_key=True, serialize=False),
        ),
        migrations.SeparateDatabaseAndState(
            database_operations=[],
            state_operations=[migrations.DeleteModel(name='Lock')],
        ),
    ]
