-- may_hold n, began: A session that began at that seq may hold a document: it may have opened the document while the
-- document had a name. A document that was made without a name belongs to the session that made it.
({{n}}.orphaned_at IS NULL OR {{n}}.mode & {{SQL_MODE_LINKABLE}} <> 0 OR {{nameless_at {{n}}}} > {{began}})
