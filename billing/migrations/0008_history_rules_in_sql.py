"""What the database refuses about history and totals, and both for what is in the books already."""

from django.db import migrations

RULES = """
CREATE TRIGGER account_change_append_only
    BEFORE UPDATE OR DELETE OR TRUNCATE ON billing_accountchange
    FOR EACH STATEMENT EXECUTE FUNCTION console_refuse_change();
ALTER TABLE billing_accountchange ENABLE ALWAYS TRIGGER account_change_append_only;

CREATE TRIGGER cap_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON billing_capchange
    FOR EACH STATEMENT EXECUTE FUNCTION console_refuse_change();
ALTER TABLE billing_capchange ENABLE ALWAYS TRIGGER cap_append_only;

-- A day's total grows, but its row stays.
CREATE TRIGGER daily_total_kept BEFORE DELETE OR TRUNCATE ON billing_dailytotal
    FOR EACH STATEMENT EXECUTE FUNCTION console_refuse_change();
ALTER TABLE billing_dailytotal ENABLE ALWAYS TRIGGER daily_total_kept;

ALTER TABLE billing_accountchange ADD CONSTRAINT account_change_in_company
    FOREIGN KEY (master_id, account_id) REFERENCES accounts_account (master_id, id);
ALTER TABLE billing_capchange ADD CONSTRAINT cap_in_company
    FOREIGN KEY (master_id, account_id) REFERENCES accounts_account (master_id, id);
ALTER TABLE billing_capchange ADD CONSTRAINT cap_really_changed
    CHECK ((old, old_is_hard) IS DISTINCT FROM (new, new_is_hard));

ALTER TABLE billing_dailytotal ADD CONSTRAINT daily_total_counts_entries
    CHECK (entries > 0 AND amount_in >= 0 AND amount_out >= 0);
-- Today's rows are updated by every posting: leave room for updates within the page.
ALTER TABLE billing_dailytotal SET (fillfactor = 50);
"""

FILL = """
-- Nothing is known of what was done before there was a history: they were opened as they are.
INSERT INTO billing_accountchange (master_id, account_id, action, name, mode, state, changed_at)
SELECT master_id, id, 'opened', name, balance_mode, state, created_at FROM accounts_account
ORDER BY id;

INSERT INTO billing_dailytotal
    (master_id, account_id, day, holder_id, kind, contra, amount_in, amount_out, entries)
SELECT e.master_id, e.account_id, (e.posted_at AT TIME ZONE m.time_zone)::date, e.holder_id, e.kind,
    CASE WHEN e.kind IN ('payment', 'refund', 'chargeback') THEN 'payments_clearing'
         WHEN e.kind = 'transfer' THEN 'transfers'
         WHEN e.kind = 'usage' OR e.reference LIKE 'usage:%' AND e.kind = 'reversal'
             THEN 'usage_revenue'
         ELSE 'adjustments' END,
    sum(greatest(e.amount, 0)), -sum(least(e.amount, 0)), count(*)
FROM billing_entry e JOIN accounts_account m ON m.id = e.master_id
GROUP BY 1, 2, 3, 4, 5, 6;
"""

UNDO = """
ALTER TABLE billing_dailytotal RESET (fillfactor);
ALTER TABLE billing_dailytotal DROP CONSTRAINT daily_total_counts_entries;
ALTER TABLE billing_capchange DROP CONSTRAINT cap_really_changed;
ALTER TABLE billing_capchange DROP CONSTRAINT cap_in_company;
ALTER TABLE billing_accountchange DROP CONSTRAINT account_change_in_company;
DROP TRIGGER daily_total_kept ON billing_dailytotal;
DROP TRIGGER cap_append_only ON billing_capchange;
DROP TRIGGER account_change_append_only ON billing_accountchange;
"""


class Migration(migrations.Migration):
    dependencies = [("billing", "0007_daily_totals_caps_and_history")]

    operations = [
        migrations.RunSQL(RULES, UNDO),
        migrations.RunSQL(FILL, migrations.RunSQL.noop),
    ]
