import { useMutation, useQueryClient } from "@tanstack/react-query";
import { toast } from "sonner";

import { removeMember, setOrganizationRole, transferOwnership, type Member, type Organization } from "@/api/members";
import { ConfirmDialog } from "@/ui/confirm";

type Props = { member: Member; organization: Organization; onClose: () => void };

/** Whatever changes people is read again everywhere: roles of oneself may have changed too. */
function usePeopleChange(change: () => Promise<unknown>, done: string, onClose: () => void) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: change,
    onSuccess: async () => {
      toast.success(done);
      onClose();
      await client.invalidateQueries();
    },
  });
}

export function OrganizationRoleDialog({ member, organization, onClose }: Props) {
  const owner = member.organizationRole === "owner";
  const change = usePeopleChange(
    () =>
      setOrganizationRole({
        organizationId: organization.id,
        memberId: member.id,
        role: owner ? "MEMBER" : "OWNER",
      }),
    owner ? `${member.name} is a plain member.` : `${member.name} is an owner.`,
    onClose,
  );
  return (
    <ConfirmDialog
      title={owner ? `Make ${member.name} a plain member?` : `Make ${member.name} an owner?`}
      description={
        owner
          ? `They keep the roles they were given in single projects of ${organization.name}, and no others.`
          : `Owners of ${organization.name} own every project in it, and decide who belongs to it.`
      }
      verb={owner ? "Make a plain member" : "Make an owner"}
      busy={change.isPending}
      error={change.error}
      onConfirm={() => change.mutate()}
      onClose={onClose}
    />
  );
}

export function TransferDialog({ member, organization, onClose }: Props) {
  const change = usePeopleChange(
    () => transferOwnership({ organizationId: organization.id, memberId: member.id }),
    `${member.name} owns ${organization.name} now.`,
    onClose,
  );
  return (
    <ConfirmDialog
      title={`Transfer your ownership to ${member.name}?`}
      description={`They become an owner of ${organization.name} and you become a plain member, in one step. Only they can take it back.`}
      verb="Transfer ownership"
      danger
      busy={change.isPending}
      error={change.error}
      onConfirm={() => change.mutate()}
      onClose={onClose}
    />
  );
}

export function RemoveDialog({ member, organization, self, onClose }: Props & { self: boolean }) {
  const change = usePeopleChange(
    () => removeMember({ organizationId: organization.id, memberId: member.id }),
    self ? `You have left ${organization.name}.` : `${member.name} is removed.`,
    onClose,
  );
  return (
    <ConfirmDialog
      title={self ? `Leave ${organization.name}?` : `Remove ${member.name}?`}
      description={`All roles in projects of ${organization.name} end at once. Who is in no organization any more also loses their sessions and tokens.`}
      verb={self ? "Leave" : "Remove"}
      danger
      busy={change.isPending}
      error={change.error}
      onConfirm={() => change.mutate()}
      onClose={onClose}
    />
  );
}
