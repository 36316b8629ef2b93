"""What is live: news between processes, and the streams made of it."""
