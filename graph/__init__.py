"""GraphQL schema: types, descriptions, inputs and root fields; the behaviour is in `resolvers`."""
