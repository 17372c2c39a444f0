-- packed_session numbers, k: The k-th number of session i, in the packed array.
{{numbers}}[(i - 1) * {{SQL_SESSION_STRIDE}} + {{k}}]
