import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Crown, Ellipsis, KeyRound, UserRoundCheck, UserRoundMinus, UserRoundX } from "lucide-react";
import { useState } from "react";
import { toast } from "sonner";

import { toApiError } from "@/api/error";
import { createPasswordLink, setProjectRole, type Member, type Organization } from "@/api/members";
import { sessionQuery } from "@/api/session";
import { atLeast, ROLES } from "@/lib/role";
import { usePlace } from "@/shell/place";
import { Badge } from "@/ui/badge";
import { IconButton } from "@/ui/button";
import { Select } from "@/ui/field";
import { Menu, MenuItem, MenuLine } from "@/ui/menu";
import { Time } from "@/ui/time";

import type { ShownLink } from "./link-dialog";
import { OrganizationRoleDialog, RemoveDialog, TransferDialog } from "./role-dialogs";

export type Row = { member: Member; role: string | null; inherited: boolean };

type Props = {
  rows: readonly Row[];
  /** The organization, for its owners: they change who is in it. */
  organization: Organization | null;
  onLink: ((link: ShownLink) => void) | null;
};

export function MemberList({ rows, organization, onLink }: Props) {
  return (
    <ul className="divide-y divide-line rounded-xl border border-line bg-surface shadow-card">
      {rows.map((row) => (
        <MemberRow key={row.member.id} row={row} organization={organization} onLink={onLink} />
      ))}
    </ul>
  );
}

function MemberRow({ row, organization, onLink }: { row: Row } & Omit<Props, "rows">) {
  const { member } = row;
  const viewer = useQuery(sessionQuery).data?.viewer;
  return (
    <li className="flex flex-wrap items-center gap-x-4 gap-y-3 px-4 py-3">
      <div className="min-w-0 flex-1 basis-56">
        <p className="flex flex-wrap items-center gap-2 font-medium">
          <span className="break-words">{member.name}</span>
          {member.id === viewer?.id && <Badge>you</Badge>}
          {member.organizationRole === "owner" && <Badge tone="good">organization owner</Badge>}
        </p>
        <p className="text-sm break-all text-faint">
          {member.email}
          {!member.hasPassword && " · access tokens only"}
        </p>
        <p className="text-sm text-faint">
          last seen <Time at={member.lastSeenAt} />
        </p>
      </div>
      <div className="flex items-center gap-2 max-sm:w-full max-sm:justify-between">
        <ProjectRoleSelect row={row} />
        {organization && onLink && <MemberMenu member={member} organization={organization} onLink={onLink} />}
      </div>
    </li>
  );
}

const NONE = "none";

function ProjectRoleSelect({ row: { member, role, inherited } }: { row: Row }) {
  const { project, role: own } = usePlace();
  const client = useQueryClient();
  const set = useMutation({
    mutationFn: (next: string) =>
      setProjectRole({
        projectId: project.id,
        memberId: member.id,
        role: next === NONE ? null : (next.toUpperCase() as "VIEWER" | "DEVELOPER" | "ADMIN" | "OWNER"),
      }),
    onSuccess: (_, next) =>
      toast.success(
        next === NONE
          ? `${member.name} has no role in ${project.name}.`
          : `${member.name} is ${next} in ${project.name}.`,
      ),
    onError: (error) => {
      const { message, hint } = toApiError(error);
      toast.error(message, { description: hint });
    },
    onSettled: () => client.invalidateQueries({ predicate: ({ queryKey }) => queryKey.includes("members") }),
  });
  if (inherited || !atLeast(own, "owner")) return <Badge>{role ?? "no role here"}</Badge>;
  return (
    <Select
      aria-label={`Role of ${member.name} in ${project.name}`}
      className="w-36!"
      value={set.isPending ? set.variables : (role ?? NONE)}
      disabled={set.isPending}
      onChange={(next) => set.mutate(next)}
      choices={[[NONE, "no role"], ...ROLES.map((role) => [role, role] as const)]}
    />
  );
}

type Asked = "promote" | "transfer" | "remove";

function MemberMenu({
  member,
  organization,
  onLink,
}: {
  member: Member;
  organization: Organization;
  onLink: (link: ShownLink) => void;
}) {
  const viewer = useQuery(sessionQuery).data?.viewer;
  const [asked, setAsked] = useState<Asked | null>(null);
  const close = () => setAsked(null);
  const self = member.id === viewer?.id;
  const owner = member.organizationRole === "owner";
  const password = useMutation({
    mutationFn: () => createPasswordLink(member.id),
    onSuccess: ({ link }) => {
      if (link) onLink({ kind: "password", link, email: member.email });
    },
    onError: (error) => toast.error(toApiError(error).message),
  });
  return (
    <>
      <Menu
        trigger={
          <IconButton label={`Actions for ${member.name}`}>
            <Ellipsis className="size-4.5" />
          </IconButton>
        }
      >
        <MenuItem icon={owner ? <UserRoundX /> : <UserRoundCheck />} onSelect={() => setAsked("promote")}>
          {owner ? "Make a plain member" : "Make an owner"}
        </MenuItem>
        <MenuItem icon={<Crown />} disabled={self} onSelect={() => setAsked("transfer")}>
          Transfer my ownership
        </MenuItem>
        <MenuItem icon={<KeyRound />} onSelect={() => password.mutate()}>
          Make a password link
        </MenuItem>
        <MenuLine />
        <MenuItem icon={<UserRoundMinus />} danger onSelect={() => setAsked("remove")}>
          {self ? "Leave the organization" : "Remove"}
        </MenuItem>
      </Menu>
      {asked === "promote" && <OrganizationRoleDialog {...{ member, organization }} onClose={close} />}
      {asked === "transfer" && <TransferDialog {...{ member, organization }} onClose={close} />}
      {asked === "remove" && <RemoveDialog {...{ member, organization, self }} onClose={close} />}
    </>
  );
}
