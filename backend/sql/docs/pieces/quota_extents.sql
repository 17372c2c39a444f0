-- quota_extents quota: How many extents, beyond the first of each document, a quota allows; NULL: no limit, as there is
-- no quota.
{{EXTENTS_BASE}} + NULLIF({{quota}}, 0) / {{EXTENT_QUOTA_BYTES}}
