-- block_columns: The columns to return for a block that was found or made.
b.generation, b.size, b.uploader, {{block_touched}}
