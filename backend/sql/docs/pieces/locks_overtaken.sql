-- locks_overtaken: So long a request may be under way when a later one was answered.
interval '600 s'
