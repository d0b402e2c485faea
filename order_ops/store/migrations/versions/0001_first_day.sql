-- What a column list cannot say: the fence's sequence, the guard of order states, the
-- internal side's view, and the views that analysts read.

CREATE SEQUENCE intake.claim_seq;

-- A move is legal or it is not history. Reinstatement is an approved repair and says so.
ALTER TABLE orders.order_events ADD CONSTRAINT ck_order_events_legal_move CHECK (
    from_state IS NULL AND to_state = 'PENDING'
    OR from_state = to_state
    OR (from_state, to_state) IN (
        ('PENDING', 'RESERVED'), ('PENDING', 'CANCELLED'), ('PENDING', 'EXPIRED'),
        ('RESERVED', 'CONFIRMED'), ('RESERVED', 'CANCELLED'), ('RESERVED', 'EXPIRED'),
        ('CONFIRMED', 'COMPLETED'), ('CONFIRMED', 'CANCELLED'), ('CONFIRMED', 'REFUNDED'),
        ('COMPLETED', 'REFUNDED'))
    OR kind = 'reinstated' AND to_state = 'CONFIRMED' AND from_state IN ('EXPIRED', 'CANCELLED')
);

-- An order stands where its history leads: each step starts where the last one ended.
CREATE FUNCTION orders.follow_history() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    step record;
    reached text := CASE WHEN TG_OP = 'UPDATE' THEN OLD.state END;
    upto bigint := CASE WHEN TG_OP = 'UPDATE' THEN OLD.version ELSE 0 END;
BEGIN
    IF TG_OP = 'UPDATE' AND NEW.state = OLD.state AND NEW.version = OLD.version THEN
        RETURN NEW;
    END IF;
    FOR step IN
        SELECT from_state, to_state, version FROM orders.order_events
        WHERE tenant_id = NEW.tenant_id AND order_id = NEW.order_id
            AND version > upto AND version <= NEW.version ORDER BY version
    LOOP
        IF step.version <> upto + 1 OR step.from_state IS DISTINCT FROM reached THEN
            RAISE EXCEPTION 'order %/%: version % does not follow from version %',
                NEW.tenant_id, NEW.order_id, step.version, upto
                USING ERRCODE = 'integrity_constraint_violation';
        END IF;
        reached := step.to_state;
        upto := step.version;
    END LOOP;
    IF upto <> NEW.version OR reached IS DISTINCT FROM NEW.state THEN
        RAISE EXCEPTION 'order %/%: no history leads from % to % (version %)',
            NEW.tenant_id, NEW.order_id,
            CASE WHEN TG_OP = 'UPDATE' THEN OLD.state ELSE 'nothing' END, NEW.state, NEW.version
            USING ERRCODE = 'integrity_constraint_violation',
                HINT = 'Write the order_events row first, in the same transaction.';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER follow_history BEFORE INSERT OR UPDATE ON orders.orders
    FOR EACH ROW EXECUTE FUNCTION orders.follow_history();

-- The internal side of reconciliation, as the bundled mapping reads it.
CREATE VIEW orders.ledger_entries AS
SELECT 'payment:' || p.payment AS entry_id, p.tenant_id, p.account, 'charge' AS kind,
    p.payment AS provider_ref, p.order_id AS order_ref, p.amount_minor, p.currency, p.status,
    o.state AS order_state, COALESCE(p.succeeded_at, o.created_at) AS occurred_at
FROM orders.payments p JOIN orders.orders o USING (tenant_id, order_id)
UNION ALL
SELECT 'refund:' || r.refund, r.tenant_id, r.account, 'refund', r.refund, r.order_id,
    -r.amount_minor, r.currency, r.status, o.state, COALESCE(r.settled_at, o.created_at)
FROM orders.refunds r JOIN orders.orders o USING (tenant_id, order_id);

-- Stable names for analysts; docs/data-dictionary.md says what is in them.
CREATE VIEW analytics.provider_transactions AS SELECT * FROM recon.provider_transactions;
CREATE VIEW analytics.internal_transactions AS SELECT * FROM recon.internal_transactions;
CREATE VIEW analytics.payment_matches AS SELECT * FROM recon.payment_matches;
CREATE VIEW analytics.reconciliation_breaks AS SELECT * FROM recon.reconciliation_breaks;
CREATE VIEW analytics.reconciliation_bridge AS SELECT * FROM recon.reconciliation_bridge;
