-- packed_extent k: The k-th number of extent i, of those that come packed.
$1[(i - 1) * {{SQL_EXTENT_STRIDE}} + {{k}}]
