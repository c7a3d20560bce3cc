"""The permission to read what is others', and the role `support` that grants it."""

import django.contrib.auth.models
from django.db import migrations

SCOPES = {
    "read:users": "Can read users and their subscriptions",
    "read:hub": "Can see what belongs to others, and changes nothing",
}
ROLES = {"support": ["read:users", "read:hub"], "operator": ["read:hub"]}


def make_roles(apps, schema_editor):
    # Django makes permissions only after all migrations have run: too late for the roles.
    db = schema_editor.connection.alias
    content_type, _ = (
        apps.get_model("contenttypes", "ContentType")
        .objects.using(db)
        .get_or_create(app_label="accounts", model="user")
    )
    permissions = apps.get_model("auth", "Permission").objects.using(db)
    for name, codenames in ROLES.items():
        group, _ = apps.get_model("auth", "Group").objects.using(db).get_or_create(name=name)
        for codename in codenames:
            permission, _ = permissions.get_or_create(
                content_type=content_type,
                codename=codename,
                defaults={"name": SCOPES[codename]},
            )
            group.permissions.add(permission)


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0011_device_requests"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
    ]
    operations = [
        migrations.CreateModel(
            name='Role',
            fields=[],
            options={
                'verbose_name': 'role',
                'verbose_name_plural': 'roles',
                'proxy': True,
                'indexes': [],
                'constraints': [],
            },
            bases=('auth.group',),
            managers=[('objects', django.contrib.auth.models.GroupManager())],
        ),
        migrations.AlterModelOptions(
            name='user',
            options={'permissions': [('manage:cubegens', 'Can generate data cubes'), ('process:cubegens', 'Can run own code in cube generation'), ('manage:collections', 'Can publish collections in GeoServer'), ('read:users', 'Can read users and their subscriptions'), ('create:users', 'Can create users and their subscriptions'), ('share:publicly', 'Can share by links that need no sign-in'), ('read:hub', 'Can see what belongs to others, and changes nothing'), ('operate:hub', 'Can operate the hub: see and change what belongs to others')], 'verbose_name': 'user'},
        ),
        migrations.RunPython(make_roles, migrations.RunPython.noop),
    ]
