-- extents_further extents: Those of a document that its drive counts: all but the first, which comes with its row.
GREATEST({{extents}} - 1, 0)
