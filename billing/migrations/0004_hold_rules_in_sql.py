"""What the database itself refuses about holds; ``docs/ledger.md`` explains each."""

from django.db import migrations

RULES = """
CREATE FUNCTION billing_refuse_hold_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'hold % is refused this change: it ends once, and what it was placed as stays',
        OLD.id USING ERRCODE = 'restrict_violation';
END $$;

-- What it was placed as never changes, what was captured stays captured, and it ends once.
CREATE TRIGGER hold_identity BEFORE UPDATE ON billing_hold FOR EACH ROW
    WHEN (OLD.state <> 'open' OR NEW.captured < OLD.captured
          OR (OLD.master_id, OLD.id, OLD.holder_id, OLD.account_id, OLD.by_id, OLD.origin,
              OLD.reference, OLD.description, OLD.amount, OLD.placed_at, OLD.expires_at)
             IS DISTINCT FROM
             (NEW.master_id, NEW.id, NEW.holder_id, NEW.account_id, NEW.by_id, NEW.origin,
              NEW.reference, NEW.description, NEW.amount, NEW.placed_at, NEW.expires_at))
    EXECUTE FUNCTION billing_refuse_hold_change();
ALTER TABLE billing_hold ENABLE ALWAYS TRIGGER hold_identity;

CREATE TRIGGER hold_kept BEFORE DELETE OR TRUNCATE ON billing_hold
    FOR EACH STATEMENT EXECUTE FUNCTION console_refuse_change();
ALTER TABLE billing_hold ENABLE ALWAYS TRIGGER hold_kept;
"""

UNDO = """
DROP TRIGGER hold_kept ON billing_hold;
DROP TRIGGER hold_identity ON billing_hold;
DROP FUNCTION billing_refuse_hold_change();
"""


class Migration(migrations.Migration):
    dependencies = [("billing", "0003_holds")]

    operations = [migrations.RunSQL(RULES, UNDO)]
