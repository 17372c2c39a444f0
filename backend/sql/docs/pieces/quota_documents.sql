-- quota_documents quota: Documents that go with a quota; NULL: with none.
{{DOCUMENTS_BASE}} + NULLIF({{quota}}, 0) / {{DOCUMENT_QUOTA_BYTES}}
