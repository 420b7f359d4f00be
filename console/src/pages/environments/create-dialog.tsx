import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useState } from "react";

import { branchEnvironment, createEnvironment } from "@/api/environments";
import type { Project } from "@/api/projects";
import { useDialogs } from "@/shell/dialogs";

import { CreateForm } from "./create-form";
import { CreateProgress } from "./create-progress";
import { toBranchInput, toCreateInput, type Wish } from "./wish";

type Props = { project: Project; from: string | null; onClose: () => void };

type Run = { wish: Wish; operationId: string };

/** An empty environment, or a branch of a live one: the form, then its steps as they go, then its keys. */
export function CreateEnvironmentDialog({ project, from, onClose }: Props) {
  const client = useQueryClient();
  const navigate = useNavigate();
  const dialogs = useDialogs();
  const [run, setRun] = useState<Run | null>(null);
  const make = useMutation({
    mutationFn: ({ wish, operationId }: Run) =>
      wish.from === null
        ? createEnvironment(toCreateInput(project.id, wish, operationId))
        : branchEnvironment(toBranchInput(project.id, wish, wish.from, operationId)),
    onSettled: () => client.invalidateQueries({ queryKey: ["project", project.id] }),
  });

  if (run === null) {
    return (
      <CreateForm
        project={project}
        from={from}
        onClose={onClose}
        onSubmit={(wish) => {
          const next = { wish, operationId: crypto.randomUUID() };
          setRun(next);
          make.mutate(next);
        }}
      />
    );
  }

  const made = make.data?.environment ?? null;
  const arrive = () => {
    if (!made) return onClose();
    const there = () =>
      void navigate({ to: "/p/$project/e/$environment", params: { project: project.name, environment: made.name } });
    const keys = make.data?.keys;
    if (keys) dialogs.showKeys({ title: `Keys of ${made.name}`, environment: made, ...keys, then: there });
    else {
      onClose();
      there();
    }
  };
  return (
    <CreateProgress
      wish={run.wish}
      operationId={run.operationId}
      state={make.status}
      error={make.error}
      hasKeys={Boolean(make.data?.keys)}
      onArrive={arrive}
      onBack={() => {
        make.reset();
        setRun(null);
      }}
      onClose={onClose}
    />
  );
}
