"""What the database itself refuses about accounts; ``docs/ledger.md`` explains each."""

from django.core.management import call_command
from django.db import migrations

TREE = """
-- One level only: the row that is my master has itself as master.
ALTER TABLE accounts_account ADD CONSTRAINT account_one_level
    FOREIGN KEY (master_id, master_id) REFERENCES accounts_account (master_id, id);

-- A membership names the master account of its account.
ALTER TABLE accounts_membership ADD CONSTRAINT membership_in_company
    FOREIGN KEY (master_id, account_id) REFERENCES accounts_account (master_id, id);
"""

REFUSE = """
CREATE FUNCTION console_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% on % is refused: its rows are kept as they were written', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation';
END $$;

CREATE FUNCTION accounts_refuse_new_identity() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the id, master account, code and currency of account % never change', OLD.id
        USING ERRCODE = 'restrict_violation';
END $$;

CREATE TRIGGER account_identity BEFORE UPDATE ON accounts_account FOR EACH ROW
    WHEN ((OLD.id, OLD.master_id, OLD.code, OLD.currency)
          IS DISTINCT FROM (NEW.id, NEW.master_id, NEW.code, NEW.currency))
    EXECUTE FUNCTION accounts_refuse_new_identity();
ALTER TABLE accounts_account ENABLE ALWAYS TRIGGER account_identity;

-- Accounts are closed, never deleted.
CREATE TRIGGER account_kept BEFORE DELETE OR TRUNCATE ON accounts_account
    FOR EACH STATEMENT EXECUTE FUNCTION console_refuse_change();
ALTER TABLE accounts_account ENABLE ALWAYS TRIGGER account_kept;
"""

UNDO = """
DROP TRIGGER account_kept ON accounts_account;
DROP TRIGGER account_identity ON accounts_account;
DROP FUNCTION accounts_refuse_new_identity();
DROP FUNCTION console_refuse_change();
ALTER TABLE accounts_membership DROP CONSTRAINT membership_in_company;
ALTER TABLE accounts_account DROP CONSTRAINT account_one_level;
"""


def create_cache_table(apps, schema_editor):
    """Sign-in's rate limits live in the database cache, so that they hold across processes."""
    call_command("createcachetable", database=schema_editor.connection.alias, verbosity=0)


class Migration(migrations.Migration):
    dependencies = [("accounts", "0001_initial")]

    operations = [
        migrations.RunSQL(TREE + REFUSE, UNDO),
        migrations.RunPython(create_cache_table, migrations.RunPython.noop),
    ]
