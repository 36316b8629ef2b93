"""The server process: settings, HTTP and WebSocket endpoints, background tasks, command line and pages."""

import os

# The matrices of a forecast are small. BLAS would share them out among threads that wait for each other and double its
# CPU time. It reads this when numpy is imported, so it stands where each process of the server begins.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
