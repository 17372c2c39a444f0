-- packed_session numbers, k: The k-th number of session i, of those that come packed.
{{numbers}}[(i - 1) * {{SQL_SESSION_STRIDE}} + {{k}}]
