import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { toast } from "sonner";

import { toApiError } from "@/api/error";
import { invitationsQuery, revokeInvitation, type Invitation, type Organization } from "@/api/members";
import { Badge } from "@/ui/badge";
import { Button } from "@/ui/button";
import { Section } from "@/ui/page";
import { LoadError } from "@/ui/state";
import { Time } from "@/ui/time";

/** Invitations nobody has used yet. */
export function Invitations({ organization }: { organization: Organization }) {
  const invitations = useQuery(invitationsQuery(organization.id));
  if (invitations.isError) {
    return (
      <Section title="Invitations">
        <LoadError error={invitations.error} onRetry={() => void invitations.refetch()} />
      </Section>
    );
  }
  if (!invitations.data || invitations.data.length === 0) return null;
  return (
    <Section title="Invitations" lead="Not yet accepted.">
      <ul className="divide-y divide-line rounded-xl border border-line bg-surface shadow-card">
        {invitations.data.map((invitation) => (
          <Row key={invitation.id} invitation={invitation} organization={organization} />
        ))}
      </ul>
    </Section>
  );
}

function Row({ invitation, organization }: { invitation: Invitation; organization: Organization }) {
  const client = useQueryClient();
  const revoke = useMutation({
    mutationFn: () => revokeInvitation(invitation.id),
    onSuccess: async () => {
      toast.success(`The invitation of ${invitation.email} is taken back.`);
      await client.invalidateQueries({ queryKey: invitationsQuery(organization.id).queryKey });
    },
    onError: (error) => toast.error(toApiError(error).message),
  });
  return (
    <li className="flex flex-wrap items-center gap-x-4 gap-y-2 px-4 py-3">
      <div className="min-w-0 flex-1 basis-56">
        <p className="font-medium break-all">{invitation.email}</p>
        <p className="text-sm text-faint">
          by {invitation.invitedBy} · ends <Time at={invitation.expiresAt} />
        </p>
      </div>
      <div className="flex flex-wrap gap-1.5">
        {invitation.organizationRole === "owner" ? (
          <Badge tone="good">organization owner</Badge>
        ) : (
          invitation.projects.map(({ projectId, projectName, role }) => (
            <Badge key={projectId}>
              {role} in {projectName}
            </Badge>
          ))
        )}
      </div>
      <Button size="small" busy={revoke.isPending} onClick={() => revoke.mutate()}>
        Take back <span className="sr-only">the invitation of {invitation.email}</span>
      </Button>
    </li>
  );
}
