from datetime import UTC

from django.db import migrations, models
from django.db.models import Case, CharField, Q, Sum, Value, When
from django.db.models.functions import TruncMonth

BATCH = 1000


def add_up(apps, schema_editor):
    """Write the sums of the entries that are there, by purpose."""
    entries = apps.get_model("accounts", "LedgerEntry").objects
    sums = apps.get_model("accounts", "UnitsOfMonth").objects
    purpose = Case(
        When(reference="", then=Value("")),
        When(reference__contains=":", then=Value("services")),
        default=Value("cubes"),
        output_field=CharField(),
    )

    def total(*kinds):
        return Sum("delta_total", filter=Q(kind__in=kinds), default=0)

    rows = (
        entries.exclude(delta_total=0)
        .order_by()
        .values("user", month=TruncMonth("created_at", tzinfo=UTC), purpose=purpose)
        .annotate(
            granted=total("grant"),
            charged=total("settle", "refund"),
            expired=total("expire"),
            corrected=total("correct", "override"),
        )
    )
    sums.all().delete()
    made = []
    for row in rows.iterator():
        made.append(
            sums.model(
                user_id=row["user"],
                month=row["month"].date(),
                purpose=row["purpose"],
                granted=row["granted"],
                charged=-row["charged"],
                expired=-row["expired"],
                corrected=row["corrected"],
            )
        )
        if len(made) == BATCH:
            sums.bulk_create(made)
            made.clear()
    sums.bulk_create(made)


def together(apps, schema_editor):
    """One row for each month again."""
    sums = apps.get_model("accounts", "UnitsOfMonth").objects
    rows = list(
        sums.order_by()
        .values_list("user", "month")
        .annotate(charged=Sum("charged"), granted=Sum("granted"))
    )
    sums.all().delete()
    sums.bulk_create(
        (
            sums.model(user_id=user, month=month, charged=charged, granted=granted)
            for user, month, charged, granted in rows
        ),
        batch_size=BATCH,
    )


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0017_last_use'),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name='unitsofmonth',
            name='one_sum_of_units_per_month',
        ),
        migrations.RemoveIndex(
            model_name='unitsofmonth',
            name='units_of_month_most',
        ),
        migrations.AddField(
            model_name='unitsofmonth',
            name='purpose',
            field=models.CharField(blank=True, default='', help_text='What was charged for; empty: grants, and what belongs to no purpose.', max_length=20),
        ),
        migrations.AddField(
            model_name='unitsofmonth',
            name='expired',
            field=models.BigIntegerField(default=0),
        ),
        migrations.AddField(
            model_name='unitsofmonth',
            name='corrected',
            field=models.BigIntegerField(default=0, help_text='By operators; may be negative.'),
        ),
        migrations.AddConstraint(
            model_name='unitsofmonth',
            constraint=models.UniqueConstraint(fields=('user', 'month', 'purpose'), name='one_sum_of_units_per_purpose'),
        ),
        migrations.AddIndex(
            model_name='unitsofmonth',
            index=models.Index(fields=['month', 'user', 'charged', 'granted'], name='units_of_month_sums'),
        ),
        migrations.RunPython(add_up, together),
    ]
