"""Who may do what: roles and rights, persons, sessions, badges, paired stations."""
