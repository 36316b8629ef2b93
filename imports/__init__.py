"""Bringing a CRM's exported files in: read by a map, through the same resolvers as everything else."""
