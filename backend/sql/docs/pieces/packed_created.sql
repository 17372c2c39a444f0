-- packed_created k: The k-th number of the new document i, in the packed array.
$11[(i - 1) * {{SQL_NODE_STRIDE}} + {{k}}]
