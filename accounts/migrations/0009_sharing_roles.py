"""The permission to share by links that need no sign-in, and the role that grants it."""

from django.db import migrations

SCOPE, NAME = "share:publicly", "Can share by links that need no sign-in"
ROLES = ("public-sharing", "operator")


def make_roles(apps, schema_editor):
    # Django makes permissions only after all migrations have run: too late for the roles.
    db = schema_editor.connection.alias
    content_type, _ = (
        apps.get_model("contenttypes", "ContentType")
        .objects.using(db)
        .get_or_create(app_label="accounts", model="user")
    )
    permission, _ = (
        apps.get_model("auth", "Permission")
        .objects.using(db)
        .get_or_create(content_type=content_type, codename=SCOPE, defaults={"name": NAME})
    )
    for name in ROLES:
        group, _ = apps.get_model("auth", "Group").objects.using(db).get_or_create(name=name)
        group.permissions.add(permission)


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0008_sharing"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
    ]
    operations = [migrations.RunPython(make_roles, migrations.RunPython.noop)]
