-- all_ranges: All ranges that are asked for: froms, tos, exclusive.
unnest($6::bigint[], $7::bigint[], $8::bigint[])
