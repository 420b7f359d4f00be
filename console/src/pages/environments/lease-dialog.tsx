import { useState } from "react";
import { toast } from "sonner";

import { renewLease, type Environment } from "@/api/environments";
import { LEASES } from "@/lib/lease";
import { absolute } from "@/lib/time";
import { ConfirmDialog } from "@/ui/confirm";
import { SelectField } from "@/ui/field";

import { useEnvironmentChange } from "./changed";

export function LeaseDialog({ environment, onClose }: { environment: Environment; onClose: () => void }) {
  const [lease, setLease] = useState<string>("7d");
  const renew = useEnvironmentChange(
    () => renewLease({ environmentId: environment.id, lease: lease === "" ? null : lease }),
    ({ environment: after }) => {
      const ends = after?.expiresAt;
      toast.success(ends ? `${environment.name} lives until ${absolute(ends)}.` : `${environment.name} has no lease.`);
      onClose();
    },
  );
  return (
    <ConfirmDialog
      title={`Lease of ${environment.name}`}
      description={
        environment.expiresAt === null
          ? "It has none. With one, it is deleted when the time is over, unless the lease is renewed."
          : `It ends on ${absolute(environment.expiresAt)}. The new time counts from now.`
      }
      verb={lease === "" ? "Remove lease" : "Set lease"}
      busy={renew.isPending}
      error={renew.error}
      onConfirm={() => renew.mutate()}
      onClose={onClose}
    >
      <SelectField label="From now" value={lease} onChange={setLease} choices={LEASES} />
    </ConfirmDialog>
  );
}
