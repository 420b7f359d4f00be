import { queryOptions } from "@tanstack/react-query";

import { ask, change } from "./client";
import { graphql, type ResultOf, type VariablesOf } from "./graphql";

const PROJECTS = graphql(`
  query Projects($after: String) {
    projects(first: 100, after: $after) {
      nodes {
        id
        name
        organizationId
        role
        environmentCount
        createdAt
        rootEnvironment {
          id
          name
        }
      }
      pageInfo {
        endCursor
        hasNextPage
      }
    }
  }
`);

export type Project = ResultOf<typeof PROJECTS>["projects"]["nodes"][number];

/** Every project one has a role in. */
export const projectsQuery = queryOptions({
  queryKey: ["projects"],
  queryFn: async () => {
    const all: Project[] = [];
    let after: string | null = null;
    do {
      const { projects }: ResultOf<typeof PROJECTS> = await ask(PROJECTS, { after });
      all.push(...projects.nodes);
      after = projects.pageInfo.hasNextPage ? (projects.pageInfo.endCursor ?? null) : null;
    } while (after !== null);
    return all;
  },
});

const CREATE = graphql(`
  mutation CreateProject($input: CreateProjectInput!) {
    createProject(input: $input) {
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
      project {
        id
        name
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

export const createProject = (input: VariablesOf<typeof CREATE>["input"]) => change(CREATE, { input });

const AUDIT = graphql(`
  query AuditLog($projectId: String!, $after: String) {
    auditLog(projectId: $projectId, first: 50, after: $after) {
      nodes {
        id
        at
        actor
        action
        target
        detail
      }
      pageInfo {
        endCursor
        hasNextPage
      }
    }
  }
`);

export type AuditEntry = ResultOf<typeof AUDIT>["auditLog"]["nodes"][number];

export const auditPage = (projectId: string, after: string | null) => ask(AUDIT, { projectId, after });
