-- What a human is told. A row is written before anybody is, and says how far that got.
CREATE TABLE notices (
  number INTEGER PRIMARY KEY AUTOINCREMENT,  -- the order in which they were written down; also their name for a human
  id TEXT NOT NULL UNIQUE,           -- what it is about, as its writer names it: the same id is the same notice
  open INTEGER NOT NULL,             -- 1 while something is still to be delivered
  over_at INTEGER,                   -- when a human had seen it, or it was withdrawn; milliseconds since 1970
  facts TEXT NOT NULL                -- JSON
) STRICT;
-- Those that wait for a notifier, and those that wait for a human, are few, and looked for often.
CREATE INDEX notices_open ON notices (number) WHERE open = 1;
CREATE INDEX notices_waiting ON notices (number) WHERE over_at IS NULL;
CREATE INDEX notices_over ON notices (over_at) WHERE over_at IS NOT NULL;
