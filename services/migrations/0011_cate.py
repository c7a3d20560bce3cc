"""Cate web APIs: a second kind of services, and the profile that a new hub has for it."""

from django.db import migrations, models

KINDS = [("xcube_server", "xcube server"), ("cate_webapi", "Cate web API")]


def make_profile(apps, schema_editor):
    profiles = apps.get_model("services", "ServiceProfile").objects.using(
        schema_editor.connection.alias
    )
    profiles.get_or_create(
        name="cate",
        defaults={
            "kind": "cate_webapi",
            "title": "Cate",
            "description": "Two cores and 16 GiB of memory at most.",
            "cpus": 2.0,
            "memory_bytes": 16 << 30,
            "idle_s": 1800,
            "age_s": 30 * 86400,
            "units_per_hour": 0,
        },
    )


class Migration(migrations.Migration):
    dependencies = [("services", "0010_reason_shared")]

    operations = [
        migrations.AlterField(
            model_name="serviceinstance",
            name="kind",
            field=models.CharField(choices=KINDS, max_length=20),
        ),
        migrations.AlterField(
            model_name="serviceprofile",
            name="kind",
            field=models.CharField(choices=KINDS, default="xcube_server", max_length=20),
        ),
        migrations.AlterField(
            model_name="serviceinstance",
            name="slot",
            field=models.CharField(
                blank=True,
                help_text="Of each slot a user has at most one: `main` (PUT /xcube), `cubes` "
                "(finished cubes), `cate`. Empty: one of any number.",
                max_length=40,
            ),
        ),
        migrations.RunPython(make_profile, migrations.RunPython.noop),
    ]
