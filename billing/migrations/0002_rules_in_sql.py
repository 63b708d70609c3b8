"""What the database itself refuses about money; ``docs/ledger.md`` explains each."""

from django.db import migrations

APPEND_ONLY = """
-- Append-only, also for session_replication_role = replica: ENABLE ALWAYS.
CREATE TRIGGER entry_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON billing_entry
    FOR EACH STATEMENT EXECUTE FUNCTION console_refuse_change();
ALTER TABLE billing_entry ENABLE ALWAYS TRIGGER entry_append_only;

CREATE TRIGGER limit_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON billing_creditlimitchange
    FOR EACH STATEMENT EXECUTE FUNCTION console_refuse_change();
ALTER TABLE billing_creditlimitchange ENABLE ALWAYS TRIGGER limit_append_only;

-- A balance moves, but its row stays for good.
CREATE TRIGGER balance_kept BEFORE DELETE OR TRUNCATE ON billing_balance
    FOR EACH STATEMENT EXECUTE FUNCTION console_refuse_change();
ALTER TABLE billing_balance ENABLE ALWAYS TRIGGER balance_kept;
"""

TREE = """
-- The balance's copy of the mode follows the account's, so that a CHECK can say
-- "a shared account's own row is zero"; and master and account belong together.
ALTER TABLE billing_balance ADD CONSTRAINT balance_of_account
    FOREIGN KEY (master_id, account_id, mode)
    REFERENCES accounts_account (master_id, id, balance_mode) ON UPDATE CASCADE;

-- A transfer stays within one company. Deferred: looking at the accounts at once would lock their
-- rows before the balances, the other way round than a switch of mode does.
ALTER TABLE billing_transfer ADD CONSTRAINT transfer_source_in_company
    FOREIGN KEY (master_id, source_id) REFERENCES accounts_account (master_id, id)
    DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE billing_transfer ADD CONSTRAINT transfer_destination_in_company
    FOREIGN KEY (master_id, destination_id) REFERENCES accounts_account (master_id, id)
    DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE billing_creditlimitchange ADD CONSTRAINT limit_in_company
    FOREIGN KEY (master_id, account_id) REFERENCES accounts_account (master_id, id);

-- Balances are updated by every posting: leave room for updates within the page.
ALTER TABLE billing_balance SET (fillfactor = 50);
"""

UNDO = """
ALTER TABLE billing_creditlimitchange DROP CONSTRAINT limit_in_company;
ALTER TABLE billing_transfer DROP CONSTRAINT transfer_destination_in_company;
ALTER TABLE billing_transfer DROP CONSTRAINT transfer_source_in_company;
ALTER TABLE billing_balance DROP CONSTRAINT balance_of_account;
DROP TRIGGER balance_kept ON billing_balance;
DROP TRIGGER limit_append_only ON billing_creditlimitchange;
DROP TRIGGER entry_append_only ON billing_entry;
"""


class Migration(migrations.Migration):
    dependencies = [("billing", "0001_initial"), ("accounts", "0002_rules_in_sql")]

    operations = [migrations.RunSQL(APPEND_ONLY + TREE, UNDO)]
