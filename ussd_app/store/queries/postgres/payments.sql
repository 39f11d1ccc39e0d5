-- Workers on several machines lease at once: each passes over the rows another is just taking.

-- name: payments_lease(provider, now, until, worker, send, most)
UPDATE payments SET lease_by = :worker, lease_until = :until, fence = fence + 1, hinted = 0
WHERE next_at <= :now AND state <> 'sending' AND (lease_until IS NULL OR lease_until <= :now)
  AND id IN (SELECT id FROM payments
             WHERE provider = :provider AND next_at <= :now AND state <> 'sending'
               AND (lease_until IS NULL OR lease_until <= :now)
               AND CASE WHEN state = 'created' OR resend = 1 THEN 1 ELSE 0 END = :send
             ORDER BY next_at, part, id
             LIMIT :most
             FOR UPDATE SKIP LOCKED)
RETURNING *;
