-- Files of providers and banks: each once, what they say of each line, and what is taken back.

-- name: lock_files$
-- Files of one account are taken in, and taken back, one after another.
SELECT pg_advisory_xact_lock(hashtextextended('files:' || :account, 0));

-- name: known_file^
SELECT id, name, received_at, corrects, days, lines FROM recon.source_file
WHERE account = :account AND sha256 = :sha256 AND withdrawn_at IS NULL;

-- name: add_file$
INSERT INTO recon.source_file (account, provider, name, sha256, lines, totals, days, numbers,
    corrects, told_in_full)
VALUES (:account, :provider, :name, :sha256, :lines, :totals::jsonb, :days::date[], :numbers::jsonb,
    :corrects::bigint[], true) RETURNING id;

-- name: cover_days!
UPDATE recon.source_file SET days = (
    SELECT array_agg(DISTINCT day ORDER BY day) FROM unnest(days || :days::date[]) AS day)
WHERE id = :id;

-- name: file_by_id^
-- With the standing file that corrects it, if one does.
SELECT f.id, f.account, f.provider, f.name, f.lines, f.corrects,
    f.told_in_full, f.received_at, f.withdrawn_at, c.id AS corrected_by, c.name AS corrected_by_name,
    EXISTS (SELECT 1 FROM recon.bank_statements s WHERE s.file_id = f.id) AS of_bank
FROM recon.source_file f LEFT JOIN LATERAL (
    SELECT id, name FROM recon.source_file c
    WHERE c.account = f.account AND c.withdrawn_at IS NULL AND f.id = ANY (c.corrects)
    ORDER BY id DESC LIMIT 1
) c ON true
WHERE f.id = :id;

-- name: lines_gone$
-- Lines of a file that was taken back that no other file tells.
SELECT (SELECT count(*) FROM recon.told_lines t WHERE t.file_id = :file_id AND NOT EXISTS (
        SELECT 1 FROM recon.telling o WHERE o.account = t.account AND o.entry_id = t.entry_id))
    + (SELECT count(*) FROM recon.bank_lines t WHERE t.file_id = :file_id AND NOT EXISTS (
        SELECT 1 FROM recon.bank_telling o WHERE o.account = t.account
            AND o.entry_id = t.entry_id AND o.day = t.day));

-- name: files_of
SELECT id, provider, name, lines, days[1] AS first_day, days[cardinality(days)] AS last_day, numbers,
    corrects, received_at, withdrawn_at
FROM recon.source_file WHERE account = :account ORDER BY id;

-- name: days_told_by
-- Days that files of a kind speak of, or spoke of until they were taken back.
SELECT DISTINCT f.account, day FROM recon.source_file f, unnest(f.days) AS told(day)
WHERE f.account = ANY (:accounts::text[]) AND f.provider = :provider;

-- name: standing_files
-- Files that count; a corrected one of a bank does not.
SELECT f.name, f.days, f.numbers, b.of_bank FROM recon.source_file f,
    LATERAL (SELECT EXISTS (SELECT 1 FROM recon.bank_statements s WHERE s.file_id = f.id)
        AS of_bank) b
WHERE f.account = :account AND f.withdrawn_at IS NULL AND NOT (b.of_bank AND EXISTS (
    SELECT 1 FROM recon.source_file c WHERE c.account = f.account AND c.withdrawn_at IS NULL
        AND f.id = ANY (c.corrects)))
ORDER BY f.id;

-- name: standing_statements
SELECT s.bank_account, s.statement_id, s.sequence, s.page, s.currency, s.opening_minor, s.opening_on,
    s.closing_minor, s.closing_on
FROM recon.bank_statements s JOIN recon.source_file f ON f.id = s.file_id
WHERE s.account = :account AND s.closing_on <= :day AND f.withdrawn_at IS NULL AND NOT EXISTS (
    SELECT 1 FROM recon.source_file c WHERE c.account = s.account AND c.withdrawn_at IS NULL
        AND f.id = ANY (c.corrects))
ORDER BY s.id;

-- name: booked_by_day
-- What the bank booked by the day on which its balances have it first, in minor units.
SELECT bank_account, currency, counted_on, sum(amount_minor)::bigint AS amount_minor
FROM recon.banked WHERE account = :account AND counted_on <= :day GROUP BY 1, 2, 3;

-- name: withdraw_file!
UPDATE recon.source_file SET withdrawn_at = now() WHERE id = :id;

-- name: make_touched_table#
CREATE TEMP TABLE IF NOT EXISTS touched_line (entry_id text PRIMARY KEY) ON COMMIT DELETE ROWS;

-- name: touch_lines_of_file!
INSERT INTO touched_line SELECT entry_id FROM recon.told_lines WHERE file_id = :file_id;

-- name: touch_corrected_lines!
-- Lines of the file that is coming in which those that it corrects have told.
INSERT INTO touched_line
SELECT DISTINCT i.entry_id FROM incoming_line i
JOIN recon.told_lines t ON t.account = i.account AND t.entry_id = i.entry_id
WHERE t.file_id = ANY (:corrects::bigint[]);

-- name: partly_known_file^
-- A file of an earlier release that may tell a touched line without our knowing: some of its lines
-- are not kept, it came when the line's day had begun, and no such file is known to tell the line.
SELECT f.id, f.name FROM recon.source_file f
WHERE f.account = :account AND f.withdrawn_at IS NULL AND NOT f.told_in_full
    AND f.lines > (SELECT count(*) FROM recon.told_lines t WHERE t.file_id = f.id)
    AND EXISTS (
        SELECT 1 FROM touched_line x
        JOIN recon.provider_transactions p ON p.account = f.account AND p.entry_id = x.entry_id
        WHERE p.day <= (f.received_at AT TIME ZONE 'UTC')::date + 1 AND NOT EXISTS (
            SELECT 1 FROM recon.told_lines t JOIN recon.source_file o ON o.id = t.file_id
            WHERE t.account = f.account AND t.entry_id = x.entry_id AND NOT o.told_in_full))
ORDER BY f.id LIMIT 1;

-- name: forget_lines
-- The touched lines, before they are told anew; the days that they were on, and those of later
-- lines of the same reference, which may have told the same.
WITH gone AS (
    DELETE FROM recon.provider_transactions p USING touched_line x
    WHERE p.account = :account AND p.entry_id = x.entry_id RETURNING p.day, p.provider_ref
)
SELECT day FROM gone
UNION
SELECT later.day FROM gone JOIN recon.provider_transactions later
    ON later.account = :account AND later.provider_ref = gone.provider_ref AND later.day > gone.day;

-- name: retell
-- The touched lines as the files that count tell them, in the order in which those came: what was
-- pending is what it ended as, blanks are filled. The same as `recon.add_lines` and
-- `recon.end_pending` make of the files one by one.
WITH told AS (
    SELECT t.* FROM touched_line x
    JOIN recon.telling t ON t.account = :account AND t.entry_id = x.entry_id
    WHERE t.file_id <> ALL (:but::bigint[])
), base AS (
    SELECT DISTINCT ON (entry_id) entry_id, day, occurred_at, status, settled_minor, fee_minor,
        net_minor, settlement_currency
    FROM told ORDER BY entry_id, COALESCE(status, 'succeeded') = 'pending', file_id
), origin AS (
    SELECT DISTINCT ON (entry_id) entry_id, file_id, line_no, category, raw
    FROM told ORDER BY entry_id, file_id
), customer AS (
    -- what the customer paid: by the first report that tells it, where it was exchanged
    SELECT DISTINCT ON (entry_id) entry_id, amount_minor, currency
    FROM told ORDER BY entry_id, currency = COALESCE(settlement_currency, currency), file_id
), filled AS (
    SELECT entry_id, (array_agg(kind ORDER BY file_id DESC))[1] AS kind,
        (array_agg(provider_ref ORDER BY file_id) FILTER (WHERE provider_ref IS NOT NULL))[1]
            AS provider_ref,
        (array_agg(order_ref ORDER BY file_id) FILTER (WHERE order_ref IS NOT NULL))[1]
            AS order_ref,
        (array_agg(payout_id ORDER BY file_id) FILTER (WHERE payout_id IS NOT NULL))[1]
            AS payout_id,
        (array_agg(available_on ORDER BY file_id) FILTER (WHERE available_on IS NOT NULL))[1]
            AS available_on,
        (array_agg(method ORDER BY file_id) FILTER (WHERE method IS NOT NULL))[1] AS method
    FROM told GROUP BY entry_id
), added AS (
    INSERT INTO recon.provider_transactions (account, entry_id, file_id, line_no, day, kind,
        category, provider_ref, order_ref, amount_minor, fee_minor, net_minor, currency,
        occurred_at, available_on, payout_id, raw, status, settled_minor, settlement_currency,
        method)
    SELECT :account, entry_id, origin.file_id, origin.line_no, base.day, filled.kind,
        origin.category, filled.provider_ref, filled.order_ref, customer.amount_minor,
        base.fee_minor, base.net_minor, customer.currency, base.occurred_at, filled.available_on,
        filled.payout_id, origin.raw, base.status, base.settled_minor, base.settlement_currency,
        filled.method
    FROM base JOIN origin USING (entry_id) JOIN customer USING (entry_id)
    JOIN filled USING (entry_id)
    RETURNING day
)
SELECT DISTINCT day FROM added;

-- name: contradicting_files^
-- What counts again with the lines of these files, against what another file that counts says of
-- the same line; what differs is as in `recon.conflicting_lines` and `conflicting_bank_lines`.
WITH pairs AS (
    SELECT again.entry_id, again.file_id AS again_id, other.file_id AS other_id
    FROM recon.telling again JOIN recon.telling other USING (account, entry_id)
    WHERE again.file_id = ANY (:file_ids::bigint[]) AND (
        (again.category, COALESCE(again.settled_minor, again.amount_minor),
            COALESCE(again.settlement_currency, again.currency))
            <> (other.category, COALESCE(other.settled_minor, other.amount_minor),
                COALESCE(other.settlement_currency, other.currency))
        OR again.currency <> again.settlement_currency
            AND other.currency <> other.settlement_currency
            AND (again.amount_minor, again.currency) <> (other.amount_minor, other.currency)
        OR again.payout_id <> other.payout_id
        OR 'pending' NOT IN (COALESCE(again.status, 'succeeded'),
                COALESCE(other.status, 'succeeded')) AND (
            (COALESCE(again.status, 'succeeded'), again.fee_minor, again.net_minor,
                again.occurred_at)
            <> (COALESCE(other.status, 'succeeded'), other.fee_minor, other.net_minor,
                other.occurred_at)))
    UNION ALL
    SELECT again.entry_id, again.file_id, other.file_id
    FROM recon.bank_telling again JOIN recon.bank_telling other USING (account, entry_id)
    WHERE again.file_id = ANY (:file_ids::bigint[])
        AND (again.kind, again.amount_minor, again.currency, again.day)
            <> (other.kind, other.amount_minor, other.currency, other.day)
)
SELECT p.entry_id, p.again_id, again.name AS again_name, p.other_id, other.name AS other_name
FROM pairs p JOIN recon.source_file again ON again.id = p.again_id
JOIN recon.source_file other ON other.id = p.other_id
ORDER BY p.other_id, p.again_id, p.entry_id LIMIT 1;

-- name: make_bank_line_table#
CREATE TEMP TABLE IF NOT EXISTS incoming_bank_line (LIKE recon.bank_lines) ON COMMIT DELETE ROWS;

-- name: conflicting_bank_lines
SELECT i.entry_id, i.line_no, known.line_no AS known_line, f.name AS known_file,
    f.id AS known_file_id
FROM incoming_bank_line i
JOIN recon.bank_telling known USING (account, entry_id)
JOIN recon.source_file f ON f.id = known.file_id
WHERE known.file_id <> ALL (:corrects::bigint[])
    AND (i.kind, i.amount_minor, i.currency, i.day)
        <> (known.kind, known.amount_minor, known.currency, known.day)
ORDER BY i.line_no LIMIT 1;

-- name: add_bank_lines
WITH added AS (
    INSERT INTO recon.bank_lines SELECT * FROM incoming_bank_line RETURNING account, entry_id, day
)
SELECT a.day, count(*) AS lines FROM added a
WHERE NOT EXISTS (SELECT 1 FROM recon.bank_telling known
    WHERE known.account = a.account AND known.entry_id = a.entry_id)
GROUP BY a.day ORDER BY a.day;

-- name: add_bank_statements!
INSERT INTO recon.bank_statements (file_id, account, bank_account, statement_id, sequence, page,
    lines, currency, opening_minor, opening_on, closing_minor, closing_on)
SELECT :file_id, :account, * FROM unnest(:bank_account::text[], :statement_id::text[],
    :sequence::bigint[], :page::int[], :lines::bigint[], :currency::text[],
    :opening_minor::bigint[], :opening_on::date[], :closing_minor::bigint[], :closing_on::date[]);

-- name: days_of_files
-- Days of the bank lines of files, and those that they speak of.
SELECT day FROM recon.bank_lines WHERE file_id = ANY (:file_ids::bigint[])
UNION
SELECT day FROM recon.source_file f, unnest(f.days) AS day
WHERE f.id = ANY (:file_ids::bigint[]);
