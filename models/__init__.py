"""The tables and every question asked of them: the only place that knows SQL."""
