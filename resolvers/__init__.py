"""Application layer: one function per query or mutation, which checks permissions first."""
