-- Watched folders: which files were seen there, and what became of each.

-- name: see!
-- A file is ready when it is as it was at the look before, and new again when it has changed.
INSERT INTO recon.watched_files AS known (account, source, address, size, modified)
SELECT :account, :source, found.address, found.size, found.modified
FROM unnest(:address::text[], :size::bigint[], :modified::text[])
    AS found(address, size, modified)
ORDER BY found.address
ON CONFLICT (account, source, address) DO UPDATE
    SET size = excluded.size, modified = excluded.modified, looked_at = now(),
        state = CASE WHEN (known.size, known.modified) = (excluded.size, excluded.modified)
            THEN 'ready' ELSE 'seen' END,
        tries = 0
    WHERE known.state IN ('seen', 'unreadable')
        OR (known.size, known.modified) <> (excluded.size, excluded.modified);

-- name: ready
-- Of the folders that are watched.
SELECT account, source, address, size, modified, tries FROM recon.watched_files
JOIN unnest(:accounts::text[], :sources::text[]) AS watched(account, source) USING (account, source)
WHERE state = 'ready' ORDER BY looked_at, account, source, address;

-- name: try_file$
UPDATE recon.watched_files SET tries = tries + 1
WHERE account = :account AND source = :source AND address = :address RETURNING tries;

-- name: taken_by_hand
-- Files that were refused, and have come by another way: by their name and size.
UPDATE recon.watched_files SET state = 'taken', told = 'taken in by hand', file_id = :file_id
WHERE account = :account AND source = :source AND state IN ('refused', 'unreadable')
    AND size = :size AND (address = :name OR right(address, length(:name) + 1) = '/' || :name)
RETURNING address;

-- name: end_file!
-- Unless it was seen to change meanwhile.
UPDATE recon.watched_files SET state = :state, told = :told, file_id = :file_id
WHERE account = :account AND source = :source AND address = :address
    AND (size, modified) = (:size, :modified);
