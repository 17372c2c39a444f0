-- block_found: The changes to a block that another upload, or a repeat of an upload, has found.
touched_at = now(), let_go = false, shared = true
