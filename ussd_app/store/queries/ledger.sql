-- The books: transfers and both their ends. Nothing here changes a row.

-- name: transfer_add(id, kind, payment_id, pending_id, once, source, destination, amount, currency, why, evidence, now)$
-- The id; nothing where another transaction was first (the same hold ended, the same payment held, the same act done).
INSERT INTO transfers (id, kind, payment_id, pending_id, once, source, destination, amount, currency, why, evidence, at)
VALUES (:id, :kind, :payment_id, :pending_id, :once, :source, :destination, :amount, :currency, :why, :evidence, :now)
ON CONFLICT DO NOTHING
RETURNING id;

-- name: entries_add(transfer_id, account, side, currency, posted, pending)*!
INSERT INTO entries (transfer_id, account, side, currency, posted, pending)
VALUES (:transfer_id, :account, :side, :currency, :posted, :pending);

-- name: entries_balance(account, currency)^
-- By the covering index: the entries of one account alone.
SELECT COALESCE(SUM(CASE side WHEN 'credit' THEN posted ELSE -posted END), 0) AS posted,
       COALESCE(SUM(CASE side WHEN 'credit' THEN pending ELSE 0 END), 0) AS pending_in,
       COALESCE(SUM(CASE side WHEN 'debit' THEN pending ELSE 0 END), 0) AS pending_out
FROM entries WHERE account = :account AND currency = :currency;

-- name: transfer_by_id(id)^
SELECT * FROM transfers WHERE id = :id;

-- name: transfer_ending(pending_id)^
SELECT * FROM transfers WHERE pending_id = :pending_id;

-- name: transfer_hold_of(payment_id)^
SELECT * FROM transfers WHERE payment_id = :payment_id AND kind = 'pending';

-- name: transfer_once(once)^
SELECT * FROM transfers WHERE once = :once;

-- name: transfers_of_payment(payment_id)
SELECT * FROM transfers WHERE payment_id = :payment_id AND payment_id <> '' ORDER BY id;

-- name: ledger_totals()
-- People's and orders' accounts by their first word, ours each by itself. ltrim leaves what follows the first word.
SELECT currency, name,
       SUM(CASE side WHEN 'debit' THEN posted ELSE 0 END) AS debits,
       SUM(CASE side WHEN 'credit' THEN posted ELSE 0 END) AS credits,
       SUM(CASE side WHEN 'debit' THEN pending ELSE 0 END) AS pending_debits,
       SUM(CASE side WHEN 'credit' THEN pending ELSE 0 END) AS pending_credits
FROM (SELECT currency, side, posted, pending,
             CASE WHEN substr(account, 1, length(account) - length(ltrim(account, 'abcdefghijklmnopqrstuvwxyz')))
                       IN ('order', 'seller', 'buyer', 'cooperative', 'agent')
                  THEN substr(account, 1, length(account) - length(ltrim(account, 'abcdefghijklmnopqrstuvwxyz')))
                  ELSE account END AS name
      FROM entries) AS named
GROUP BY currency, name ORDER BY currency, name;

-- name: ledger_unbalanced()
-- Transfers whose two sides differ, in what is posted or in what is pending, or that lack one side.
SELECT t.id, t.kind
FROM transfers t LEFT JOIN entries e ON e.transfer_id = t.id
GROUP BY t.id, t.kind
HAVING COALESCE(SUM(CASE e.side WHEN 'credit' THEN e.posted ELSE -e.posted END), 1) <> 0
    OR COALESCE(SUM(CASE e.side WHEN 'credit' THEN e.pending ELSE -e.pending END), 1) <> 0
ORDER BY t.id;

-- name: ledger_untrue()
-- Transfers whose entries do not say what the transfer says: amount, currency, accounts, what is held and let go.
SELECT t.id, t.kind
FROM transfers t LEFT JOIN transfers p ON p.id = t.pending_id LEFT JOIN entries e ON e.transfer_id = t.id
GROUP BY t.id, t.kind, t.amount, p.amount
HAVING COALESCE(SUM(CASE e.side WHEN 'debit' THEN e.posted ELSE 0 END), -1)
       <> CASE t.kind WHEN 'pending' THEN 0 ELSE t.amount END
    OR COALESCE(SUM(CASE e.side WHEN 'debit' THEN e.pending ELSE 0 END), -1)
       <> CASE t.kind WHEN 'pending' THEN t.amount WHEN 'move' THEN 0 ELSE -p.amount END
    OR SUM(CASE WHEN e.currency <> t.currency THEN 1 ELSE 0 END) > 0
    OR SUM(CASE WHEN e.posted > 0 AND e.account <> CASE e.side WHEN 'debit' THEN t.source ELSE t.destination END
                THEN 1 ELSE 0 END) > 0
    OR SUM(CASE WHEN e.pending <> 0
                 AND e.account <> CASE e.side WHEN 'debit' THEN COALESCE(p.source, t.source)
                                  ELSE COALESCE(p.destination, t.destination) END
                THEN 1 ELSE 0 END) > 0
ORDER BY t.id;

-- name: ledger_wrong_ends()
-- Posts and voids that end no hold, one that another has ended, or another payment's.
SELECT t.id, t.kind
FROM transfers t LEFT JOIN transfers p ON p.id = t.pending_id
WHERE t.pending_id IS NOT NULL
  AND (p.id IS NULL OR p.kind <> 'pending' OR p.currency <> t.currency OR p.payment_id <> t.payment_id
       OR (t.amount > p.amount AND t.evidence = '')
       OR EXISTS (SELECT 1 FROM transfers o WHERE o.pending_id = t.pending_id AND o.id <> t.id))
ORDER BY t.id;

-- name: ledger_minus()
-- Accounts below nothing: what was posted, less what is held to leave, or what is held itself.
SELECT account, currency,
       SUM(CASE side WHEN 'credit' THEN posted ELSE -posted END) AS posted,
       SUM(CASE side WHEN 'credit' THEN pending ELSE 0 END) AS pending_in,
       SUM(CASE side WHEN 'debit' THEN pending ELSE 0 END) AS pending_out
FROM entries
GROUP BY account, currency
HAVING SUM(CASE side WHEN 'credit' THEN posted ELSE -posted - pending END) < 0
    OR SUM(CASE side WHEN 'credit' THEN pending ELSE 0 END) < 0
    OR SUM(CASE side WHEN 'debit' THEN pending ELSE 0 END) < 0
ORDER BY account, currency;
