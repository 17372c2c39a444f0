-- all_ranges: All ranges of the request: froms, tos, exclusive.
unnest($6::bigint[], $7::bigint[], $8::bigint[])
