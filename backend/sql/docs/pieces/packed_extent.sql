-- packed_extent k: The k-th number of extent i, in the packed array.
$1[(i - 1) * {{SQL_EXTENT_STRIDE}} + {{k}}]
