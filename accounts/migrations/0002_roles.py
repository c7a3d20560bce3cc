"""The roles that the hub comes with. Operators may change them; they are made only once."""

from django.db import migrations

SCOPES = {
    "manage:cubegens": "Can generate data cubes",
    "process:cubegens": "Can run own code in cube generation",
    "manage:collections": "Can publish collections in GeoServer",
    "read:users": "Can read users and their subscriptions",
    "create:users": "Can create users and their subscriptions",
    "operate:hub": "Can operate the hub: see and change what belongs to others",
}
ROLES = {
    "cube-generation": ["manage:cubegens"],
    "user-code": ["process:cubegens"],
    "geoserver": ["manage:collections"],
    "marketplace": ["read:users", "create:users"],
    "operator": list(SCOPES),
}


def make_roles(apps, schema_editor):
    # Django makes permissions only after all migrations have run: too late for the roles.
    db = schema_editor.connection.alias
    content_type, _ = (
        apps.get_model("contenttypes", "ContentType")
        .objects.using(db)
        .get_or_create(app_label="accounts", model="user")
    )
    permissions = apps.get_model("auth", "Permission").objects.using(db)
    groups = apps.get_model("auth", "Group").objects.using(db)
    for name, codenames in ROLES.items():
        group, _ = groups.get_or_create(name=name)
        for codename in codenames:
            permission, _ = permissions.get_or_create(
                content_type=content_type,
                codename=codename,
                defaults={"name": SCOPES[codename]},
            )
            group.permissions.add(permission)


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0001_initial"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
    ]
    operations = [migrations.RunPython(make_roles, migrations.RunPython.noop)]
