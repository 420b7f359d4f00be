import { useQuery } from "@tanstack/react-query";
import { UserPlus } from "lucide-react";
import { useState } from "react";

import { membersQuery, organizationsQuery, projectMembersQuery, type Member, type Organization } from "@/api/members";
import { usePlace } from "@/shell/place";
import { Button } from "@/ui/button";
import { Page, Section } from "@/ui/page";
import { LoadError, SkeletonRows } from "@/ui/state";

import { Invitations } from "./invitations";
import { InviteDialog } from "./invite-dialog";
import { LinkDialog, type ShownLink } from "./link-dialog";
import { MemberList, type Row } from "./list";

/** The organization's people, and what each may do in this project. */
export function MembersPage() {
  const { project } = usePlace();
  const organizations = useQuery(organizationsQuery);
  const organization = organizations.data?.find(({ id }) => id === project.organizationId);
  if (organizations.isPending) {
    return (
      <Page title="Members">
        <SkeletonRows />
      </Page>
    );
  }
  return organization?.role === "owner" ? <WholeOrganization organization={organization} /> : <ProjectOnly />;
}

/** For owners of the organization: everybody. */
function WholeOrganization({ organization }: { organization: Organization }) {
  const { project } = usePlace();
  const members = useQuery(membersQuery(organization.id));
  const [inviting, setInviting] = useState(false);
  const [link, setLink] = useState<ShownLink | null>(null);
  const rows = members.data?.map((member) => ({ member, ...roleIn(project.id, member) }));
  return (
    <Page
      title="Members"
      lead={`The people of ${organization.name}, and their roles in ${project.name}.`}
      actions={
        <Button look="primary" onClick={() => setInviting(true)}>
          <UserPlus className="size-4" />
          Invite
        </Button>
      }
    >
      {members.isPending && <SkeletonRows />}
      {members.isError && <LoadError error={members.error} onRetry={() => void members.refetch()} />}
      {rows && <MemberList rows={rows} organization={organization} onLink={setLink} />}
      <Invitations organization={organization} />
      {inviting && (
        <InviteDialog
          organization={organization}
          onClose={() => setInviting(false)}
          onLink={(link) => {
            setInviting(false);
            setLink(link);
          }}
        />
      )}
      {link !== null && <LinkDialog link={link} onClose={() => setLink(null)} />}
    </Page>
  );
}

/** For everybody else: those who have a role in this project. */
function ProjectOnly() {
  const { project } = usePlace();
  const members = useQuery(projectMembersQuery(project.id));
  return (
    <Page
      title="Members"
      lead={`Those who have a role in ${project.name}. Owners of the organization invite and remove.`}
    >
      <Section title={`In ${project.name}`}>
        {members.isPending && <SkeletonRows />}
        {members.isError && <LoadError error={members.error} onRetry={() => void members.refetch()} />}
        {members.data && <MemberList rows={members.data} organization={null} onLink={null} />}
      </Section>
    </Page>
  );
}

/** Owners of the organization are owners of its projects. */
function roleIn(projectId: string, member: Member): Pick<Row, "role" | "inherited"> {
  if (member.organizationRole === "owner") return { role: "owner", inherited: true };
  return { role: member.projects.find((project) => project.projectId === projectId)?.role ?? null, inherited: false };
}
