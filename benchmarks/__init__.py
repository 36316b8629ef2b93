"""Benchmarks of the whole product; `./run bench --help` says how to run them."""
