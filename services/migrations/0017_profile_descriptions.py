"""Empty the descriptions of the profiles that the hub made: pages then say it in one's language.

They named memory in GiB, beside the same number in GB.
"""

from django.db import migrations

OLD = {
    "small": "One core and 1 GiB of memory: enough for the cubes of one person.",
    "cate": "Two cores and 16 GiB of memory at most.",
}


def empty(apps, schema_editor):
    profiles = apps.get_model("services", "ServiceProfile").objects.using(
        schema_editor.connection.alias
    )
    for name, description in OLD.items():
        profiles.filter(name=name, description=description).update(description="")


class Migration(migrations.Migration):
    dependencies = [("services", "0016_active_of_an_owner")]
    operations = [migrations.RunPython(empty, migrations.RunPython.noop)]
