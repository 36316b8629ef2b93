"""Tests: folders mirror the packages; acceptance/ runs whole processes, architecture/ checks the repository's rules."""
