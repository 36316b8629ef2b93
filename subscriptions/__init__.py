"""Realtime layer: change notifications between processes, and the subscription streams built on them."""
