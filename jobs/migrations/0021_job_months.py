from datetime import UTC

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models
from django.db.models import BigIntegerField, Count, F, OuterRef, Q, Subquery, Sum
from django.db.models.functions import Coalesce, TruncMonth


def add_up(apps, schema_editor):
    """Write the sums of the jobs that have ended already."""
    jobs = apps.get_model("jobs", "Job").objects
    sums = apps.get_model("jobs", "JobMonth").objects
    entries = apps.get_model("accounts", "LedgerEntry").objects
    charged = (
        entries.filter(reference=OuterRef("job_id"), kind__in=["settle", "refund"])
        .order_by()
        .values("reference")
        .annotate(sum=Sum("delta_total"))
    )
    rows = (
        jobs.filter(state__in=["SUCCEEDED", "FAILED", "CANCELLED"], finished_at__isnull=False)
        .annotate(
            month=TruncMonth("finished_at", tzinfo=UTC),
            charged=Subquery(charged.values("sum"), output_field=BigIntegerField()),
        )
        .order_by()
        .values("owner", "month", "output_store")
        .annotate(
            succeeded=Count("pk", filter=Q(state="SUCCEEDED")),
            failed=Count("pk", filter=Q(state="FAILED")),
            cancelled=Count("pk", filter=Q(state="CANCELLED")),
            units=Coalesce(Sum(-F("charged")), 0, output_field=BigIntegerField()),
        )
    )
    sums.bulk_create(
        (
            sums.model(
                owner_id=row.pop("owner"),
                month=row.pop("month").date(),
                store=row.pop("output_store"),
                **row,
            )
            for row in rows.iterator()
        ),
        batch_size=500,
    )


class Migration(migrations.Migration):

    dependencies = [
        ('jobs', '0020_job_owner_state'),
        ('accounts', '0018_units_by_purpose'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='JobMonth',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('month', models.DateField(help_text='Its first day.')),
                ('store', models.CharField(help_text='Where the cubes were to be written.', max_length=200)),
                ('succeeded', models.BigIntegerField(default=0)),
                ('failed', models.BigIntegerField(default=0)),
                ('cancelled', models.BigIntegerField(default=0)),
                ('units', models.BigIntegerField(default=0, help_text='What these jobs were charged, less what was given back.')),
                ('owner', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='job_months', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('owner', 'month', 'store'), name='one_sum_of_jobs_per_month')],
            },
        ),
        migrations.RunPython(add_up, migrations.RunPython.noop),
    ]
