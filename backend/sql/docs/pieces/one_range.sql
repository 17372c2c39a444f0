-- one_range: The one range that is asked for: from, to, exclusive.
(SELECT $6::bigint, $7::bigint, $8::bigint)
