import { useNavigate } from "@tanstack/react-router";
import {
  Ellipsis,
  GitBranch,
  KeyRound,
  Pause,
  Pencil,
  Play,
  ShieldCheck,
  ShieldOff,
  TimerReset,
  Trash2,
} from "lucide-react";
import { useState } from "react";

import { isBusy, type Environment } from "@/api/environments";
import { atLeast, mayChange, mayDelete } from "@/lib/role";
import { useDialogs } from "@/shell/dialogs";
import { usePlace } from "@/shell/place";
import { IconButton } from "@/ui/button";
import { Menu, MenuItem, MenuLine } from "@/ui/menu";

import { DeleteDialog } from "./delete-dialog";
import { LeaseDialog } from "./lease-dialog";
import { RenameDialog } from "./rename-dialog";
import { PauseDialog, ProtectDialog } from "./switch-dialogs";

type Asked = "rename" | "protect" | "pause" | "lease" | "delete";

/** Everything one can do to an environment. Those who may only look have no menu. */
export function EnvironmentMenu({ environment }: { environment: Environment }) {
  const { project, environments, role } = usePlace();
  const dialogs = useDialogs();
  const navigate = useNavigate();
  const [asked, setAsked] = useState<Asked | null>(null);
  const close = () => setAsked(null);

  if (!atLeast(role, "developer")) return null;
  const change = mayChange(role, environment);
  const root = environments[0]?.id === environment.id;
  const paused = environment.status === "paused";
  const open = environment.status === "active" || paused;
  const keys = () =>
    void navigate({
      to: "/p/$project/e/$environment/keys",
      params: { project: project.name, environment: environment.name },
    });
  return (
    <>
      <Menu
        trigger={
          <IconButton label={`Actions for ${environment.name}`}>
            <Ellipsis className="size-4.5" />
          </IconButton>
        }
      >
        <MenuItem
          icon={<GitBranch />}
          disabled={environment.status !== "active"}
          onSelect={() => dialogs.createEnvironment(project, environment.name)}
        >
          Branch from here
        </MenuItem>
        <MenuItem icon={<KeyRound />} onSelect={keys}>
          API keys
        </MenuItem>
        <MenuLine />
        <MenuItem icon={<Pencil />} disabled={!change} onSelect={() => setAsked("rename")}>
          Rename
        </MenuItem>
        <MenuItem icon={paused ? <Play /> : <Pause />} disabled={!change || !open} onSelect={() => setAsked("pause")}>
          {paused ? "Resume" : "Pause"}
        </MenuItem>
        <MenuItem
          icon={<TimerReset />}
          disabled={!change || root || environment.protected}
          onSelect={() => setAsked("lease")}
        >
          {environment.expiresAt === null ? "Set lease" : "Renew lease"}
        </MenuItem>
        <MenuItem
          icon={environment.protected ? <ShieldOff /> : <ShieldCheck />}
          disabled={!atLeast(role, "owner")}
          onSelect={() => setAsked("protect")}
        >
          {environment.protected ? "Lift protection" : "Protect"}
        </MenuItem>
        <MenuLine />
        <MenuItem
          icon={<Trash2 />}
          danger
          disabled={root || !mayDelete(role, environment) || isBusy(environment)}
          onSelect={() => setAsked("delete")}
        >
          {root ? "Delete (not the root)" : "Delete"}
        </MenuItem>
      </Menu>
      {asked === "rename" && <RenameDialog environment={environment} onClose={close} />}
      {asked === "protect" && <ProtectDialog environment={environment} onClose={close} />}
      {asked === "pause" && <PauseDialog environment={environment} onClose={close} />}
      {asked === "lease" && <LeaseDialog environment={environment} onClose={close} />}
      {asked === "delete" && <DeleteDialog environment={environment} onClose={close} />}
    </>
  );
}
