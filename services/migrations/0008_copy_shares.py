"""Copies shares to `accounts.Share`, which holds those of all kinds.

Links become public ones. They count only as long as who made them has `share:publicly`, which no
one but operators has at first. Shares without an end get one, in a year.
"""

from datetime import timedelta

from django.db import migrations
from django.utils import timezone


def copy_shares(apps, schema_editor):
    db = schema_editor.connection.alias
    rows = apps.get_model("services", "Share").objects.using(db).order_by("pk")
    new = apps.get_model("accounts", "Share")
    in_a_year = timezone.now() + timedelta(days=365)
    for row in rows.select_related("instance", "user").iterator(chunk_size=500):
        new.objects.using(db).create(
            kind="service",
            subject=row.instance.instance_id,
            owner_id=row.instance.owner_id,
            person=row.user.email.lower() if row.user else "",
            user=row.user,
            link_hash=row.link_hash,
            is_public=row.link_hash is not None,
            created_by_id=row.created_by_id,
            created_at=row.created_at,
            expires_at=row.expires_at or in_a_year,
            revoked_at=row.revoked_at,
        )


class Migration(migrations.Migration):
    dependencies = [("services", "0007_units_warning"), ("accounts", "0009_sharing_roles")]
    operations = [migrations.RunPython(copy_shares, migrations.RunPython.noop)]
