import { useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { toast } from "sonner";

import { deleteEnvironment, type Environment } from "@/api/environments";
import { absolute } from "@/lib/time";
import { usePlace } from "@/shell/place";
import { TypeDot } from "@/ui/badge";
import { Button } from "@/ui/button";
import { ConfirmDialog } from "@/ui/confirm";
import { Dialog } from "@/ui/dialog";
import { Checkbox, TextField } from "@/ui/field";

import { useEnvironmentChange } from "./changed";

const GONE = [
  "Its tables, and all data in them",
  "Its users and their sessions",
  "Its files",
  "Its settings and variables",
];

type Props = { environment: Environment; onClose: () => void };

export function DeleteDialog({ environment, onClose }: Props) {
  const { environments } = usePlace();
  const children = environments.filter(({ parentId }) => parentId === environment.id);
  return children.length > 0 ? (
    <HasChildren environment={environment} names={children} onClose={onClose} />
  ) : (
    <TypeItsName environment={environment} onClose={onClose} />
  );
}

function HasChildren({ environment, names, onClose }: Props & { names: Environment[] }) {
  return (
    <Dialog
      open
      onClose={onClose}
      title={`${environment.name} cannot be deleted yet`}
      description="Environments were branched from it and are still there. Delete these first:"
      actions={<Button onClick={onClose}>Close</Button>}
    >
      <ul className="grid grid-cols-1 gap-1.5">
        {names.map((child) => (
          <li key={child.id} className="flex items-center gap-2.5 rounded-lg border border-line px-3 py-2">
            <TypeDot type={child.type} hollow={child.status !== "active"} />
            <span className="min-w-0 flex-1 truncate font-medium">{child.name}</span>
            <span className="text-sm text-faint">{child.status}</span>
          </li>
        ))}
      </ul>
    </Dialog>
  );
}

function TypeItsName({ environment, onClose }: Props) {
  const { project, environment: selected, environments } = usePlace();
  const navigate = useNavigate();
  const [typed, setTyped] = useState("");
  const [purge, setPurge] = useState(false);
  const remove = useEnvironmentChange(
    () => deleteEnvironment({ environmentId: environment.id, confirmName: typed, purge }),
    async ({ environment: after }) => {
      onClose();
      const until = after?.eraseAt;
      toast.success(`${environment.name} is deleted.`, {
        description: until ? `It can be restored until ${absolute(until)}.` : "Its bytes are erased.",
      });
      const root = environments[0];
      if (selected.id !== environment.id || !root) return;
      await navigate({
        to: "/p/$project/e/$environment/environments",
        params: { project: project.name, environment: root.name },
      });
    },
  );
  return (
    <ConfirmDialog
      title={`Delete ${environment.name}?`}
      description="Its keys are dead and its name is free at once. This is removed for good:"
      verb={purge ? "Delete and erase now" : "Delete environment"}
      danger
      ready={typed === environment.name}
      busy={remove.isPending}
      error={remove.error}
      onConfirm={() => remove.mutate()}
      onClose={onClose}
    >
      <ul className="grid grid-cols-1 gap-1 rounded-lg border border-danger-line bg-danger-wash px-4 py-3">
        {GONE.map((what) => (
          <li key={what} className="flex gap-2.5">
            <span aria-hidden="true" className="mt-2.25 size-1 shrink-0 rounded-full bg-danger" />
            {what}
          </li>
        ))}
        <li className="flex gap-2.5">
          <span aria-hidden="true" className="mt-2.25 size-1 shrink-0 rounded-full bg-danger" />
          Its API keys: a restored environment gets new ones
        </li>
      </ul>
      <Checkbox
        label="Erase its bytes at once"
        hint={
          purge
            ? "Nothing can bring it back after this."
            : "Otherwise they are erased after 24 hours, and until then the delete can be undone."
        }
        checked={purge}
        onChange={(event) => setPurge(event.target.checked)}
      />
      <TextField
        label={
          <>
            Type <code className="rounded-sm bg-sunken px-1 font-mono select-all">{environment.name}</code> to confirm
          </>
        }
        autoComplete="off"
        spellCheck={false}
        autoFocus
        value={typed}
        onChange={(event) => setTyped(event.target.value)}
      />
    </ConfirmDialog>
  );
}
