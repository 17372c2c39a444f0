-- block_counts size: The bytes that a block is charged. Even the file of a short block takes a page of the disk.
GREATEST({{size}}, {{BLOCK_COUNTED_MIN}})
