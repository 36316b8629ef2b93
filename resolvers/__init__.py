"""What the product does: one function per query or action, rights checked first."""
