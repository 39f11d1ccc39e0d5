-- The outbox: ordered with the change it tells of, leased by a worker, marked by the worker that holds its fence.

-- name: outbox_order(id, kind, recipient, template, values_json, language, purpose, urgent, person_id, dedupe, due_at, now)!
INSERT INTO outbox (id, kind, recipient, template, values_json, language, purpose, urgent, person_id, dedupe, due_at,
                    created_at)
VALUES (:id, :kind, :recipient, :template, :values_json, :language, :purpose, :urgent, :person_id, :dedupe, :due_at,
        :now)
ON CONFLICT (dedupe) DO NOTHING;

-- name: outbox_is_due(kind, now)$
SELECT CASE WHEN EXISTS (SELECT 1 FROM outbox
                         WHERE kind = :kind AND urgent IN (0, 1) AND due_at <= :now AND state IN ('waiting', 'held'))
              OR EXISTS (SELECT 1 FROM outbox WHERE state IN ('leased', 'sending') AND lease_until <= :now)
            THEN 1 ELSE 0 END;

-- name: outbox_take_back(now, most)!
-- Leases that ran out: whoever held them is gone or too slow. What was being sent may go out twice, never not at all.
UPDATE outbox
SET state = CASE WHEN tries >= :most THEN 'dead' ELSE 'waiting' END,
    last_error = CASE WHEN state = 'sending' THEN 'stopped while sending' ELSE last_error END,
    values_json = CASE WHEN tries >= :most AND purpose = 'code' THEN '{}' ELSE values_json END,
    lease_until = NULL, lease_by = NULL
WHERE state IN ('leased', 'sending') AND lease_until <= :now;

-- name: outbox_lease(kind, urgent, now, until, worker, most)
UPDATE outbox
SET state = 'leased', lease_until = :until, lease_by = :worker, fence = fence + 1
WHERE state IN ('waiting', 'held')
  AND id IN (SELECT id FROM outbox
             WHERE kind = :kind AND urgent = :urgent AND due_at <= :now AND state IN ('waiting', 'held')
             ORDER BY due_at, id
             LIMIT :most)
RETURNING id, kind, recipient, template, values_json, language, purpose, urgent, person_id, due_at, fence, tries,
          created_at;

-- name: outbox_give_back(worker)!
UPDATE outbox SET state = 'waiting', lease_until = NULL, lease_by = NULL
WHERE state = 'leased' AND lease_until IS NOT NULL AND lease_by = :worker;

-- name: outbox_mark_sending(id, fence, until, news_day)!
UPDATE outbox SET state = 'sending', tries = tries + 1, lease_until = :until, news_day = :news_day
WHERE id = :id AND fence = :fence AND state = 'leased';

-- name: outbox_mark_sent(id, fence, gateway, external_id, parts, cost_minor, cost_currency, now)!
UPDATE outbox
SET state = 'sent', sent_at = :now, gateway = :gateway, external_id = :external_id, parts = :parts,
    cost_minor = :cost_minor, cost_currency = :cost_currency, last_error = '',
    values_json = CASE WHEN purpose = 'code' AND :gateway <> 'simulator' THEN '{}' ELSE values_json END,
    lease_until = NULL, lease_by = NULL
WHERE id = :id AND fence = :fence AND state = 'sending';

-- name: outbox_mark_waiting(id, fence, state, due_at, last_error, tries)!
-- Put off: 'waiting' for another try, 'held' until the gateway takes messages again.
UPDATE outbox
SET state = :state, due_at = :due_at, last_error = :last_error, tries = :tries, news_day = NULL,
    lease_until = NULL, lease_by = NULL
WHERE id = :id AND fence = :fence AND state IN ('leased', 'sending');

-- name: outbox_mark_over(id, fence, state, last_error)!
-- Not sent and never will be: 'refused', 'dead' or 'cancelled'.
UPDATE outbox
SET state = :state, last_error = :last_error, news_day = NULL,
    values_json = CASE WHEN purpose = 'code' THEN '{}' ELSE values_json END,
    lease_until = NULL, lease_by = NULL
WHERE id = :id AND fence = :fence AND state IN ('leased', 'sending');

-- name: outbox_news_count(recipient, news_day)$
SELECT count(*) FROM outbox
WHERE recipient = :recipient AND news_day = :news_day AND news_day IS NOT NULL AND state IN ('sending', 'sent');

-- name: outbox_news_wanted_by_person(person_id)$
SELECT news FROM people WHERE id = :person_id AND state = 'active';

-- name: outbox_calls_wanted_by_person(person_id)$
SELECT calls FROM people WHERE id = :person_id AND state = 'active';

-- name: outbox_news_wanted_on_number(recipient)$
SELECT max(news) FROM people WHERE msisdn = :recipient AND state <> 'erased';

-- name: outbox_by_external_id(gateway, external_id)^
SELECT id, delivery_state FROM outbox
WHERE external_id = :external_id AND gateway = :gateway
ORDER BY sent_at DESC
LIMIT 1;

-- name: outbox_delivery(id, state, word, delivered_at)!
-- A final word stays; 'sent' does not go back to 'unknown'.
UPDATE outbox
SET delivery_state = CASE WHEN :state = 'unknown' THEN coalesce(delivery_state, 'unknown') ELSE :state END,
    delivery_word = :word,
    delivered_at = :delivered_at
WHERE id = :id AND (delivery_state IS NULL OR delivery_state IN ('sent', 'unknown'));

-- name: outbox_by_id(id)^
SELECT * FROM outbox WHERE id = :id;

-- name: outbox_in_state(state, most)
SELECT * FROM outbox WHERE state = :state ORDER BY created_at, id LIMIT :most;

-- name: outbox_counts()
SELECT state, count(*) AS messages, min(created_at) AS oldest_at FROM outbox GROUP BY state ORDER BY state;

-- name: outbox_send_again(id, now)!
UPDATE outbox SET state = 'waiting', due_at = :now, tries = 0
WHERE id = :id AND state IN ('dead', 'held') AND purpose <> 'code';

-- name: outbox_forget(person_id)!
UPDATE outbox
SET recipient = '', values_json = '{}',
    state = CASE WHEN state IN ('waiting', 'held', 'leased') THEN 'cancelled' ELSE state END,
    last_error = CASE WHEN state IN ('waiting', 'held', 'leased') THEN 'erased' ELSE last_error END
WHERE person_id = :person_id;

-- name: outbox_purge(before)!
DELETE FROM outbox WHERE created_at < :before AND state IN ('sent', 'refused', 'dead', 'cancelled');

-- name: job_run_add(name, now)!
INSERT INTO job_runs (name, due_at) VALUES (:name, :now) ON CONFLICT (name) DO NOTHING;

-- name: job_runs_all()
SELECT name, due_at, busy_until, run_by, started_at, done_at, last_error FROM job_runs ORDER BY name;

-- name: job_run_take(name, now, due_at, busy_until, worker)!
UPDATE job_runs SET due_at = :due_at, busy_until = :busy_until, run_by = :worker, started_at = :now
WHERE name = :name AND due_at <= :now AND busy_until <= :now;

-- name: job_run_done(name, now, worker, last_error)!
UPDATE job_runs SET busy_until = 0, done_at = :now, last_error = :last_error WHERE name = :name AND run_by = :worker;
