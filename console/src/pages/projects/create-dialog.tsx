import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useState } from "react";

import { toApiError } from "@/api/error";
import { organizationsQuery } from "@/api/members";
import { createProject, projectsQuery } from "@/api/projects";
import { nameProblem } from "@/lib/name";
import { useDialogs } from "@/shell/dialogs";
import { Button } from "@/ui/button";
import { Dialog } from "@/ui/dialog";
import { SelectField, TextField } from "@/ui/field";
import { ErrorNotice } from "@/ui/state";

const FORM = "create-project";

/** A project and its root environment; ends with the root's key pair. */
export function CreateProjectDialog({ onClose }: { onClose: () => void }) {
  const client = useQueryClient();
  const navigate = useNavigate();
  const dialogs = useDialogs();
  const organizations = useQuery(organizationsQuery);
  const mine = organizations.data ?? [];
  const [name, setName] = useState("");
  const [rootName, setRootName] = useState("dev");
  const [chosen, setChosen] = useState<string | null>(null);
  const organizationId = chosen ?? mine[0]?.id ?? null;

  const create = useMutation({
    mutationFn: () => createProject({ name, rootName, organizationId }),
    onSuccess: async ({ project, environment, keys }) => {
      await client.invalidateQueries({ queryKey: projectsQuery.queryKey });
      if (!project || !environment) return onClose();
      const place = { project: project.name, environment: environment.name };
      await navigate({ to: "/p/$project/e/$environment", params: place });
      if (keys) dialogs.showKeys({ title: `Keys of ${environment.name}`, environment, ...keys });
      else onClose();
    },
  });
  const refused = create.error === null ? null : toApiError(create.error);
  const wrongName = nameProblem(name) ?? refused?.field("name") ?? null;
  const wrongRoot = nameProblem(rootName) ?? refused?.field("rootName") ?? null;
  const ready = name !== "" && rootName !== "" && nameProblem(name) === null && nameProblem(rootName) === null;
  return (
    <Dialog
      open
      onClose={onClose}
      insistent={create.isPending}
      title="Create a project"
      description="It begins with one environment, its root, which has a key pair of its own."
      actions={
        <>
          <Button onClick={onClose} disabled={create.isPending}>
            Cancel
          </Button>
          <Button look="primary" type="submit" form={FORM} busy={create.isPending} disabled={!ready}>
            Create project
          </Button>
        </>
      }
    >
      <form
        id={FORM}
        className="grid grid-cols-1 gap-4"
        onSubmit={(event) => {
          event.preventDefault();
          if (ready) create.mutate();
        }}
      >
        <TextField
          label="Name"
          name="name"
          autoComplete="off"
          autoFocus
          value={name}
          onChange={(event) => setName(event.target.value)}
          hint="Letters, digits, hyphen and underscore; it is part of addresses."
          problem={wrongName}
        />
        <TextField
          label="Name of the root environment"
          name="root"
          autoComplete="off"
          value={rootName}
          onChange={(event) => setRootName(event.target.value)}
          hint="Of type dev whatever its name. Many call it dev, some master."
          problem={wrongRoot}
        />
        {mine.length > 1 && (
          <SelectField
            label="Organization"
            value={organizationId ?? ""}
            onChange={setChosen}
            choices={mine.map(({ id, name }) => [id, name] as const)}
          />
        )}
        <ErrorNotice error={create.error} />
      </form>
    </Dialog>
  );
}
