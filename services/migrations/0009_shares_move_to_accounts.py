"""Sessions by links refer to `accounts.Share`. Those that are open end: the link opens them again."""

from django.db import migrations, models
from django.db.models import deletion


def end_sessions_of_links(apps, schema_editor):
    db = schema_editor.connection.alias
    for name in ("EdgeSession", "EdgeTicket"):
        apps.get_model("services", name).objects.using(db).exclude(share=None).delete()


def share() -> models.ForeignKey:
    return models.ForeignKey(
        null=True, on_delete=deletion.CASCADE, related_name="+", to="accounts.share"
    )


class Migration(migrations.Migration):
    dependencies = [("services", "0008_copy_shares")]
    operations = [
        migrations.RunPython(end_sessions_of_links, migrations.RunPython.noop),
        migrations.RemoveField("edgesession", "share"),
        migrations.RemoveField("edgeticket", "share"),
        migrations.DeleteModel("Share"),
        migrations.AddField("edgesession", "share", share()),
        migrations.AddField("edgeticket", "share", share()),
    ]
