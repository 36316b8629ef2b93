"""Hypothesis profile of the domain tests: no deadline, since the speed of a shared machine says nothing here."""

from hypothesis import settings

settings.register_profile("domain", deadline=None, max_examples=100)
settings.load_profile("domain")
