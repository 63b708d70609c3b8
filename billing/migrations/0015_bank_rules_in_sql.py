"""What the database refuses about bank statements."""

from django.db import migrations

RULES = """
CREATE TRIGGER bank_statement_append_only
    BEFORE UPDATE OR DELETE OR TRUNCATE ON billing_bankstatement
    FOR EACH STATEMENT EXECUTE FUNCTION console_refuse_change();
ALTER TABLE billing_bankstatement ENABLE ALWAYS TRIGGER bank_statement_append_only;

CREATE TRIGGER bank_line_kept BEFORE DELETE OR TRUNCATE ON billing_bankline
    FOR EACH STATEMENT EXECUTE FUNCTION console_refuse_change();
ALTER TABLE billing_bankline ENABLE ALWAYS TRIGGER bank_line_kept;

-- What the bank said stays. A line belongs to one payment at most, and for good; what was credited
-- or is in review is told by its arrival from then on.
CREATE FUNCTION billing_refuse_bank_line_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'bank line % is refused this change: what the bank said stays', OLD.id
        USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER bank_line_identity BEFORE UPDATE ON billing_bankline FOR EACH ROW
    WHEN (OLD.outcome IN ('credited', 'review', 'ignored')
          OR (OLD.payment_id IS NOT NULL AND NEW.payment_id IS DISTINCT FROM OLD.payment_id)
          OR (OLD.id, OLD.statement_id, OLD.account_number, OLD.key, OLD.bank_reference,
              OLD.is_credit, OLD.amount, OLD.currency, OLD.booked_on, OLD.remittance,
              OLD."references", OLD.debtor)
             IS DISTINCT FROM
             (NEW.id, NEW.statement_id, NEW.account_number, NEW.key, NEW.bank_reference,
              NEW.is_credit, NEW.amount, NEW.currency, NEW.booked_on, NEW.remittance,
              NEW."references", NEW.debtor))
    EXECUTE FUNCTION billing_refuse_bank_line_change();
ALTER TABLE billing_bankline ENABLE ALWAYS TRIGGER bank_line_identity;

ALTER TABLE billing_bankline ADD CONSTRAINT bank_line_in_company
    FOREIGN KEY (master_id, payment_id) REFERENCES billing_payment (master_id, id)
    DEFERRABLE INITIALLY DEFERRED;
"""

UNDO = """
ALTER TABLE billing_bankline DROP CONSTRAINT bank_line_in_company;
DROP TRIGGER bank_line_identity ON billing_bankline;
DROP FUNCTION billing_refuse_bank_line_change();
DROP TRIGGER bank_line_kept ON billing_bankline;
DROP TRIGGER bank_statement_append_only ON billing_bankstatement;
"""


class Migration(migrations.Migration):
    dependencies = [("billing", "0014_bank")]

    operations = [migrations.RunSQL(RULES, UNDO)]
