import { initGraphQLTada } from "gql.tada";

import type { introspection } from "./schema.generated";

/** Queries are typed by `schema.graphql`: a field that the server does not have does not compile. */
export const graphql = initGraphQLTada<{
  introspection: introspection;
  scalars: { DateTime: string; JSON: unknown };
  disableMasking: true;
}>();

export type { ResultOf, VariablesOf } from "gql.tada";
