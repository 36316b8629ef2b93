"""A believable company to try everything on: its story, how it is made, and what keeps it alive."""
