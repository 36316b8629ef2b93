"""Business rules and calculations as pure functions: no clock, no I/O, no framework."""
