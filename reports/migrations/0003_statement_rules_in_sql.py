"""What the database refuses about statements: they stay as they were issued, for one company."""

from django.db import migrations

RULES = """
CREATE TRIGGER statement_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON reports_statement
    FOR EACH STATEMENT EXECUTE FUNCTION console_refuse_change();
ALTER TABLE reports_statement ENABLE ALWAYS TRIGGER statement_append_only;

ALTER TABLE reports_statement ADD CONSTRAINT statement_holder_in_company
    FOREIGN KEY (master_id, holder_id) REFERENCES accounts_account (master_id, id)
    DEFERRABLE INITIALLY DEFERRED;

-- Numbers are never drawn twice.
CREATE TRIGGER statement_counter_kept BEFORE DELETE OR TRUNCATE ON reports_statementcounter
    FOR EACH STATEMENT EXECUTE FUNCTION console_refuse_change();
ALTER TABLE reports_statementcounter ENABLE ALWAYS TRIGGER statement_counter_kept;
"""

UNDO = """
DROP TRIGGER statement_counter_kept ON reports_statementcounter;
ALTER TABLE reports_statement DROP CONSTRAINT statement_holder_in_company;
DROP TRIGGER statement_append_only ON reports_statement;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0004_time_zone_never_changes"),
        ("reports", "0002_statements"),
    ]

    operations = [migrations.RunSQL(RULES, UNDO)]
