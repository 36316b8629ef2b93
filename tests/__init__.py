"""The same tree again, plus acceptance/ (whole processes) and architecture/ (the rules)."""
