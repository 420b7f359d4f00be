import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";

import { toApiError } from "@/api/error";
import { inviteMember, invitationsQuery, type Organization } from "@/api/members";
import { projectsQuery } from "@/api/projects";
import { ROLE_SENTENCE, ROLES, type Role } from "@/lib/role";
import { usePlace } from "@/shell/place";
import { ConfirmDialog } from "@/ui/confirm";
import { RadioCards, SelectField, TextField } from "@/ui/field";

import type { ShownLink } from "./link-dialog";

type Props = { organization: Organization; onClose: () => void; onLink: (link: ShownLink) => void };

type ProjectRole = "VIEWER" | "DEVELOPER" | "ADMIN" | "OWNER";

const NONE = "";

export function InviteDialog({ organization, onClose, onLink }: Props) {
  const { project: here } = usePlace();
  const client = useQueryClient();
  const projects = (useQuery(projectsQuery).data ?? []).filter(
    ({ organizationId }) => organizationId === organization.id,
  );
  const [email, setEmail] = useState("");
  const [owner, setOwner] = useState<"MEMBER" | "OWNER">("MEMBER");
  const [roles, setRoles] = useState<Record<string, Role | "">>({ [here.id]: "developer" });
  const invite = useMutation({
    mutationFn: () =>
      inviteMember({
        organizationId: organization.id,
        email: email.trim(),
        role: owner,
        projects:
          owner === "OWNER"
            ? []
            : Object.entries(roles)
                .filter(([, role]) => role !== NONE)
                .map(([projectId, role]) => ({ projectId, role: role.toUpperCase() as ProjectRole })),
      }),
    onSuccess: async ({ link }) => {
      await client.invalidateQueries({ queryKey: invitationsQuery(organization.id).queryKey });
      if (link) onLink({ kind: "invitation", link, email: email.trim() });
      else onClose();
    },
  });
  const shown = roles[here.id] || "viewer";
  return (
    <ConfirmDialog
      title={`Invite to ${organization.name}`}
      description="This makes a link that works once within 7 days. A new one to the same address replaces the old."
      verb="Make invitation"
      ready={email.includes("@")}
      busy={invite.isPending}
      error={invite.error}
      onConfirm={() => invite.mutate()}
      onClose={onClose}
    >
      <TextField
        label="E-mail address"
        type="email"
        autoComplete="off"
        autoFocus
        value={email}
        onChange={(event) => setEmail(event.target.value)}
        problem={invite.isError ? toApiError(invite.error).field("email") : null}
      />
      <RadioCards
        legend="In the organization"
        name="organization-role"
        value={owner}
        onChange={setOwner}
        choices={[
          { value: "MEMBER", title: "Member", text: "Has the roles given in single projects." },
          { value: "OWNER", title: "Owner", text: "Owns every project, and decides who belongs here." },
        ]}
      />
      {owner === "MEMBER" && (
        <div className="grid grid-cols-1 gap-4 sm:grid-cols-2">
          {projects.map((project) => (
            <SelectField
              key={project.id}
              label={`Role in ${project.name}`}
              value={roles[project.id] ?? NONE}
              onChange={(role) => setRoles({ ...roles, [project.id]: role as Role | "" })}
              choices={[[NONE, "none"], ...ROLES.map((role) => [role, role] as const)]}
              {...(project.id === here.id && roles[here.id] ? { hint: ROLE_SENTENCE[shown] } : {})}
            />
          ))}
        </div>
      )}
    </ConfirmDialog>
  );
}
