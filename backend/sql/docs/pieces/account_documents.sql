-- account_documents a: How many documents an account may have; NULL: no limit.
NULLIF(COALESCE({{a}}.documents, {{quota_documents {{a}}.quota}}), 0)
