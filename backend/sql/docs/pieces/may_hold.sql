-- may_hold n, began: Whether a session that began at that seq may come to hold a document: it may have opened
-- it when it had a name; what was made without one is its maker's.
({{n}}.orphaned_at IS NULL OR {{n}}.mode & {{SQL_MODE_LINKABLE}} <> 0 OR {{nameless_at {{n}}}} > {{began}})
