-- Payments, what callbacks said of them, what people must look at, and the breakers of the wallets.

-- name: payment_add(id, order_id, delivery_id, part, kind, provider, person_id, msisdn, amount, currency, our_external, note, source, destination, original_id, original_external, callback_token, state, external_id, next_at, sends, now)^
-- Nothing where this part of the order has an intent that was not given up.
INSERT INTO payments (id, order_id, delivery_id, part, kind, provider, person_id, msisdn, amount, currency,
                      our_external, note, source, destination, original_id, original_external, callback_token, state,
                      external_id, next_at, sends, created_at, changed_at)
VALUES (:id, :order_id, :delivery_id, :part, :kind, :provider, :person_id, :msisdn, :amount, :currency,
        :our_external, :note, :source, :destination, :original_id, :original_external, :callback_token, :state,
        :external_id, :next_at, :sends, :now, :now)
ON CONFLICT DO NOTHING
RETURNING *;

-- name: payment_by_id(id)^
SELECT * FROM payments WHERE id = :id;

-- name: payment_by_external(provider, external_id)^
SELECT * FROM payments WHERE provider = :provider AND external_id = :external_id;

-- name: payment_intent(order_id, kind, part)^
SELECT * FROM payments
WHERE order_id = :order_id AND kind = :kind AND part = :part AND state NOT IN ('failed', 'cancelled');

-- name: payment_next_part(order_id, kind)$
SELECT COALESCE(MAX(part), 0) + 1 FROM payments WHERE order_id = :order_id AND kind = :kind;

-- name: payments_of_order(order_id)
SELECT * FROM payments WHERE order_id = :order_id ORDER BY created_at, id;

-- name: payment_sums(order_id)
-- What goes back out of suspense had never come to the order.
SELECT kind, state, COUNT(*) AS payments, SUM(COALESCE(settled_amount, amount)) AS amount
FROM payments
WHERE order_id = :order_id AND state NOT IN ('failed', 'cancelled') AND source <> 'suspense'
GROUP BY kind, state;

-- name: payment_asked_since(msisdn, since)$
SELECT COUNT(*) FROM payments
WHERE msisdn = :msisdn AND created_at > :since AND kind = 'collection' AND state <> 'cancelled';

-- name: payment_amount_since(msisdn, provider, currency, kind, since)$
SELECT COALESCE(SUM(amount), 0) FROM payments
WHERE msisdn = :msisdn AND created_at >= :since AND kind = :kind AND provider = :provider AND currency = :currency
  AND state NOT IN ('failed', 'cancelled');

-- name: payment_refunded(original_id)$
SELECT COALESCE(SUM(amount), 0) FROM payments
WHERE original_id = :original_id AND kind = 'refund' AND state NOT IN ('failed', 'cancelled');

-- name: payment_prompt_open(msisdn, id, since)$
-- Whether another request may still be waiting on this phone.
SELECT CASE WHEN EXISTS (SELECT 1 FROM payments
                         WHERE msisdn = :msisdn AND kind = 'collection' AND id <> :id
                           AND state IN ('sending', 'pending', 'unknown') AND sent_at > :since)
            THEN 1 ELSE 0 END;

-- name: payment_wake(msisdn, now)!
-- What waited for the phone to be free need not wait longer.
UPDATE payments SET next_at = :now
WHERE msisdn = :msisdn AND kind = 'collection' AND state = 'created' AND reason = 'payer_busy' AND next_at > :now;

-- name: payment_take(id)^
-- Take hold of one row until this transaction ends.
UPDATE payments SET changed_at = changed_at WHERE id = :id RETURNING *;

-- name: payment_save(id, was_fence, state, reason, word, external_id, settled_amount, hold_id, sends, tries, polls, not_found_count, resend, collision, hinted, first_sent_at, sent_at, next_at, lease_by, lease_until, fence, settled_at, now)!
UPDATE payments
SET state = :state, reason = :reason, word = :word, external_id = :external_id, settled_amount = :settled_amount,
    hold_id = :hold_id, sends = :sends, tries = :tries, polls = :polls, not_found_count = :not_found_count,
    resend = :resend, collision = :collision, hinted = :hinted, first_sent_at = :first_sent_at, sent_at = :sent_at,
    next_at = :next_at, lease_by = :lease_by, lease_until = :lease_until, fence = :fence, settled_at = :settled_at,
    changed_at = :now
WHERE id = :id AND fence = :was_fence;

-- name: payments_are_due(provider, now)$
SELECT CASE WHEN EXISTS (SELECT 1 FROM payments
                         WHERE provider = :provider AND next_at <= :now AND state <> 'sending'
                           AND (lease_until IS NULL OR lease_until <= :now))
              OR EXISTS (SELECT 1 FROM payments
                         WHERE provider = :provider AND state = 'sending' AND lease_until <= :now)
            THEN 1 ELSE 0 END;

-- name: payments_stopped_sending(provider, now, most)
SELECT * FROM payments
WHERE provider = :provider AND state = 'sending' AND lease_until <= :now ORDER BY lease_until, id LIMIT :most;

-- name: payments_lease(provider, now, until, worker, send, most)
-- With `send` 1 those that are to be sent, with 0 those whose status is to be asked.
UPDATE payments SET lease_by = :worker, lease_until = :until, fence = fence + 1, hinted = 0
WHERE next_at <= :now AND state <> 'sending' AND (lease_until IS NULL OR lease_until <= :now)
  AND id IN (SELECT id FROM payments
             WHERE provider = :provider AND next_at <= :now AND state <> 'sending'
               AND (lease_until IS NULL OR lease_until <= :now)
               AND CASE WHEN state = 'created' OR resend = 1 THEN 1 ELSE 0 END = :send
             ORDER BY next_at, part, id
             LIMIT :most)
RETURNING *;

-- name: payments_give_back(worker)!
UPDATE payments SET lease_by = NULL, lease_until = NULL WHERE next_at IS NOT NULL AND lease_by = :worker AND state <> 'sending';

-- name: payment_hint(id, now)!
-- Somebody says there is news: look now. A payment under way is looked at when its call is over.
UPDATE payments
SET hinted = 1, next_at = CASE WHEN state IN ('created', 'paid') THEN next_at ELSE :now END
WHERE id = :id;

-- name: payments_by_our_external(provider, our_external)
SELECT * FROM payments
WHERE provider = :provider AND our_external = :our_external AND state IN ('sending', 'pending', 'unknown');

-- name: payment_by_token(callback_token)^
SELECT * FROM payments WHERE callback_token = :callback_token;

-- name: payments_old(before, limit)
-- Open for too long, and on nobody's list yet.
SELECT p.* FROM payments p
WHERE p.state IN ('created', 'sending', 'pending', 'unknown', 'review') AND p.state <> 'review' AND p.created_at <= :before
  AND NOT EXISTS (SELECT 1 FROM payment_reviews r WHERE r.payment_id = p.id AND r.state = 'open')
ORDER BY p.created_at, p.id LIMIT :limit;

-- name: payments_of_tomorrow(ahead, now, lease)!
-- The calendar went back: what was planned by the old one is looked at now.
UPDATE payments
SET next_at = :now, changed_at = :now, lease_until = CASE WHEN lease_until > :lease THEN :now ELSE lease_until END
WHERE next_at IS NOT NULL AND changed_at > :ahead;

-- name: payments_to_compare(provider, since, after, limit)
SELECT * FROM payments
WHERE provider = :provider AND created_at >= :since AND id > :after AND sends > 0 AND state <> 'sending'
ORDER BY id LIMIT :limit;

-- name: payments_settled_between(provider, first, last)
SELECT * FROM payments
WHERE provider = :provider AND settled_at BETWEEN :first AND :last AND state = 'paid' AND sends > 0
ORDER BY settled_at, id;

-- name: payment_forget_number(person_id)!
UPDATE payments SET msisdn = '' WHERE person_id = :person_id AND state IN ('paid', 'failed', 'cancelled');

-- reviews

-- name: payment_review_open(id, once, payment_id, provider, why, detail, told_external, told_amount, told_currency, told_msisdn, told_state, told_reference, in_suspense, evidence, now)!
INSERT INTO payment_reviews (id, once, payment_id, provider, why, detail, told_external, told_amount, told_currency,
                             told_msisdn, told_state, told_reference, in_suspense, evidence, opened_at)
VALUES (:id, :once, :payment_id, :provider, :why, :detail, :told_external, :told_amount, :told_currency,
        :told_msisdn, :told_state, :told_reference, :in_suspense, :evidence, :now)
ON CONFLICT (once) DO NOTHING;

-- name: payment_review_tell(id, told_external, told_amount, told_currency, told_msisdn, told_state, in_suspense, evidence)!
UPDATE payment_reviews
SET told_external = :told_external, told_amount = :told_amount, told_currency = :told_currency,
    told_msisdn = :told_msisdn, told_state = :told_state, in_suspense = :in_suspense, evidence = :evidence,
    proposed_as = NULL, proposed_by = NULL, proposed_why = NULL, proposed_at = NULL
WHERE id = :id AND state = 'open';

-- name: payment_review_take(id)^
UPDATE payment_reviews SET state = state WHERE id = :id RETURNING *;

-- name: payment_review_of(payment_id)^
-- The open case that holds this payment; a mere note on it is not one.
SELECT * FROM payment_reviews
WHERE payment_id = :payment_id AND state = 'open' AND why NOT IN ('foreign_evidence', 'overdue')
ORDER BY opened_at, id LIMIT 1;

-- name: payment_reviews_all(state)
SELECT r.*, p.state AS payment_state, p.kind, p.order_id, p.amount, p.currency, p.our_external, p.part
FROM payment_reviews r LEFT JOIN payments p ON p.id = r.payment_id
WHERE r.state = :state ORDER BY r.opened_at, r.id;

-- name: payment_review_by_once(once)^
SELECT * FROM payment_reviews WHERE once = :once;

-- name: payment_review_propose(id, decision, by, why, now)!
UPDATE payment_reviews
SET proposed_as = :decision, proposed_by = :by, proposed_why = :why, proposed_at = :now
WHERE id = :id AND state = 'open';

-- name: payment_review_decide(id, decision, by, why, now)!
UPDATE payment_reviews
SET state = 'decided', decided_as = :decision, decided_by = :by, decided_why = :why, decided_at = :now
WHERE id = :id AND state = 'open';

-- name: payment_reviews_close(payment_id)!
-- What became of the payment answers the question whether it takes too long.
UPDATE payment_reviews SET state = 'closed' WHERE payment_id = :payment_id AND state = 'open' AND why = 'overdue';

-- callbacks

-- name: payment_evidence_add(id, provider, payment_id, body_hash, claimed, verdict, now)$
-- How often the same was said.
INSERT INTO payment_evidence (id, provider, payment_id, body_hash, claimed, verdict, first_at, last_at)
VALUES (:id, :provider, :payment_id, :body_hash, :claimed, :verdict, :now, :now)
ON CONFLICT (provider, payment_id, body_hash) DO UPDATE SET times = payment_evidence.times + 1, last_at = :now
RETURNING times;

-- name: payment_evidence_count(verdict, since)$
SELECT COUNT(*) FROM payment_evidence WHERE verdict = :verdict AND first_at >= :since;

-- name: payment_evidence_forget(before)!
DELETE FROM payment_evidence WHERE verdict IN ('unknown', 'forged') AND last_at < :before;

-- breakers

-- name: breaker_add(provider)!
INSERT INTO provider_breakers (provider) VALUES (:provider) ON CONFLICT (provider) DO NOTHING;

-- name: breaker_take(provider)^
UPDATE provider_breakers SET failures = failures WHERE provider = :provider RETURNING *;

-- name: breaker_of(provider)^
SELECT * FROM provider_breakers WHERE provider = :provider;

-- name: breakers_all()
SELECT * FROM provider_breakers ORDER BY provider;

-- name: breaker_save(provider, state, failures, reason, opened_at, probe_at, now)!
UPDATE provider_breakers
SET state = :state, failures = :failures, reason = :reason, opened_at = :opened_at, probe_at = :probe_at,
    changed_at = :now
WHERE provider = :provider;

-- name: breaker_well(provider, now)!
UPDATE provider_breakers
SET state = CASE WHEN state = 'paused' THEN state ELSE 'closed' END,
    opened_at = CASE WHEN state = 'paused' THEN opened_at ELSE NULL END,
    reason = CASE WHEN state = 'paused' THEN reason ELSE '' END, failures = 0, changed_at = :now
WHERE provider = :provider AND (failures > 0 OR state = 'open');

-- name: breaker_pace(provider, free_at)!
UPDATE provider_breakers SET free_at = :free_at WHERE provider = :provider;
