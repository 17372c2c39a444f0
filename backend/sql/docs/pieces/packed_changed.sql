-- packed_changed k: The k-th number of the changed document i, in the packed array.
$9[(i - 1) * {{SQL_NODE_STRIDE}} + {{k}}]
