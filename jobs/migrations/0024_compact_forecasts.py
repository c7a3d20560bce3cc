from django.db import migrations, models


def forget(apps, schema_editor):
    """The worker makes all forecasts anew within seconds."""
    apps.get_model("jobs", "QueueForecast").objects.all().delete()


class Migration(migrations.Migration):

    dependencies = [
        ("jobs", "0023_dealt_with"),
    ]

    operations = [
        migrations.RunPython(forget, forget),
        migrations.RemoveField(model_name="queueforecast", name="order"),
        migrations.AddField(
            model_name="queueforecast",
            name="waiting",
            field=models.PositiveIntegerField(default=0, help_text="Jobs that wait."),
        ),
        migrations.AddField(
            model_name="queueforecast",
            name="gap_s",
            field=models.FloatField(
                default=0, help_text="Mean time between two launches, in seconds."
            ),
        ),
        migrations.AddField(
            model_name="queueforecast",
            name="marks",
            field=models.BinaryField(
                default=bytes, help_text="Places and starts (queue_order.Marks)."
            ),
        ),
        migrations.AddField(
            model_name="queueforecast",
            name="lines",
            field=models.BinaryField(
                default=bytes, help_text="Long lines of one owner (queue_order.py)."
            ),
        ),
    ]
