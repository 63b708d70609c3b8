"""What the database refuses about payments, and the methods that there are to begin with."""

from django.db import migrations

RULES = """
CREATE TRIGGER payment_event_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON billing_paymentevent
    FOR EACH STATEMENT EXECUTE FUNCTION console_refuse_change();
ALTER TABLE billing_paymentevent ENABLE ALWAYS TRIGGER payment_event_append_only;

CREATE TRIGGER gateway_event_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON billing_gatewayevent
    FOR EACH STATEMENT EXECUTE FUNCTION console_refuse_change();
ALTER TABLE billing_gatewayevent ENABLE ALWAYS TRIGGER gateway_event_append_only;

-- What was asked for, and what came, stays.
CREATE TRIGGER payment_kept BEFORE DELETE OR TRUNCATE ON billing_payment
    FOR EACH STATEMENT EXECUTE FUNCTION console_refuse_change();
ALTER TABLE billing_payment ENABLE ALWAYS TRIGGER payment_kept;
CREATE TRIGGER arrival_kept BEFORE DELETE OR TRUNCATE ON billing_arrival
    FOR EACH STATEMENT EXECUTE FUNCTION console_refuse_change();
ALTER TABLE billing_arrival ENABLE ALWAYS TRIGGER arrival_kept;
CREATE TRIGGER refund_kept BEFORE DELETE OR TRUNCATE ON billing_refund
    FOR EACH STATEMENT EXECUTE FUNCTION console_refuse_change();
ALTER TABLE billing_refund ENABLE ALWAYS TRIGGER refund_kept;
CREATE TRIGGER dispute_kept BEFORE DELETE OR TRUNCATE ON billing_dispute
    FOR EACH STATEMENT EXECUTE FUNCTION console_refuse_change();
ALTER TABLE billing_dispute ENABLE ALWAYS TRIGGER dispute_kept;

CREATE FUNCTION billing_refuse_payment_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'payment % is refused this change: what was asked for stays, and paid is paid',
        OLD.id USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER payment_identity BEFORE UPDATE ON billing_payment FOR EACH ROW
    WHEN ((OLD.state = 'paid' AND NEW.state <> 'paid')
          OR NEW.credited < OLD.credited
          OR (OLD.gateway_reference <> '' AND NEW.gateway_reference <> OLD.gateway_reference)
          OR (OLD.master_id, OLD.id, OLD.account_id, OLD.key, OLD.gateway, OLD.amount, OLD.fee,
              OLD.currency, OLD.reference, OLD.created_at)
             IS DISTINCT FROM
             (NEW.master_id, NEW.id, NEW.account_id, NEW.key, NEW.gateway, NEW.amount, NEW.fee,
              NEW.currency, NEW.reference, NEW.created_at))
    EXECUTE FUNCTION billing_refuse_payment_change();
ALTER TABLE billing_payment ENABLE ALWAYS TRIGGER payment_identity;

CREATE FUNCTION billing_refuse_arrival_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'arrival % is refused this change: it is credited or returned once', OLD.id
        USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER arrival_identity BEFORE UPDATE ON billing_arrival FOR EACH ROW
    WHEN (OLD.state <> 'review'
          OR (OLD.master_id, OLD.payment_id, OLD.gateway, OLD.gateway_reference, OLD.amount,
              OLD.currency, OLD.arrived_at)
             IS DISTINCT FROM
             (NEW.master_id, NEW.payment_id, NEW.gateway, NEW.gateway_reference, NEW.amount,
              NEW.currency, NEW.arrived_at))
    EXECUTE FUNCTION billing_refuse_arrival_change();
ALTER TABLE billing_arrival ENABLE ALWAYS TRIGGER arrival_identity;

-- All within one company. Deferred: whoever writes them has not locked the balances yet.
ALTER TABLE billing_payment ADD CONSTRAINT payment_account_in_company
    FOREIGN KEY (master_id, account_id) REFERENCES accounts_account (master_id, id)
    DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE billing_arrival ADD CONSTRAINT arrival_in_company
    FOREIGN KEY (master_id, payment_id) REFERENCES billing_payment (master_id, id)
    DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE billing_refund ADD CONSTRAINT refund_in_company
    FOREIGN KEY (master_id, payment_id) REFERENCES billing_payment (master_id, id)
    DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE billing_dispute ADD CONSTRAINT dispute_in_company
    FOREIGN KEY (master_id, payment_id) REFERENCES billing_payment (master_id, id)
    DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE billing_paymentevent ADD CONSTRAINT payment_event_in_company
    FOREIGN KEY (master_id, payment_id) REFERENCES billing_payment (master_id, id)
    DEFERRABLE INITIALLY DEFERRED;
"""

UNDO = """
ALTER TABLE billing_paymentevent DROP CONSTRAINT payment_event_in_company;
ALTER TABLE billing_dispute DROP CONSTRAINT dispute_in_company;
ALTER TABLE billing_refund DROP CONSTRAINT refund_in_company;
ALTER TABLE billing_arrival DROP CONSTRAINT arrival_in_company;
ALTER TABLE billing_payment DROP CONSTRAINT payment_account_in_company;
DROP TRIGGER arrival_identity ON billing_arrival;
DROP FUNCTION billing_refuse_arrival_change();
DROP TRIGGER payment_identity ON billing_payment;
DROP FUNCTION billing_refuse_payment_change();
DROP TRIGGER dispute_kept ON billing_dispute;
DROP TRIGGER refund_kept ON billing_refund;
DROP TRIGGER arrival_kept ON billing_arrival;
DROP TRIGGER payment_kept ON billing_payment;
DROP TRIGGER gateway_event_append_only ON billing_gatewayevent;
DROP TRIGGER payment_event_append_only ON billing_paymentevent;
"""


class Migration(migrations.Migration):
    dependencies = [("billing", "0012_payments")]

    operations = [migrations.RunSQL(RULES, UNDO)]
