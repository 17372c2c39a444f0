-- block_referenced: Of the block b: a document of the drive refers to it.
EXISTS (
	SELECT FROM extent x WHERE x.kind = 1 AND x.sha256 = b.sha256 AND x.node >> 32 = $1
)
