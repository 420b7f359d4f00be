import { queryOptions } from "@tanstack/react-query";

import { ask, change } from "./client";
import { graphql, type ResultOf, type VariablesOf } from "./graphql";

const environmentFields = graphql(`
  fragment EnvironmentFields on Environment {
    id
    projectId
    name
    type
    status
    provider
    region
    cluster
    parentId
    parentName
    branchMode
    branchedAt
    expiresAt
    protected
    holdsProductionData
    deletedAt
    eraseAt
    createdAt
    updatedAt
  }
`);

export type Environment = ResultOf<typeof environmentFields>;

const ENVIRONMENTS = graphql(
  `
    query Environments($projectId: String!, $after: String) {
      environments(projectId: $projectId, first: 100, after: $after) {
        nodes {
          ...EnvironmentFields
        }
        pageInfo {
          endCursor
          hasNextPage
        }
      }
    }
  `,
  [environmentFields],
);

const DELETED = graphql(
  `
    query DeletedEnvironments($projectId: String!) {
      deletedEnvironments(projectId: $projectId) {
        ...EnvironmentFields
      }
    }
  `,
  [environmentFields],
);

/** While something is on its way, one wants to see it arrive. */
const BUSY_MS = 2_000;
const CALM_MS = 20_000;

/** All environments of a project, oldest first: the selector shows every one, so every page of them is read. */
export const environmentsQuery = (projectId: string) =>
  queryOptions({
    queryKey: ["project", projectId, "environments"],
    queryFn: async () => {
      const all: Environment[] = [];
      let after: string | null = null;
      do {
        const answer: ResultOf<typeof ENVIRONMENTS> = await ask(ENVIRONMENTS, { projectId, after });
        all.push(...answer.environments.nodes);
        after = answer.environments.pageInfo.hasNextPage ? (answer.environments.pageInfo.endCursor ?? null) : null;
      } while (after !== null);
      return all;
    },
    refetchInterval: ({ state }) => (state.data?.some(isBusy) ? BUSY_MS : CALM_MS),
  });

/** Whether an operation works on it right now. */
export function isBusy(environment: Environment): boolean {
  return environment.status === "creating" || environment.status === "deleting";
}

/** Those whose delete can still be undone. */
export const deletedQuery = (projectId: string) =>
  queryOptions({
    queryKey: ["project", projectId, "deleted"],
    queryFn: async () => (await ask(DELETED, { projectId })).deletedEnvironments,
  });

const CREATE = graphql(
  `
    mutation CreateEnvironment($input: CreateEnvironmentInput!) {
      createEnvironment(input: $input) {
        success
        code
        message
        details
        hint
        fieldErrors {
          field
          rule
          message
        }
        environment {
          ...EnvironmentFields
        }
        keys {
          publishable
          secret
        }
      }
    }
  `,
  [environmentFields],
);

const BRANCH = graphql(
  `
    mutation BranchEnvironment($input: BranchEnvironmentInput!) {
      branchEnvironment(input: $input) {
        success
        code
        message
        details
        hint
        fieldErrors {
          field
          rule
          message
        }
        environment {
          ...EnvironmentFields
        }
        keys {
          publishable
          secret
        }
      }
    }
  `,
  [environmentFields],
);

export type CreateInput = VariablesOf<typeof CREATE>["input"];
export type BranchInput = VariablesOf<typeof BRANCH>["input"];

export const createEnvironment = (input: CreateInput) => change(CREATE, { input });

export const branchEnvironment = (input: BranchInput) => change(BRANCH, { input });

const UPDATE = graphql(`
  mutation UpdateEnvironment($input: UpdateEnvironmentInput!) {
    updateEnvironment(input: $input) {
      success
      code
      message
      details
      hint
      fieldErrors {
        field
        rule
        message
      }
      environment {
        id
        name
      }
    }
  }
`);

export const updateEnvironment = (input: VariablesOf<typeof UPDATE>["input"]) => change(UPDATE, { input });

const RENEW = graphql(`
  mutation RenewLease($input: RenewLeaseInput!) {
    renewLease(input: $input) {
      success
      code
      message
      details
      hint
      fieldErrors {
        field
        rule
        message
      }
      environment {
        id
        expiresAt
      }
    }
  }
`);

export const renewLease = (input: VariablesOf<typeof RENEW>["input"]) => change(RENEW, { input });

const PAUSE = graphql(`
  mutation PauseEnvironment($environmentId: String!) {
    pauseEnvironment(input: { environmentId: $environmentId }) {
      success
      code
      message
      details
      hint
      fieldErrors {
        field
        rule
        message
      }
    }
  }
`);

const RESUME = graphql(`
  mutation ResumeEnvironment($environmentId: String!) {
    resumeEnvironment(input: { environmentId: $environmentId }) {
      success
      code
      message
      details
      hint
      fieldErrors {
        field
        rule
        message
      }
    }
  }
`);

export const pauseEnvironment = (environmentId: string) => change(PAUSE, { environmentId });

export const resumeEnvironment = (environmentId: string) => change(RESUME, { environmentId });

const DELETE = graphql(`
  mutation DeleteEnvironment($input: DeleteEnvironmentInput!) {
    deleteEnvironment(input: $input) {
      success
      code
      message
      details
      hint
      fieldErrors {
        field
        rule
        message
      }
      environment {
        id
        eraseAt
      }
    }
  }
`);

export const deleteEnvironment = (input: VariablesOf<typeof DELETE>["input"]) => change(DELETE, { input });

const RESTORE = graphql(`
  mutation RestoreEnvironment($environmentId: String!) {
    restoreEnvironment(input: { environmentId: $environmentId }) {
      success
      code
      message
      details
      hint
      fieldErrors {
        field
        rule
        message
      }
      environment {
        id
        name
        type
      }
      keys {
        publishable
        secret
      }
    }
  }
`);

export const restoreEnvironment = (environmentId: string) => change(RESTORE, { environmentId });
