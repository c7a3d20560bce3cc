from django.db import migrations, models

from hubsite.gentle_index import AddIndexGently


class Migration(migrations.Migration):

    atomic = False

    dependencies = [
        ('accounts', '0018_units_by_purpose'),
    ]

    operations = [
        AddIndexGently(
            model_name='ledgerentry',
            index=models.Index(condition=~models.Q(kind__in=['reserve', 'release']), fields=['user', '-created_at', '-id'], name='ledger_user_moved'),
        ),
        AddIndexGently(
            model_name='ledgerentry',
            index=models.Index(fields=['kind', '-id'], name='ledger_kind'),
        ),
        AddIndexGently(
            model_name='notice',
            index=models.Index(fields=['kind', '-id'], name='notice_kind'),
        ),
    ]
