"""What the database refuses about alerts, recipients and notices."""

from django.db import migrations

RULES = """
CREATE TRIGGER notice_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON billing_notice
    FOR EACH STATEMENT EXECUTE FUNCTION console_refuse_change();
ALTER TABLE billing_notice ENABLE ALWAYS TRIGGER notice_append_only;

ALTER TABLE billing_alert ADD CONSTRAINT alert_in_company
    FOREIGN KEY (master_id, account_id) REFERENCES accounts_account (master_id, id);
ALTER TABLE billing_notice ADD CONSTRAINT notice_in_company
    FOREIGN KEY (master_id, account_id) REFERENCES accounts_account (master_id, id);
ALTER TABLE billing_alertrecipient ADD CONSTRAINT alert_recipient_in_company
    FOREIGN KEY (master_id, alert_id) REFERENCES billing_alert (master_id, id);
ALTER TABLE billing_noticereader ADD CONSTRAINT notice_reader_in_company
    FOREIGN KEY (master_id, notice_id) REFERENCES billing_notice (master_id, id);
"""

UNDO = """
ALTER TABLE billing_noticereader DROP CONSTRAINT notice_reader_in_company;
ALTER TABLE billing_alertrecipient DROP CONSTRAINT alert_recipient_in_company;
ALTER TABLE billing_notice DROP CONSTRAINT notice_in_company;
ALTER TABLE billing_alert DROP CONSTRAINT alert_in_company;
DROP TRIGGER notice_append_only ON billing_notice;
"""


class Migration(migrations.Migration):
    dependencies = [("billing", "0009_alerts")]

    operations = [migrations.RunSQL(RULES, UNDO)]
