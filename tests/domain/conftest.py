"""Properties run without a deadline: how fast a shared machine is says nothing about the rules."""

from hypothesis import settings

settings.register_profile("domain", deadline=None, max_examples=100)
settings.load_profile("domain")
