"""Invitations, and the form that asked for a key; the rule that spans tables is SQL at the end."""

import django.db.models.deletion
import django.db.models.functions.text
from django.conf import settings
from django.db import migrations, models

RULES = """
-- An invitation names the master account of its account.
ALTER TABLE accounts_invitation ADD CONSTRAINT invitation_in_company
    FOREIGN KEY (master_id, account_id) REFERENCES accounts_account (master_id, id);

-- Who was offered what, and by whom, is not forgotten.
CREATE TRIGGER invitation_kept BEFORE DELETE OR TRUNCATE ON accounts_invitation
    FOR EACH STATEMENT EXECUTE FUNCTION console_refuse_change();
ALTER TABLE accounts_invitation ENABLE ALWAYS TRIGGER invitation_kept;
"""

UNDO = """
DROP TRIGGER invitation_kept ON accounts_invitation;
ALTER TABLE accounts_invitation DROP CONSTRAINT invitation_in_company;
"""


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0005_audit_log'),
    ]

    operations = [
        migrations.AddField(
            model_name='apikey',
            name='form',
            field=models.UUIDField(editable=False, null=True),
        ),
        migrations.AddConstraint(
            model_name='apikey',
            constraint=models.UniqueConstraint(fields=('master', 'form'), name='api_key_once_a_form'),
        ),
        migrations.CreateModel(
            name='Invitation',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('email', models.EmailField(max_length=254, verbose_name='e-mail address')),
                ('role', models.CharField(choices=[('member', 'Member'), ('subaccount_admin', 'Subaccount admin'), ('finance', 'Finance'), ('master_admin', 'Master admin')], max_length=20, verbose_name='role')),
                ('nonce', models.CharField(editable=False, max_length=43)),
                ('digest', models.CharField(editable=False, max_length=64, unique=True)),
                ('created_at', models.DateTimeField(auto_now_add=True, verbose_name='invited')),
                ('expires_at', models.DateTimeField(verbose_name='valid until')),
                ('mailed_at', models.DateTimeField(null=True)),
                ('ended', models.CharField(blank=True, choices=[('accepted', 'Accepted'), ('withdrawn', 'Withdrawn'), ('replaced', 'Sent again')], max_length=10)),
                ('ended_at', models.DateTimeField(null=True)),
                ('account', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='invitations', to='accounts.account')),
                ('ended_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('invited_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('master', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.account')),
            ],
            options={
                'verbose_name': 'invitation',
                'verbose_name_plural': 'invitations',
                'indexes': [models.Index(fields=['invited_by', 'created_at'], name='invitation_by_person')],
                'constraints': [models.UniqueConstraint(condition=models.Q(('ended', '')), fields=('master', 'account', 'email'), name='invitation_open_once'), models.CheckConstraint(condition=models.Q(models.Q(('account', models.F('master_id')), ('role__in', ['finance', 'master_admin'])), models.Q(models.Q(('account', models.F('master')), _negated=True), ('role__in', ['member', 'subaccount_admin'])), _connector='OR'), name='invitation_role_fits_account'), models.CheckConstraint(condition=models.Q(('email', django.db.models.functions.text.Lower('email'))), name='invitation_email_is_lower_case'), models.CheckConstraint(condition=models.Q(('digest__regex', '\\A[0-9a-f]{64}\\Z')), name='invitation_digest_is_one'), models.CheckConstraint(condition=models.Q(models.Q(('ended', ''), ('ended_at__isnull', True), ('ended_by__isnull', True)), models.Q(('ended__in', ['accepted', 'withdrawn', 'replaced']), ('ended_at__isnull', False), ('ended_by__isnull', False)), _connector='OR'), name='invitation_end_is_whole'), models.CheckConstraint(condition=models.Q(('expires_at__gt', models.F('created_at'))), name='invitation_is_valid_for_a_time')],
            },
        ),
        migrations.RunSQL(RULES, UNDO),
    ]
