import { queryOptions } from "@tanstack/react-query";

import { ask } from "./client";
import { graphql, type ResultOf } from "./graphql";

const operationFields = graphql(`
  fragment OperationFields on Operation {
    id
    kind
    status
    environmentId
    error
    strategy
    strategyReason
    pauseMs
    durationMs
    steps {
      name
      title
      status
      startedAt
      finishedAt
    }
    createdAt
    finishedAt
  }
`);

export type Operation = ResultOf<typeof operationFields>;
export type Step = Operation["steps"][number];

const OPERATION = graphql(
  `
    query Operation($id: String!) {
      operation(id: $id) {
        ...OperationFields
      }
    }
  `,
  [operationFields],
);

const OPERATIONS = graphql(
  `
    query Operations($projectId: String!) {
      operations(projectId: $projectId, first: 30) {
        nodes {
          ...OperationFields
        }
      }
    }
  `,
  [operationFields],
);

/** Often enough that a step of a tenth of a second is seen. */
const WATCH_MS = 120;

/** An operation as it goes; null until the server has begun it. */
export const operationQuery = (id: string) =>
  queryOptions({
    queryKey: ["operation", id],
    queryFn: async () => (await ask(OPERATION, { id })).operation ?? null,
    refetchInterval: ({ state }) => (state.data && state.data.status !== "running" ? false : WATCH_MS),
    staleTime: 0,
  });

export const operationsQuery = (projectId: string) =>
  queryOptions({
    queryKey: ["project", projectId, "operations"],
    queryFn: async () => (await ask(OPERATIONS, { projectId })).operations.nodes,
  });

/** What an operation's error says, whatever its shape. */
export function operationError(operation: Operation): string | null {
  const error = operation.error;
  if (error === null || error === undefined) return null;
  if (typeof error === "string") return error;
  const message = (error as { message?: unknown }).message;
  return typeof message === "string" ? message : JSON.stringify(error);
}
