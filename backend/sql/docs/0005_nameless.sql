-- Who may still change a document that lost its last name: who holds it, and sessions that had begun before. Before and after are those of the drive's seq, which orders both; clocks do not.
-- What a session that replaced others counts as its begin is that of the first one. 0: from before this was kept.
ALTER TABLE session ADD began_seq bigint NOT NULL DEFAULT 0;
ALTER TABLE node ADD orphaned_seq bigint;
