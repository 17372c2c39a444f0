-- block_columns: What is said of a block that was found or made.
b.generation, b.size, b.uploader, {{block_touched}}
