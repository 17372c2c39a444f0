-- packed_journal k: The k-th number of the journal entry i, in the packed array.
$5[(i - 1) * {{SQL_JOURNAL_STRIDE}} + {{k}}]
