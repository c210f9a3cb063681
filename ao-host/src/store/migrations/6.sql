-- What was done for each condition that a rule reacts to. Who decides reads it, and writes it with what was decided.
CREATE TABLE ledgers (
  scope TEXT PRIMARY KEY,            -- a session's id, or a project's name and directory
  facts TEXT NOT NULL                -- JSON
) STRICT, WITHOUT ROWID;

-- What is to be done, and what became of it.
CREATE TABLE outbox (
  number INTEGER PRIMARY KEY AUTOINCREMENT,  -- the order in which it was decided; a clock may be set back
  key TEXT NOT NULL UNIQUE,          -- the effect: the same key is the same effect
  scope TEXT NOT NULL,               -- whose ledger it came of
  state TEXT NOT NULL,
  facts TEXT NOT NULL                -- JSON: everything else
) STRICT;
CREATE INDEX outbox_by_scope ON outbox (scope, number);
-- Those that something is still to come of are few, and looked for often.
CREATE INDEX outbox_open ON outbox (number) WHERE state IN ('planned', 'begun');
