"""The profile that a new hub offers. Operators may change or remove it; it is made only once."""

from django.db import migrations


def make_profile(apps, schema_editor):
    profiles = apps.get_model("services", "ServiceProfile").objects.using(
        schema_editor.connection.alias
    )
    profiles.get_or_create(
        name="small",
        defaults={
            "kind": "xcube_server",
            "title": "Small viewer",
            "description": "One core and 1 GiB of memory: enough for the cubes of one person.",
            "cpus": 1.0,
            "memory_bytes": 1 << 30,
            "idle_s": 1800,
            "age_s": 30 * 86400,
            "units_per_hour": 0,
        },
    )


class Migration(migrations.Migration):
    dependencies = [("services", "0001_initial")]
    operations = [migrations.RunPython(make_profile, migrations.RunPython.noop)]
