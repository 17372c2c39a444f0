-- extents_further extents: The extents of a document that count for its drive: all but the first, which is counted with
-- the document.
GREATEST({{extents}} - 1, 0)
