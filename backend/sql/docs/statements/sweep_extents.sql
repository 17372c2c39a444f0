-- write: node, from, to
WITH gone AS (DELETE FROM extent x WHERE {{swept x}} RETURNING x.node, x.sha256)
{{doubt_blocks}}
