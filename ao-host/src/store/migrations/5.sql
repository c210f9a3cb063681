-- Runs of the checks that the host makes itself. What is to be run stands here before it runs.
CREATE TABLE check_runs (
  number INTEGER PRIMARY KEY AUTOINCREMENT,  -- the order in which they were asked for; a clock may be set back
  id TEXT NOT NULL UNIQUE,           -- a ULID
  project TEXT NOT NULL,
  directory TEXT NOT NULL,           -- the project's
  commit_id TEXT NOT NULL,
  definition TEXT NOT NULL,          -- the digest of what is run
  state TEXT NOT NULL,
  requested_at INTEGER NOT NULL,     -- milliseconds since 1970
  facts TEXT NOT NULL                -- JSON: everything, but for the results
) STRICT;
CREATE INDEX check_runs_by_commit ON check_runs (directory, commit_id);
-- Those that something is still to come of are few, and looked for often.
CREATE INDEX check_runs_open ON check_runs (requested_at) WHERE state IN ('waiting', 'running');

-- What each check of a run found. Only what stands here counts for a merge.
CREATE TABLE check_results (
  run TEXT NOT NULL REFERENCES check_runs (id) ON DELETE CASCADE,
  name TEXT NOT NULL,
  state TEXT NOT NULL,               -- passed, failed
  ended_at INTEGER NOT NULL,         -- milliseconds since 1970
  facts TEXT NOT NULL,               -- JSON: the exit, the times, the log, what was reused, the attempt
  PRIMARY KEY (run, name)
) STRICT, WITHOUT ROWID;
