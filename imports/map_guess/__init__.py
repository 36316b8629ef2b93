"""Finds the map of an export that comes without one, from its columns and cells."""
