import { useNavigate } from "@tanstack/react-router";
import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { toast } from "sonner";

import { environmentsQuery, updateEnvironment, type Environment } from "@/api/environments";
import { nameProblem } from "@/lib/name";
import { usePlace } from "@/shell/place";
import { ConfirmDialog } from "@/ui/confirm";
import { TextField } from "@/ui/field";

import { useEnvironmentChange } from "./changed";

export function RenameDialog({ environment, onClose }: { environment: Environment; onClose: () => void }) {
  const { project, environment: selected, environments } = usePlace();
  const navigate = useNavigate();
  const client = useQueryClient();
  const [name, setName] = useState(environment.name);
  const taken = environments.filter(({ id }) => id !== environment.id).map(({ name }) => name);
  const problem = nameProblem(name, taken);
  const rename = useEnvironmentChange(
    () => updateEnvironment({ environmentId: environment.id, name }),
    async () => {
      toast.success(`${environment.name} is now called ${name}.`);
      onClose();
      if (selected.id !== environment.id) return;
      // The address names the environment: both must change at once.
      client.setQueryData(environmentsQuery(project.id).queryKey, (all) =>
        all?.map((one) => (one.id === environment.id ? { ...one, name } : one)),
      );
      await navigate({ to: ".", params: (old) => ({ ...old, environment: name }), replace: true });
    },
  );
  return (
    <ConfirmDialog
      title={`Rename ${environment.name}`}
      description="Its id, its keys and its type stay as they are."
      verb="Rename"
      ready={name !== "" && name !== environment.name && problem === null}
      busy={rename.isPending}
      error={rename.error}
      onConfirm={() => rename.mutate()}
      onClose={onClose}
    >
      <TextField
        label="New name"
        autoComplete="off"
        autoFocus
        value={name}
        onChange={(event) => setName(event.target.value)}
        problem={problem}
      />
    </ConfirmDialog>
  );
}
