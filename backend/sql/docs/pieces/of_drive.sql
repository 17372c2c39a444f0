-- of_drive column: The ids of a drive are a range that begins at $1 << 32.
{{column}} >= $1::bigint << 32 AND {{column}} < ($1::bigint + 1) << 32
