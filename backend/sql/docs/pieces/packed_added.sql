-- packed_added k: The k-th number of the new entry i, of those that come packed.
$14[(i - 1) * {{SQL_ENTRY_STRIDE}} + {{k}}]
