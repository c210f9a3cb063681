-- Facts are one JSON document a session; a column of its own is only what is searched by.
CREATE TABLE sessions (
  number INTEGER PRIMARY KEY,        -- the order of creation
  id TEXT NOT NULL UNIQUE,
  project TEXT NOT NULL,
  project_path TEXT NOT NULL,
  created_at INTEGER NOT NULL,       -- milliseconds since 1970
  row_version INTEGER NOT NULL,
  facts TEXT NOT NULL
) STRICT;

-- The highest number given out for each prefix; it only grows, so that no id is used twice.
CREATE TABLE counters (
  prefix TEXT PRIMARY KEY,
  last INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Append-only. AUTOINCREMENT, so that no sequence number is used twice.
CREATE TABLE events (
  sequence INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL UNIQUE,
  version INTEGER NOT NULL,
  type TEXT NOT NULL,
  timestamp INTEGER NOT NULL,        -- milliseconds since 1970
  session TEXT,
  causes TEXT NOT NULL,              -- a JSON array of ids
  data TEXT NOT NULL                 -- JSON
) STRICT;
CREATE INDEX events_by_session ON events (session, sequence) WHERE session IS NOT NULL;

CREATE TABLE messages (
  sequence INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL UNIQUE,
  session TEXT NOT NULL REFERENCES sessions (id),
  file TEXT NOT NULL,
  sha256 TEXT NOT NULL,
  level TEXT NOT NULL,
  queued_at INTEGER NOT NULL,
  changed_at INTEGER NOT NULL
) STRICT;
CREATE INDEX messages_by_session ON messages (session, sequence);
