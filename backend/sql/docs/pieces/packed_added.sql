-- packed_added k: The k-th number of the new entry i, in the packed array.
$14[(i - 1) * {{SQL_ENTRY_STRIDE}} + {{k}}]
