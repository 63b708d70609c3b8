"""What ties reversals and the lines of a batch to the right company and accounts."""

from django.db import migrations

RULES = """
-- A reversal goes the same way back, within the same company; so never is it its own. All of these
-- are deferred: whoever writes a transfer has not locked the balances yet.
ALTER TABLE billing_transfer ADD CONSTRAINT transfer_reversal_goes_back
    FOREIGN KEY (master_id, reverses_id, destination_id, source_id)
    REFERENCES billing_transfer (master_id, id, source_id, destination_id)
    DEFERRABLE INITIALLY DEFERRED;

-- All lines of a batch come from its one source.
ALTER TABLE billing_transfer ADD CONSTRAINT transfer_line_in_batch
    FOREIGN KEY (master_id, batch_id, source_id)
    REFERENCES billing_transferbatch (master_id, id, source_id)
    DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE billing_transferbatch ADD CONSTRAINT batch_source_in_company
    FOREIGN KEY (master_id, source_id) REFERENCES accounts_account (master_id, id)
    DEFERRABLE INITIALLY DEFERRED;
"""

UNDO = """
ALTER TABLE billing_transferbatch DROP CONSTRAINT batch_source_in_company;
ALTER TABLE billing_transfer DROP CONSTRAINT transfer_line_in_batch;
ALTER TABLE billing_transfer DROP CONSTRAINT transfer_reversal_goes_back;
"""


class Migration(migrations.Migration):
    dependencies = [("billing", "0005_reversals_and_batches")]

    operations = [migrations.RunSQL(RULES, UNDO)]
