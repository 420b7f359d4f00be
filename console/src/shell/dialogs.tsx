import { createContext, useCallback, useContext, useMemo, useState, type ReactNode } from "react";

import type { Project } from "@/api/projects";
import { CreateEnvironmentDialog } from "@/pages/environments/create-dialog";
import { OneTimeKeysDialog, type OneTimeKeys } from "@/pages/keys/one-time-dialog";
import { CreateProjectDialog } from "@/pages/projects/create-dialog";

/** The dialogs that are asked for from more than one place. */
type Dialogs = {
  /** `from` is the name of the environment to branch from. */
  createEnvironment: (project: Project, from?: string) => void;
  createProject: () => void;
  showKeys: (keys: OneTimeKeys) => void;
};

type Open =
  | { kind: "environment"; project: Project; from: string | null }
  | { kind: "project" }
  | { kind: "keys"; keys: OneTimeKeys };

const Context = createContext<Dialogs | null>(null);

export function DialogsProvider({ children }: { children: ReactNode }) {
  const [open, setOpen] = useState<Open | null>(null);
  const close = useCallback(() => setOpen(null), []);
  const dialogs = useMemo<Dialogs>(
    () => ({
      createEnvironment: (project, from) => setOpen({ kind: "environment", project, from: from ?? null }),
      createProject: () => setOpen({ kind: "project" }),
      showKeys: (keys) => setOpen({ kind: "keys", keys }),
    }),
    [],
  );
  return (
    <Context value={dialogs}>
      {children}
      {open?.kind === "environment" && (
        <CreateEnvironmentDialog project={open.project} from={open.from} onClose={close} />
      )}
      {open?.kind === "project" && <CreateProjectDialog onClose={close} />}
      {open?.kind === "keys" && <OneTimeKeysDialog keys={open.keys} onClose={close} />}
    </Context>
  );
}

export function useDialogs(): Dialogs {
  const dialogs = useContext(Context);
  if (!dialogs) throw new Error("useDialogs outside of DialogsProvider");
  return dialogs;
}
