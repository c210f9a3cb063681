-- What a delivery needs to know of itself after a crash, and what is to be told of it; JSON.
ALTER TABLE messages ADD COLUMN facts TEXT NOT NULL DEFAULT '{}';

-- Messages that have not ended are few, and looked for often.
CREATE INDEX messages_waiting ON messages (session, sequence)
  WHERE level IN ('queued', 'drafting', 'drafted', 'submitted');
