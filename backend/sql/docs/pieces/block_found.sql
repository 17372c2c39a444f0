-- block_found: Of a block that was found by another upload, or by a repeat.
touched_at = now(), let_go = false, shared = true
