import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { Check, ChevronsUpDown, Plus, Search } from "lucide-react";
import { useState } from "react";

import { projectsQuery, type Project } from "@/api/projects";
import { Mark } from "@/ui/brand";
import { Menu, MenuItem, MenuLabel, MenuLine, MenuLink } from "@/ui/menu";

import { AccountMenu } from "./account-menu";
import { useDialogs } from "./dialogs";
import { Palette, usePaletteShortcut } from "./palette";

/** The bell, the project, and oneself. */
export function TopBar({ project }: { project?: Project }) {
  const [searching, setSearching] = useState(false);
  usePaletteShortcut(setSearching);
  return (
    <div className="mx-auto flex h-14 w-full max-w-310 items-center gap-1 px-4 sm:px-6">
      <Link to="/" aria-label="Cloche, to the start" className="rounded-md p-1">
        <Mark className="size-6.5 text-ink" />
      </Link>
      <span aria-hidden="true" className="mx-1.5 h-5 w-px rotate-12 bg-line-strong" />
      <ProjectSwitcher {...(project ? { project } : {})} />
      <div className="flex-1" />
      <button
        type="button"
        onClick={() => setSearching(true)}
        aria-keyshortcuts="Control+K Meta+K"
        className="mr-1 flex size-9 items-center justify-center gap-2 rounded-md text-sm text-faint transition-colors hover:bg-hover hover:text-ink sm:h-8 sm:w-44 sm:border sm:border-line-strong sm:bg-surface sm:px-2 pointer-coarse:h-11 max-sm:pointer-coarse:w-11"
      >
        <Search className="size-4" aria-hidden="true" />
        <span className="flex-1 text-left max-sm:sr-only">Go to…</span>
        <kbd aria-hidden="true" className="hidden rounded-sm border border-line px-1 font-sans text-xs sm:block">
          Ctrl K
        </kbd>
      </button>
      <AccountMenu />
      {searching && <Palette {...(project ? { project } : {})} onClose={() => setSearching(false)} />}
    </div>
  );
}

function ProjectSwitcher({ project }: { project?: Project }) {
  const projects = useQuery(projectsQuery);
  const dialogs = useDialogs();
  return (
    <Menu
      align="start"
      trigger={
        <button
          type="button"
          className="flex h-9 min-w-0 items-center gap-2 rounded-md px-2 font-semibold transition-colors hover:bg-hover data-[state=open]:bg-hover pointer-coarse:h-11"
        >
          <span className="truncate">{project?.name ?? "Projects"}</span>
          <span className="sr-only">, switch project</span>
          <ChevronsUpDown className="size-3.5 shrink-0 text-faint" aria-hidden="true" />
        </button>
      }
    >
      <MenuLabel>Projects</MenuLabel>
      {projects.data?.map((other) => (
        <MenuLink key={other.id}>
          <Link to="/p/$project" params={{ project: other.name }}>
            <span className="min-w-0 flex-1 truncate">{other.name}</span>
            {other.id === project?.id && <Check aria-label="here" className="text-accent!" />}
          </Link>
        </MenuLink>
      ))}
      <MenuLine />
      <MenuItem icon={<Plus />} onSelect={dialogs.createProject}>
        Create project
      </MenuItem>
    </Menu>
  );
}
