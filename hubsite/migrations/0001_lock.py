"""The lock comes from jobs, with its table and rows: jobs' first migration makes the table, and
its third one widens the name and gives the model away."""

from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True
    dependencies = []

    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[],
            state_operations=[
                migrations.CreateModel(
                    name='Lock',
                    fields=[
                        ('name', models.CharField(max_length=200, primary_key=True, serialize=False)),
                        ('holder', models.CharField(blank=True, max_length=100)),
                        ('expires_at', models.DateTimeField(blank=True, null=True)),
                    ],
                    options={'db_table': 'jobs_lock'},
                ),
            ],
        ),
    ]
