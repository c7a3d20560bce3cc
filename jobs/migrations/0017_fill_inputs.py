"""Jobs that were submitted before say which data set they read."""

from django.db import migrations
from django.db.models import OuterRef, Subquery, TextField, Value
from django.db.models.fields.json import KeyTextTransform, KeyTransform
from django.db.models.functions import Coalesce, Left

AT_ONCE = 5_000


def fill(apps, schema_editor):
    """Copy store and data set of the first input from the requests that are kept."""
    jobs = apps.get_model("jobs", "Job").objects
    documents = apps.get_model("jobs", "JobDocument").objects.filter(job=OuterRef("pk"))
    one = KeyTransform("input_config", "request")
    first = KeyTransform("0", KeyTransform("input_configs", "request"))

    def told(key):
        text = Coalesce(
            KeyTextTransform(key, one),
            KeyTextTransform(key, first),
            Value(""),
            output_field=TextField(),
        )
        found = Subquery(documents.values_list(text)[:1], output_field=TextField())
        return Coalesce(found, Value(""), output_field=TextField())

    last = jobs.order_by("-pk").values_list("pk", flat=True).first() or 0
    for begin in range(0, last + 1, AT_ONCE):
        rows = jobs.filter(pk__gte=begin, pk__lt=begin + AT_ONCE)
        rows.update(
            input_data_id=Left(told("data_id"), 512), input_store=Left(told("store_id"), 200)
        )


class Migration(migrations.Migration):
    dependencies = [("jobs", "0016_inputs_and_hours")]

    operations = [migrations.RunPython(fill, migrations.RunPython.noop)]
