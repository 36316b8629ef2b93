"""The server process: settings, HTTP and WebSocket endpoints, background tasks, command line and pages."""
