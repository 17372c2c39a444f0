-- quota_documents quota: How many documents a quota allows; NULL: no limit, as there is no quota.
{{DOCUMENTS_BASE}} + NULLIF({{quota}}, 0) / {{DOCUMENT_QUOTA_BYTES}}
