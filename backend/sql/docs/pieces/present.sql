-- present s: Of a session: that a mount is there, as far as the others need to mind.
{{s}}.seen_at > now() - interval '{{SESSION_PRESENT_SECONDS}} s'
