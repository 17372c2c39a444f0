-- locks_overtaken: How long a request may still be in flight after a later one was answered.
interval '600 s'
