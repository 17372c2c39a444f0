-- block_touched: When a block was last touched, in microseconds.
(extract(epoch FROM b.touched_at) * 1000000)::bigint
