"""The audit log; that it is append-only is SQL at the end."""

import django.core.serializers.json
import django.db.models.deletion
import django.db.models.functions.datetime
from django.conf import settings
from django.db import migrations, models

RULES = """
-- What somebody did stays as it was written, for whoever asks later.
CREATE TRIGGER audit_event_append_only
    BEFORE UPDATE OR DELETE OR TRUNCATE ON accounts_auditevent
    FOR EACH STATEMENT EXECUTE FUNCTION console_refuse_change();
ALTER TABLE accounts_auditevent ENABLE ALWAYS TRIGGER audit_event_append_only;

-- An account of the company that the row is about.
ALTER TABLE accounts_auditevent ADD CONSTRAINT audit_event_in_company
    FOREIGN KEY (master_id, account_id) REFERENCES accounts_account (master_id, id);
"""

UNDO = """
ALTER TABLE accounts_auditevent DROP CONSTRAINT audit_event_in_company;
DROP TRIGGER audit_event_append_only ON accounts_auditevent;
"""


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0004_time_zone_never_changes'),
    ]

    operations = [
        migrations.CreateModel(
            name='AuditEvent',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), verbose_name='when')),
                ('action', models.CharField(max_length=40, verbose_name='what')),
                ('via', models.CharField(choices=[('page', 'page'), ('api', 'API'), ('system', 'job or command')], max_length=10, verbose_name='how')),
                ('about', models.CharField(blank=True, max_length=500, verbose_name='about')),
                ('before', models.JSONField(default=dict, encoder=django.core.serializers.json.DjangoJSONEncoder, verbose_name='before')),
                ('after', models.JSONField(default=dict, encoder=django.core.serializers.json.DjangoJSONEncoder, verbose_name='after')),
                ('ip', models.GenericIPAddressField(null=True, verbose_name='IP address')),
                ('user_agent', models.CharField(blank=True, max_length=200, verbose_name='browser')),
                ('request_id', models.CharField(blank=True, max_length=64, verbose_name='request')),
                ('account', models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.account')),
                ('actor', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('master', models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.account')),
                ('whom', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'verbose_name': 'audit event',
                'verbose_name_plural': 'audit events',
                'indexes': [models.Index(fields=['master', '-at', '-id'], name='audit_by_company'), models.Index(fields=['-at', '-id'], name='audit_by_time')],
                'constraints': [models.CheckConstraint(condition=models.Q(('action__regex', '\\A[a-z_]{3,40}\\Z')), name='audit_action_is_a_name'), models.CheckConstraint(condition=models.Q(('account__isnull', True), ('master__isnull', False), _connector='OR'), name='audit_account_in_a_company')],
            },
        ),
        migrations.RunSQL(RULES, UNDO),
    ]
