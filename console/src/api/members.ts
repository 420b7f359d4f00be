import { queryOptions } from "@tanstack/react-query";

import { ask, change } from "./client";
import { graphql, type ResultOf, type VariablesOf } from "./graphql";

const ORGANIZATIONS = graphql(`
  query Organizations {
    organizations {
      id
      name
      role
      memberCount
      createdAt
    }
  }
`);

export type Organization = ResultOf<typeof ORGANIZATIONS>["organizations"][number];

export const organizationsQuery = queryOptions({
  queryKey: ["organizations"],
  queryFn: async () => (await ask(ORGANIZATIONS, {})).organizations,
});

const memberFields = graphql(`
  fragment MemberFields on Member {
    id
    email
    name
    organizationRole
    createdAt
    lastSeenAt
    hasPassword
    projects {
      projectId
      projectName
      role
    }
  }
`);

export type Member = ResultOf<typeof memberFields>;

const MEMBERS = graphql(
  `
    query Members($organizationId: String!, $after: String) {
      members(organizationId: $organizationId, first: 100, after: $after) {
        nodes {
          ...MemberFields
        }
        pageInfo {
          endCursor
          hasNextPage
        }
      }
    }
  `,
  [memberFields],
);

/** Everybody in an organization; for its owners. */
export const membersQuery = (organizationId: string) =>
  queryOptions({
    queryKey: ["organization", organizationId, "members"],
    queryFn: async () => {
      const all: Member[] = [];
      let after: string | null = null;
      do {
        const { members }: ResultOf<typeof MEMBERS> = await ask(MEMBERS, { organizationId, after });
        all.push(...members.nodes);
        after = members.pageInfo.hasNextPage ? (members.pageInfo.endCursor ?? null) : null;
      } while (after !== null);
      return all;
    },
  });

const PROJECT_MEMBERS = graphql(
  `
    query ProjectMembers($projectId: String!) {
      projectMembers(projectId: $projectId) {
        role
        inherited
        member {
          ...MemberFields
        }
      }
    }
  `,
  [memberFields],
);

export type ProjectMember = ResultOf<typeof PROJECT_MEMBERS>["projectMembers"][number];

export const projectMembersQuery = (projectId: string) =>
  queryOptions({
    queryKey: ["project", projectId, "members"],
    queryFn: async () => (await ask(PROJECT_MEMBERS, { projectId })).projectMembers,
  });

const INVITATIONS = graphql(`
  query Invitations($organizationId: String!) {
    invitations(organizationId: $organizationId) {
      id
      email
      organizationRole
      projects {
        projectId
        projectName
        role
      }
      invitedBy
      createdAt
      expiresAt
      acceptedAt
      revokedAt
    }
  }
`);

export type Invitation = ResultOf<typeof INVITATIONS>["invitations"][number];

/** Those that can still be accepted. */
export const invitationsQuery = (organizationId: string) =>
  queryOptions({
    queryKey: ["organization", organizationId, "invitations"],
    queryFn: async () => (await ask(INVITATIONS, { organizationId })).invitations.filter(isPending),
  });

export function isPending(
  invitation: Pick<Invitation, "acceptedAt" | "revokedAt" | "expiresAt">,
  now: number = Date.now(),
): boolean {
  return !invitation.acceptedAt && !invitation.revokedAt && Date.parse(invitation.expiresAt) > now;
}

const INVITE = graphql(`
  mutation InviteMember($input: InviteMemberInput!) {
    inviteMember(input: $input) {
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
      invitation {
        id
        email
        expiresAt
      }
      link
    }
  }
`);

export const inviteMember = (input: VariablesOf<typeof INVITE>["input"]) => change(INVITE, { input });

const REVOKE_INVITATION = graphql(`
  mutation RevokeInvitation($invitationId: String!) {
    revokeInvitation(input: { invitationId: $invitationId }) {
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

export const revokeInvitation = (invitationId: string) => change(REVOKE_INVITATION, { invitationId });

const REMOVE = graphql(`
  mutation RemoveMember($input: RemoveMemberInput!) {
    removeMember(input: $input) {
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

export const removeMember = (input: VariablesOf<typeof REMOVE>["input"]) => change(REMOVE, { input });

const SET_ORGANIZATION_ROLE = graphql(`
  mutation SetOrganizationRole($input: SetOrganizationRoleInput!) {
    setOrganizationRole(input: $input) {
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

export const setOrganizationRole = (input: VariablesOf<typeof SET_ORGANIZATION_ROLE>["input"]) =>
  change(SET_ORGANIZATION_ROLE, { input });

const SET_PROJECT_ROLE = graphql(`
  mutation SetProjectRole($input: SetProjectRoleInput!) {
    setProjectRole(input: $input) {
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

export const setProjectRole = (input: VariablesOf<typeof SET_PROJECT_ROLE>["input"]) =>
  change(SET_PROJECT_ROLE, { input });

const TRANSFER = graphql(`
  mutation TransferOwnership($input: TransferOwnershipInput!) {
    transferOwnership(input: $input) {
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

export const transferOwnership = (input: VariablesOf<typeof TRANSFER>["input"]) => change(TRANSFER, { input });

const PASSWORD_LINK = graphql(`
  mutation CreatePasswordLink($memberId: String!) {
    createPasswordLink(input: { memberId: $memberId }) {
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
      link
    }
  }
`);

export const createPasswordLink = (memberId: string) => change(PASSWORD_LINK, { memberId });
