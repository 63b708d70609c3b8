"""The time zone of a company never changes: its days and months are counted by it."""

from django.db import migrations

TRIGGER = """
DROP TRIGGER account_identity ON accounts_account;
CREATE OR REPLACE FUNCTION accounts_refuse_new_identity() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the id, master account, code{extra} and currency of account % never change', OLD.id
        USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER account_identity BEFORE UPDATE ON accounts_account FOR EACH ROW
    WHEN ((OLD.id, OLD.master_id, OLD.code, OLD.currency{old})
          IS DISTINCT FROM (NEW.id, NEW.master_id, NEW.code, NEW.currency{new}))
    EXECUTE FUNCTION accounts_refuse_new_identity();
ALTER TABLE accounts_account ENABLE ALWAYS TRIGGER account_identity;
"""


class Migration(migrations.Migration):
    dependencies = [("accounts", "0003_api_keys")]

    operations = [
        migrations.RunSQL(
            TRIGGER.format(extra=", time zone", old=", OLD.time_zone", new=", NEW.time_zone"),
            TRIGGER.format(extra="", old="", new=""),
        )
    ]
