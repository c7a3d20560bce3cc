from django.db import migrations, models


def forget(apps, schema_editor):
    """Errors without features are of no use; the worker makes all forecasts anew within seconds."""
    for name in ("QueueForecast", "OpenPrediction", "PredictionErrors"):
        apps.get_model("jobs", name).objects.all().delete()


class Migration(migrations.Migration):

    dependencies = [
        ("jobs", "0024_compact_forecasts"),
    ]

    operations = [
        migrations.RunPython(forget, forget),
        migrations.AddField(
            model_name="openprediction",
            name="priority",
            field=models.PositiveSmallIntegerField(db_default=1, default=1),
        ),
        migrations.AlterField(
            model_name="predictionerrors",
            name="errors",
            field=models.JSONField(default=list, help_text="Newest last (errors.Error)."),
        ),
    ]
