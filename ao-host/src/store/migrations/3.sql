-- The host that took this state directory last; one row at most. Each that takes it counts the epoch up.
CREATE TABLE host (
  only INTEGER PRIMARY KEY CHECK (only = 1),
  epoch INTEGER NOT NULL,
  process TEXT NOT NULL,             -- JSON: pid, start time, boot id
  started_at INTEGER NOT NULL,       -- milliseconds since 1970
  looked_at INTEGER,
  stopped_at INTEGER
) STRICT;

-- Who reads the log asks by type, by session and type, by time, and for what an event led to.
CREATE INDEX events_by_type ON events (type);
CREATE INDEX events_by_session_and_type ON events (session, type) WHERE session IS NOT NULL;
CREATE INDEX events_by_time ON events (timestamp);
CREATE TABLE event_causes (
  cause TEXT NOT NULL,               -- the id of an event
  sequence INTEGER NOT NULL,         -- of an event that it led to
  PRIMARY KEY (cause, sequence)
) STRICT, WITHOUT ROWID;
INSERT OR IGNORE INTO event_causes (cause, sequence)
  SELECT cause.value, events.sequence FROM events, json_each(events.causes) AS cause;
