"""The roles that subscriptions to geoDB mean. They grant nothing here: geoDB knows the plan."""

from django.db import migrations

ROLES = ["geodb-user", "geodb-manage", "geodb-free"]


def make_roles(apps, schema_editor):
    groups = apps.get_model("auth", "Group").objects.using(schema_editor.connection.alias)
    for name in ROLES:
        groups.get_or_create(name=name)


class Migration(migrations.Migration):
    dependencies = [("accounts", "0004_subscriptions_and_units")]
    operations = [migrations.RunPython(make_roles, migrations.RunPython.noop)]
