-- Small state of plugin instances. It may be lost at any time: nothing but the instance depends on it.
CREATE TABLE plugin_state (
  slot TEXT NOT NULL,
  name TEXT NOT NULL,
  config TEXT NOT NULL,              -- the SHA-256 of the configuration as it was written
  key TEXT NOT NULL,
  value TEXT NOT NULL,               -- JSON
  PRIMARY KEY (slot, name, config, key)
) STRICT, WITHOUT ROWID;

-- Plugins that are not called as usual, as the process that noticed wrote it; a row goes when calls pass again.
CREATE TABLE plugin_conditions (
  slot TEXT NOT NULL,
  name TEXT NOT NULL,
  config TEXT NOT NULL,
  changed_at INTEGER NOT NULL,       -- milliseconds since 1970
  process TEXT NOT NULL,             -- JSON: pid, start time, boot id
  condition TEXT NOT NULL,           -- JSON
  PRIMARY KEY (slot, name, config)
) STRICT, WITHOUT ROWID;
