import { useQuery } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { Command } from "cmdk";
import { Box, KeyRound, LayoutGrid, Plus, Search, UserRound, UsersRound } from "lucide-react";
import { Dialog } from "radix-ui";
import { useEffect, type ReactNode } from "react";

import { environmentsQuery } from "@/api/environments";
import { projectsQuery, type Project } from "@/api/projects";
import { atLeast } from "@/lib/role";
import { TypeDot } from "@/ui/badge";

import { useDialogs } from "./dialogs";

/** Ctrl K or ⌘ K opens it. */
export function usePaletteShortcut(open: (open: boolean) => void): void {
  useEffect(() => {
    const listener = (event: KeyboardEvent) => {
      if (event.key.toLowerCase() !== "k" || !(event.metaKey || event.ctrlKey) || event.shiftKey || event.altKey)
        return;
      // Not over another dialog.
      if (document.querySelector("[role=dialog]")) return;
      event.preventDefault();
      open(true);
    };
    window.addEventListener("keydown", listener);
    return () => window.removeEventListener("keydown", listener);
  }, [open]);
}

/** Everywhere one can go, by typing. */
export function Palette({ project, onClose }: { project?: Project; onClose: () => void }) {
  const navigate = useNavigate();
  const dialogs = useDialogs();
  const projects = useQuery(projectsQuery);
  const environments = useQuery({ ...environmentsQuery(project?.id ?? ""), enabled: project !== undefined });
  const root = environments.data?.[0]?.name;
  const run = (action: () => void) => () => {
    onClose();
    action();
  };
  return (
    <Dialog.Root open onOpenChange={(open) => !open && onClose()}>
      <Dialog.Portal>
        <Dialog.Overlay className="fixed inset-0 z-40 animate-fade bg-[#0b120e99]" />
        <Dialog.Content
          aria-describedby={undefined}
          className="fixed inset-x-3 top-[12dvh] z-50 mx-auto max-w-lg animate-rise overflow-hidden rounded-xl border border-line bg-raised shadow-float outline-none"
        >
          <Dialog.Title className="sr-only">Go to</Dialog.Title>
          <Command label="Go to" loop>
            <div className="flex items-center gap-2.5 border-b border-line px-4">
              <Search className="size-4 text-faint" aria-hidden="true" />
              <Command.Input
                placeholder="An environment, a project, a page…"
                className="h-12 w-full bg-transparent text-lg outline-none"
              />
            </div>
            <Command.List className="max-h-80 overflow-y-auto p-1.5">
              <Command.Empty className="px-3 py-8 text-center text-faint">Nothing by that name.</Command.Empty>
              {project && environments.data && (
                <Group heading={`Environments of ${project.name}`}>
                  {environments.data.map((environment) => (
                    <Item
                      key={environment.id}
                      value={`environment ${environment.name}`}
                      icon={<TypeDot type={environment.type} hollow={environment.status !== "active"} />}
                      onSelect={run(
                        () =>
                          void navigate({
                            to: "/p/$project/e/$environment",
                            params: { project: project.name, environment: environment.name },
                          }),
                      )}
                    >
                      {environment.name}
                    </Item>
                  ))}
                  {atLeast(project.role, "developer") && (
                    <Item
                      value="create environment"
                      icon={<Plus />}
                      onSelect={run(() => dialogs.createEnvironment(project))}
                    >
                      Create environment
                    </Item>
                  )}
                </Group>
              )}
              {project && root && (
                <Group heading="Pages">
                  {(
                    [
                      ["environments", "All environments", <LayoutGrid key="icon" />],
                      ["keys", "API keys", <KeyRound key="icon" />],
                      ["members", "Members", <UsersRound key="icon" />],
                    ] as const
                  ).map(([page, text, icon]) => (
                    <Item
                      key={page}
                      value={`page ${text}`}
                      icon={icon}
                      onSelect={run(
                        () =>
                          void navigate({
                            to: `/p/$project/e/$environment/${page}`,
                            params: (old) => ({ project: project.name, environment: old.environment ?? root }),
                          }),
                      )}
                    >
                      {text}
                    </Item>
                  ))}
                </Group>
              )}
              <Group heading="Projects">
                {projects.data?.map((other) => (
                  <Item
                    key={other.id}
                    value={`project ${other.name}`}
                    icon={<Box />}
                    onSelect={run(() => void navigate({ to: "/p/$project", params: { project: other.name } }))}
                  >
                    {other.name}
                  </Item>
                ))}
                <Item value="create project" icon={<Plus />} onSelect={run(dialogs.createProject)}>
                  Create project
                </Item>
              </Group>
              <Group heading="You">
                <Item
                  value="account profile password"
                  icon={<UserRound />}
                  onSelect={run(() => void navigate({ to: "/account" }))}
                >
                  Account
                </Item>
              </Group>
            </Command.List>
          </Command>
        </Dialog.Content>
      </Dialog.Portal>
    </Dialog.Root>
  );
}

function Group({ heading, children }: { heading: string; children: ReactNode }) {
  return (
    <Command.Group
      heading={heading}
      className="[&_[cmdk-group-heading]]:px-2.5 [&_[cmdk-group-heading]]:pt-2 [&_[cmdk-group-heading]]:pb-1 [&_[cmdk-group-heading]]:text-xs [&_[cmdk-group-heading]]:text-faint"
    >
      {children}
    </Command.Group>
  );
}

function Item({
  value,
  icon,
  onSelect,
  children,
}: {
  value: string;
  icon: ReactNode;
  onSelect: () => void;
  children: ReactNode;
}) {
  return (
    <Command.Item
      value={value}
      onSelect={onSelect}
      className="flex h-9 cursor-pointer items-center gap-2.5 rounded-md px-2.5 data-[selected=true]:bg-hover pointer-coarse:h-11 [&>svg]:size-4 [&>svg]:text-faint"
    >
      {icon}
      <span className="truncate">{children}</span>
    </Command.Item>
  );
}
