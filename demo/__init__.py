"""Demo company: its generated history, its seeding into the database, and a simulation of its employees' work."""
