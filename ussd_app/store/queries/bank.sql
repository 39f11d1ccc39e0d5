-- Transfers through the bank: rates, what buyers were told, and the bank's lines.

-- name: wallet_limit_add(wallet, currency, valid_from, per_transaction, per_day, estimate, source)!
INSERT INTO wallet_limits (wallet, currency, valid_from, per_transaction, per_day, estimate, source)
VALUES (:wallet, :currency, :valid_from, :per_transaction, :per_day, :estimate, :source)
ON CONFLICT (wallet, currency, valid_from)
DO UPDATE SET per_transaction = EXCLUDED.per_transaction, per_day = EXCLUDED.per_day, estimate = EXCLUDED.estimate,
              source = EXCLUDED.source;

-- name: wallet_limit_at(wallet, currency, day)^
SELECT * FROM wallet_limits
WHERE wallet = :wallet AND currency = :currency AND valid_from <= :day
ORDER BY valid_from DESC LIMIT 1;

-- name: exchange_rate_load(base, quote, valid_from, rate, estimate, source)!
-- A row of the hub's file. What people entered for the same day stays.
INSERT INTO exchange_rates (base, quote, valid_from, rate, estimate, source, entered_by, approved_by)
VALUES (:base, :quote, :valid_from, :rate, :estimate, :source, 'file', 'file')
ON CONFLICT (base, quote, valid_from)
DO UPDATE SET rate = EXCLUDED.rate, estimate = EXCLUDED.estimate, source = EXCLUDED.source
WHERE exchange_rates.entered_by = 'file';

-- name: exchange_rate_propose(base, quote, valid_from, rate, source, by)!
-- In place of the file's for that day, or of a proposal nobody approved yet.
INSERT INTO exchange_rates (base, quote, valid_from, rate, estimate, source, entered_by)
VALUES (:base, :quote, :valid_from, :rate, 0, :source, :by)
ON CONFLICT (base, quote, valid_from)
DO UPDATE SET rate = EXCLUDED.rate, estimate = 0, source = EXCLUDED.source, entered_by = EXCLUDED.entered_by,
              approved_by = ''
WHERE exchange_rates.approved_by = '' OR exchange_rates.entered_by = 'file';

-- name: exchange_rate_approve(base, quote, valid_from, rate, by)!
UPDATE exchange_rates SET approved_by = :by
WHERE base = :base AND quote = :quote AND valid_from = :valid_from AND rate = :rate AND approved_by = ''
  AND entered_by <> :by;

-- name: exchange_rate_of(base, quote, valid_from)^
SELECT * FROM exchange_rates WHERE base = :base AND quote = :quote AND valid_from = :valid_from;

-- name: exchange_rate_at(base, quote, day)^
SELECT * FROM exchange_rates
WHERE base = :base AND quote = :quote AND valid_from <= :day AND approved_by <> ''
ORDER BY valid_from DESC LIMIT 1;

-- name: bank_transfer_add(reference, payment_id, order_id, amount, currency, rate, rate_day, rate_source, rate_estimate, valid_until, now)^
INSERT INTO bank_transfers (reference, payment_id, order_id, amount, currency, rate, rate_day, rate_source,
                            rate_estimate, valid_until, issued_at)
VALUES (:reference, :payment_id, :order_id, :amount, :currency, :rate, :rate_day, :rate_source, :rate_estimate,
        :valid_until, :now)
ON CONFLICT (reference) DO NOTHING
RETURNING *;

-- name: bank_transfer_replace(payment_id, now)!
UPDATE bank_transfers SET replaced_at = :now WHERE payment_id = :payment_id AND replaced_at IS NULL;

-- name: bank_transfer_by_reference(reference)^
SELECT t.*, p.kind, p.state AS payment_state
FROM bank_transfers t JOIN payments p ON p.id = t.payment_id
WHERE t.reference = :reference;

-- name: bank_transfer_of_payment(payment_id)^
SELECT * FROM bank_transfers WHERE payment_id = :payment_id AND replaced_at IS NULL;

-- name: bank_transfers_of_order(order_id)
-- The latest first; those in force alone.
SELECT t.*, p.kind, p.state AS payment_state, p.amount AS home_amount, p.currency AS home_currency,
       COALESCE(l.state, '') AS line_state
FROM bank_transfers t JOIN payments p ON p.id = t.payment_id LEFT JOIN bank_lines l ON l.payment_id = p.id
WHERE t.order_id = :order_id AND t.replaced_at IS NULL
ORDER BY t.issued_at DESC, p.part DESC, t.reference;

-- name: bank_transfers_waiting()
SELECT t.*, p.kind, p.our_external, p.amount AS home_amount, p.currency AS home_currency,
       COALESCE(l.state, '') AS line_state
FROM payments p JOIN bank_transfers t ON t.payment_id = p.id AND t.replaced_at IS NULL
     LEFT JOIN bank_lines l ON l.payment_id = p.id
WHERE p.provider = 'bank' AND p.state IN ('created', 'sending', 'pending', 'unknown', 'review')
ORDER BY t.issued_at, t.reference;

-- name: bank_line_add(id, key, bank_id, terms_hash, booked_on, amount, currency, reference, state, why, payment_id, by, matched_by, matched_at, now)^
-- Nothing where the line was taken before.
INSERT INTO bank_lines (id, key, bank_id, terms_hash, booked_on, amount, currency, reference, state, why, payment_id,
                        imported_by, matched_by, matched_at, imported_at)
VALUES (:id, :key, :bank_id, :terms_hash, :booked_on, :amount, :currency, :reference, :state, :why, :payment_id,
        :by, :matched_by, :matched_at, :now)
ON CONFLICT (key) DO NOTHING
RETURNING *;

-- name: bank_line_by_key(key)^
SELECT * FROM bank_lines WHERE key = :key;

-- name: bank_line_by_id(id)^
SELECT * FROM bank_lines WHERE id = :id;

-- name: bank_line_of_payment(payment_id)^
SELECT * FROM bank_lines WHERE payment_id = :payment_id;

-- name: bank_line_match(id, payment_id, reference, by, why, now)^
UPDATE bank_lines
SET state = 'matched', payment_id = :payment_id, reference = :reference, matched_by = :by, matched_at = :now,
    why = :why
WHERE id = :id AND state = 'review'
RETURNING *;

-- name: bank_line_unmatch(id, why)^
UPDATE bank_lines SET state = 'review', payment_id = NULL, matched_by = '', matched_at = NULL, why = :why
WHERE id = :id AND state = 'matched'
RETURNING *;

-- name: bank_line_confirm(id, by, now)^
-- Never whoever brought the line in or matched it.
UPDATE bank_lines SET state = 'confirmed', confirmed_by = :by, confirmed_at = :now
WHERE id = :id AND state = 'matched' AND imported_by <> :by AND matched_by <> :by
RETURNING *;

-- name: bank_lines_open()
-- What waits for a person: not what was noted, and is so done with.
SELECT l.*, p.our_external, p.kind, p.amount AS home_amount, p.currency AS home_currency
FROM bank_lines l LEFT JOIN payments p ON p.id = l.payment_id
     LEFT JOIN payment_reviews r ON r.once = 'bank:' || l.id
WHERE l.state <> 'confirmed'
  AND (l.state = 'matched' OR (l.state = 'review' AND COALESCE(r.state, 'open') = 'open'))
ORDER BY l.imported_at, l.id;

-- name: bank_case_close(once)!
UPDATE payment_reviews SET state = 'closed' WHERE once = :once AND state = 'open';

-- name: settlement_pay_by_bank(order_id, currency)!
UPDATE settlements SET pay_provider = 'bank', pay_currency = :currency WHERE order_id = :order_id;

-- name: exchange_rates_in_force(quote, day)
SELECT r.* FROM exchange_rates r
WHERE r.quote = :quote AND r.approved_by <> ''
  AND r.valid_from = (SELECT MAX(x.valid_from) FROM exchange_rates x
                      WHERE x.base = r.base AND x.quote = r.quote AND x.valid_from <= :day AND x.approved_by <> '')
ORDER BY r.base;
