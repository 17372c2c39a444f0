-- block_counts size: What a block takes of the room for blocks. Its file takes a page of the disk, however short it is.
GREATEST({{size}}, {{BLOCK_COUNTED_MIN}})
