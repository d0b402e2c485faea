-- What people decide about breaks: events, their chain, and breaks with where they stand.

-- name: lock_chain^
-- Events are added one after another: the chain never forks. Moments are the database's.
SELECT count, hash, clock_timestamp() AS at FROM recon.audit_head WHERE chain = 'breaks' FOR UPDATE;

-- name: add_event!
INSERT INTO recon.break_events (id, tenant_id, account, break_id, proposal_id, act, actor, role, at,
    decided_on, reason, assignee, due_on, class, currency, difference_minor, at_stake_minor,
    entries, members_hash, members, previous_hash, hash)
VALUES (:id, :tenant_id, :account, :break_id, :proposal_id, :act, :actor, :role, :at,
    :decided_on, :reason, :assignee, :due_on, :break_class, :currency, :difference_minor,
    :at_stake_minor, :entries, :members_hash, :members::jsonb, :previous_hash, :hash);

-- name: chain_head^
SELECT count, hash FROM recon.audit_head WHERE chain = 'breaks';

-- name: chain
-- The next events of the chain.
SELECT id, tenant_id, account, break_id, proposal_id, act, actor, role, at, decided_on, reason,
    assignee, due_on, class AS break_class, currency, difference_minor, at_stake_minor, entries,
    members_hash, members, previous_hash, hash
FROM recon.break_events WHERE id > :after ORDER BY id LIMIT :events;

-- name: events_of
-- What was done about a break or a proposal, oldest first.
SELECT id, at, actor, role, act, decided_on, reason, assignee, due_on, class AS break_class,
    currency, difference_minor, at_stake_minor, entries, members_hash
FROM recon.break_events
WHERE account = :account AND (break_id = :subject OR proposal_id = :subject) ORDER BY id;

-- name: decided_through$
SELECT COALESCE(max(id), 0) FROM recon.break_events WHERE account = :account;

-- name: decisions
-- What holds on a day: the last decision about each break that is of that day or before.
SELECT break_id, act, actor, reason, decided_on, break_class, currency, difference_minor,
    at_stake_minor, entries, members_hash
FROM (
    SELECT DISTINCT ON (break_id) break_id, act, actor, reason, decided_on, class AS break_class,
        currency, difference_minor, at_stake_minor, entries, members_hash
    FROM recon.break_events
    WHERE account = :account AND decided_on <= :day
        AND act IN ('accept', 'write_off', 'approve_write_off', 'reopen') AND break_id IS NOT NULL
    ORDER BY break_id, id DESC
) last
WHERE act <> 'reopen' ORDER BY break_id;

-- name: accepted_matches
-- Proposals that hold on a day.
SELECT proposal_id, actor, reason, decided_on, members
FROM (
    SELECT DISTINCT ON (proposal_id) proposal_id, act, actor, reason, decided_on, members
    FROM recon.break_events
    WHERE account = :account AND decided_on <= :day AND proposal_id IS NOT NULL
        AND act IN ('accept_match', 'reopen')
    ORDER BY proposal_id, id DESC
) last
WHERE act = 'accept_match' ORDER BY proposal_id;

-- name: run_days_from
-- Days from this one on that have been run: a decision makes them due again.
SELECT day FROM recon.run WHERE account = :account AND day >= :day ORDER BY day;

-- name: standing
-- Standing breaks, chosen by what is not null: the most money first.
SELECT s.account, s.day, s.break_id, s.class AS break_class, s.status, s.state, s.leg, s.key, s.kind,
    s.rule, s.currency, s.difference_minor, s.at_stake_minor, s.entries, s.order_ref,
    s.provider_ref, s.first_seen, s.break_on, s.explanation, s.age_days, s.age_business_days,
    s.assignee, s.due_on, s.last_note, s.decision, s.decided_by, s.decided_because, s.decided_on,
    s.decided_at, s.write_off_proposed_by
FROM recon.standing_breaks s
WHERE (:account::text IS NULL OR s.account = :account)
    AND (:break_class::text IS NULL OR s.class = :break_class)
    AND (:states::text[] IS NULL OR s.state = ANY (:states))
    AND (:assignee::text IS NULL OR s.assignee = :assignee)
    AND (:older_than::int IS NULL OR s.age_days > :older_than)
    AND (:at_least_minor::bigint IS NULL
        OR s.currency = :currency AND s.at_stake_minor >= :at_least_minor)
ORDER BY s.at_stake_minor DESC, s.account, s.break_id LIMIT :breaks;

-- name: standing_of^
SELECT s.account, s.day, s.break_id, s.class AS break_class, s.status, s.state, s.leg, s.key, s.kind,
    s.rule, s.currency, s.difference_minor, s.at_stake_minor, s.entries, s.order_ref,
    s.provider_ref, s.first_seen, s.break_on, s.explanation, s.age_days, s.age_business_days,
    s.assignee, s.due_on, s.last_note, s.decision, s.decided_by, s.decided_because, s.decided_on,
    s.decided_at, s.write_off_proposed_by
FROM recon.standing_breaks s
WHERE s.account = :account AND s.break_id = :break_id;

-- name: named
-- Accounts and last days of breaks whose id starts with a prefix, a hexadecimal one.
SELECT account, break_id, max(day) AS day FROM recon.reconciliation_breaks
WHERE break_id ~>=~ :prefix AND break_id ~<~ (:prefix || 'g')
GROUP BY account, break_id ORDER BY break_id, account LIMIT 6;

-- name: named_proposals
SELECT account, proposal_id, max(day) AS day FROM (
    SELECT account, proposal_id, day FROM recon.match_proposals
    UNION ALL
    SELECT account, proposal_id, decided_on FROM recon.break_events WHERE proposal_id IS NOT NULL
) known
WHERE starts_with(proposal_id, :prefix)
GROUP BY account, proposal_id ORDER BY proposal_id, account LIMIT 6;

-- name: latest_day$
SELECT max(day) FROM recon.run WHERE account = :account;

-- name: at_day^
-- A break as a day had it.
SELECT account, day, break_id, class AS break_class, status, leg, key, kind, rule, currency,
    difference_minor, at_stake_minor, entries, order_ref, provider_ref, first_seen, break_on,
    explanation
FROM recon.reconciliation_breaks
WHERE account = :account AND day = :day AND break_id = :break_id;

-- name: history
-- How a break stood, by day.
SELECT day, class AS break_class, status, currency, difference_minor, at_stake_minor, entries
FROM recon.reconciliation_breaks WHERE account = :account AND break_id = :break_id ORDER BY day;

-- name: told_hashes
-- What the entries of breaks said to the run of the day; none of a release that did not keep it.
SELECT break_id, members_hash FROM recon.told_breaks
WHERE account = :account AND day = :day AND break_id = ANY (:break_ids::text[]);

-- name: members_told
-- Entries of breaks with what they say; a line of a release that knew less has settled as paid.
SELECT m.break_id, m.side, m.entry_id,
    COALESCE(i.amount_minor, p.amount_minor, b.amount_minor) AS amount_minor,
    COALESCE(i.currency, p.currency, b.currency) AS currency,
    CASE WHEN p.entry_id IS NULL THEN i.status ELSE COALESCE(p.status, 'succeeded') END AS status,
    COALESCE(p.settled_minor, p.amount_minor) AS settled_minor
FROM recon.break_members m
LEFT JOIN recon.internal_transactions i
    ON m.side = 'internal' AND i.account = m.account AND i.entry_id = m.entry_id
LEFT JOIN recon.provider_transactions p
    ON m.side IN ('provider', 'payout') AND p.account = m.account AND p.entry_id = m.entry_id
LEFT JOIN recon.banked b
    ON m.side = 'bank' AND b.account = m.account AND b.entry_id = m.entry_id
WHERE m.account = :account AND m.day = :day AND m.break_id = ANY (:break_ids::text[])
ORDER BY m.break_id, m.side, m.entry_id;

-- name: members
-- The entries of a break, the provider's with the file and line that told them.
SELECT m.side, m.entry_id, COALESCE(p.kind, i.kind) AS kind, COALESCE(p.day, i.day) AS day,
    COALESCE(p.amount_minor, i.amount_minor) AS amount_minor,
    COALESCE(p.currency, i.currency) AS currency, COALESCE(p.status, i.status) AS status,
    COALESCE(p.order_ref, i.order_ref) AS order_ref,
    COALESCE(p.provider_ref, i.provider_ref) AS provider_ref, i.order_state,
    f.name AS file, p.line_no AS line
FROM recon.break_members m
LEFT JOIN recon.internal_transactions i
    ON m.side = 'internal' AND i.account = m.account AND i.entry_id = m.entry_id
LEFT JOIN recon.provider_transactions p
    ON m.side <> 'internal' AND p.account = m.account AND p.entry_id = m.entry_id
LEFT JOIN recon.source_file f ON f.id = p.file_id
WHERE m.account = :account AND m.day = :day AND m.break_id = :break_id
ORDER BY m.side, m.entry_id;

-- name: proposals_with
-- Proposals of a day with an entry of a break: what looked near and was not taken.
SELECT DISTINCT q.proposal_id, q.rule, q.currency, q.internal_minor, q.provider_minor,
    q.explanation
FROM recon.break_members m
JOIN recon.proposal_members x USING (account, day, side, entry_id)
JOIN recon.match_proposals q ON q.account = x.account AND q.day = x.day
    AND q.proposal_id = x.proposal_id
WHERE m.account = :account AND m.day = :day AND m.break_id = :break_id ORDER BY q.proposal_id;

-- name: proposals
-- Proposals of the latest day of each account.
SELECT q.* FROM (SELECT account, max(day) AS day FROM recon.run GROUP BY account) latest
JOIN recon.match_proposals q USING (account, day)
WHERE :account::text IS NULL OR q.account = :account
ORDER BY q.account, abs(q.provider_minor) DESC, q.proposal_id LIMIT :proposals;

-- name: proposal^
SELECT * FROM recon.match_proposals
WHERE account = :account AND day = :day AND proposal_id = :proposal_id;

-- name: proposal_members
SELECT side, entry_id FROM recon.proposal_members
WHERE account = :account AND day = :day AND proposal_id = :proposal_id ORDER BY side, entry_id;
