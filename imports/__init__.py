"""Import of a CRM's CSV exports, read by a TOML map and recorded through the resolvers."""
