"""Database layer: Tortoise models and all queries; the only package that contains SQL."""
