-- account_documents a: How many documents an account may have; NULL: as many as it likes.
NULLIF(COALESCE({{a}}.documents, {{quota_documents {{a}}.quota}}), 0)
