-- quota_extents quota: Extents, beyond the first of each document, that go with a quota; NULL: with none.
{{EXTENTS_BASE}} + NULLIF({{quota}}, 0) / {{EXTENT_QUOTA_BYTES}}
