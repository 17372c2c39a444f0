-- one_range: The one range of the request: from, to, exclusive.
(SELECT $6::bigint, $7::bigint, $8::bigint)
