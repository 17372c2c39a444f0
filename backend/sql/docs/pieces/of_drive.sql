-- of_drive column: Ids of a drive are the range from $1 << 32.
{{column}} >= $1::bigint << 32 AND {{column}} < ($1::bigint + 1) << 32
