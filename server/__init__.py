"""The process: settings, sign-in, routes, clock, command line and pages."""
