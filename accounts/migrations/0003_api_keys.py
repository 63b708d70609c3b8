"""Keys of the API; what the database itself refuses about them is SQL at the end."""

import django.contrib.postgres.fields
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

RULES = """
-- A key is for a master account, never for a subaccount.
ALTER TABLE accounts_apikey ADD CONSTRAINT api_key_of_a_master_account
    FOREIGN KEY (master_id, master_id) REFERENCES accounts_account (master_id, id);

CREATE FUNCTION accounts_refuse_new_key() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'key % is what it was made as, and revoked for good: make a new one', OLD.prefix
        USING ERRCODE = 'restrict_violation';
END $$;

CREATE TRIGGER api_key_identity BEFORE UPDATE ON accounts_apikey FOR EACH ROW
    WHEN ((OLD.id, OLD.prefix, OLD.digest, OLD.master_id, OLD.scopes, OLD.created_at)
          IS DISTINCT FROM
          (NEW.id, NEW.prefix, NEW.digest, NEW.master_id, NEW.scopes, NEW.created_at)
          OR OLD.revoked_at IS NOT NULL AND NEW.revoked_at IS DISTINCT FROM OLD.revoked_at)
    EXECUTE FUNCTION accounts_refuse_new_key();
ALTER TABLE accounts_apikey ENABLE ALWAYS TRIGGER api_key_identity;

-- Who could do what, and until when, is not forgotten.
CREATE TRIGGER api_key_kept BEFORE DELETE OR TRUNCATE ON accounts_apikey
    FOR EACH STATEMENT EXECUTE FUNCTION console_refuse_change();
ALTER TABLE accounts_apikey ENABLE ALWAYS TRIGGER api_key_kept;
"""

UNDO = """
DROP TRIGGER api_key_kept ON accounts_apikey;
DROP TRIGGER api_key_identity ON accounts_apikey;
DROP FUNCTION accounts_refuse_new_key();
ALTER TABLE accounts_apikey DROP CONSTRAINT api_key_of_a_master_account;
"""


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0002_rules_in_sql'),
    ]

    operations = [
        migrations.CreateModel(
            name='ApiKey',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('prefix', models.CharField(editable=False, max_length=12, unique=True, verbose_name='prefix')),
                ('digest', models.CharField(editable=False, max_length=64)),
                ('name', models.CharField(max_length=100, verbose_name='name')),
                ('scopes', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(choices=[('balance:read', 'Read balances and the list of subaccounts'), ('entries:read', 'Read entries'), ('charges:write', 'Charge usage'), ('charges:past-limit', 'Charge usage past the limit'), ('holds:write', 'Hold, capture and release credit')], max_length=30), size=None)),
                ('created_at', models.DateTimeField(auto_now_add=True, verbose_name='created')),
                ('last_used_at', models.DateTimeField(null=True, verbose_name='last used')),
                ('revoked_at', models.DateTimeField(null=True, verbose_name='revoked')),
                ('created_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('master', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='api_keys', to='accounts.account', verbose_name='master account')),
            ],
            options={
                'verbose_name': 'API key',
                'verbose_name_plural': 'API keys',
                'constraints': [models.CheckConstraint(condition=models.Q(('prefix__regex', '\\Acck_[a-z2-7]{8}\\Z')), name='api_key_prefix_is_well_formed'), models.CheckConstraint(condition=models.Q(('digest__regex', '\\A[0-9a-f]{64}\\Z')), name='api_key_digest_is_one'), models.CheckConstraint(condition=models.Q(('name__regex', '\\S')), name='api_key_name_is_not_blank'), models.CheckConstraint(condition=models.Q(('scopes__contained_by', ['balance:read', 'entries:read', 'charges:write', 'charges:past-limit', 'holds:write'])), name='api_key_scopes_are_known'), models.CheckConstraint(condition=models.Q(('scopes__len__gt', 0)), name='api_key_has_a_scope'), models.CheckConstraint(condition=models.Q(('revoked_at__isnull', True), ('revoked_at__gte', models.F('created_at')), _connector='OR'), name='api_key_revoked_after_created'), models.CheckConstraint(condition=models.Q(('last_used_at__isnull', True), ('last_used_at__gte', models.F('created_at')), _connector='OR'), name='api_key_used_after_created')],
            },
        ),
        migrations.RunSQL(RULES, UNDO),
    ]
