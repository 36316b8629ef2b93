"""The arithmetic and the rules: values in, values out; no clock, no I/O, no framework."""
