"""The scenes, by what they break. Importing this package registers all of them in `runner.SCENES`."""

from faults.scenes import clients, databases, histories, links, load, redis, servers, sqlite

__all__ = ["clients", "databases", "histories", "links", "load", "redis", "servers", "sqlite"]
