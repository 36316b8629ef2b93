/** Marks a text as a GraphQL document: tests validate all of them against the schema. */
export const gql = String.raw;
