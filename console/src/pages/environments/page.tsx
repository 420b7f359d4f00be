import { useNavigate, useSearch } from "@tanstack/react-router";
import { LayoutGrid, ListTree, Plus } from "lucide-react";
import type { ReactNode } from "react";

import { classNames } from "@/lib/class-names";
import { atLeast } from "@/lib/role";
import { useDialogs } from "@/shell/dialogs";
import { usePlace } from "@/shell/place";
import { Button } from "@/ui/button";
import { Page } from "@/ui/page";

import { EnvironmentCard } from "./card";
import { DeletedEnvironments } from "./deleted";
import { EnvironmentTree } from "./tree";

export function EnvironmentsPage() {
  const { project, environment, environments, role } = usePlace();
  const { view } = useSearch({ from: "/signed-in/p/$project/e/$environment/environments" });
  const dialogs = useDialogs();
  const count = environments.length;
  return (
    <Page
      title="Environments"
      lead={`${count} ${count === 1 ? "environment" : "environments"} in ${project.name}, each with a backend of its own.`}
      actions={
        <>
          <ViewSwitch view={view ?? "cards"} />
          {atLeast(role, "developer") && (
            <Button look="primary" onClick={() => dialogs.createEnvironment(project, environment.name)}>
              <Plus className="size-4" />
              Create Environment
            </Button>
          )}
        </>
      }
    >
      {view === "tree" ? (
        <EnvironmentTree />
      ) : (
        <div className="grid grid-cols-1 gap-4 lg:grid-cols-2">
          {environments.map((one) => (
            <EnvironmentCard key={one.id} environment={one} />
          ))}
        </div>
      )}
      <DeletedEnvironments />
    </Page>
  );
}

function ViewSwitch({ view }: { view: "cards" | "tree" }) {
  const navigate = useNavigate({ from: "/p/$project/e/$environment/environments" });
  const choice = (name: "cards" | "tree", text: string, icon: ReactNode) => (
    <button
      type="button"
      aria-pressed={view === name}
      onClick={() => void navigate({ search: name === "tree" ? { view: "tree" } : {}, replace: true })}
      className={classNames(
        "flex items-center gap-1.5 rounded-sm px-2.5 text-sm font-medium transition-colors [&>svg]:size-3.5",
        view === name ? "bg-surface text-ink shadow-card" : "text-soft hover:text-ink",
      )}
    >
      {icon}
      {text}
    </button>
  );
  return (
    <div
      role="group"
      aria-label="View"
      className="flex h-9 rounded-md border border-line bg-sunken p-0.5 pointer-coarse:h-11"
    >
      {choice("cards", "Cards", <LayoutGrid />)}
      {choice("tree", "Tree", <ListTree />)}
    </div>
  );
}
