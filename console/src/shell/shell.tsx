import { useQuery } from "@tanstack/react-query";
import { Link, Outlet, useParams } from "@tanstack/react-router";
import { History, KeyRound, LayoutGrid, Sprout, UsersRound } from "lucide-react";
import { useEffect, useMemo, type ReactNode } from "react";

import { environmentsQuery } from "@/api/environments";
import { projectsQuery, type Project } from "@/api/projects";
import { rememberPlace } from "@/lib/remembered";
import { Skeleton } from "@/ui/state";

import { EnvironmentTabs } from "./environment-tabs";
import { PlaceProvider, usePlace, type Place } from "./place";
import { Broken, NotFound } from "./root";
import { TopBar } from "./top-bar";

const PAGES = [
  { to: "/p/$project/e/$environment", text: "Overview", icon: Sprout, exact: true },
  { to: "/p/$project/e/$environment/environments", text: "Environments", icon: LayoutGrid, exact: false },
  { to: "/p/$project/e/$environment/keys", text: "API keys", icon: KeyRound, exact: false },
  { to: "/p/$project/e/$environment/members", text: "Members", icon: UsersRound, exact: false },
  { to: "/p/$project/e/$environment/activity", text: "Activity", icon: History, exact: false },
] as const;

/** Around every page of a project: who one is, where one is, where one can go. */
export function Shell() {
  const params = useParams({ from: "/signed-in/p/$project/e/$environment" });
  const projects = useQuery(projectsQuery);
  if (projects.isPending) return <Loading />;
  if (projects.isError) return <Broken error={projects.error} onRetry={() => void projects.refetch()} />;
  const project = projects.data.find(({ name }) => name === params.project);
  if (!project) return <NotFound what={`There is no project ${params.project}, or you have no role in it.`} />;
  return <InProject project={project} name={params.environment} />;
}

function InProject({ project, name }: { project: Project; name: string }) {
  const environments = useQuery(environmentsQuery(project.id));
  const all = environments.data;
  const environment = all?.find((environment) => environment.name === name);
  const found = environment !== undefined;
  useEffect(() => {
    if (found) rememberPlace({ project: project.name, environment: name });
  }, [found, project.name, name]);
  const place = useMemo<Place | null>(
    () => (all && environment ? { project, environment, environments: all, role: project.role } : null),
    [project, environment, all],
  );

  if (environments.isPending) return <Loading project={project} />;
  if (environments.isError && !all) {
    return <Broken error={environments.error} onRetry={() => void environments.refetch()} />;
  }
  if (!place) {
    const root = all?.[0];
    return (
      <Frame top={<TopBar project={project} />}>
        <div className="py-16 text-center">
          <h1 className="text-lg">
            There is no environment {name} in {project.name}
          </h1>
          <p className="mt-1 text-soft">It may have been deleted or renamed.</p>
          {root && (
            <Link
              to="/p/$project/e/$environment/environments"
              params={{ project: project.name, environment: root.name }}
              className="mt-4 inline-block font-medium text-accent underline underline-offset-4"
            >
              See those there are
            </Link>
          )}
        </div>
      </Frame>
    );
  }
  return (
    <PlaceProvider value={place}>
      <Frame
        top={
          <>
            <TopBar project={project} />
            <EnvironmentTabs />
          </>
        }
        aside={<Pages />}
      >
        <Outlet />
      </Frame>
    </PlaceProvider>
  );
}

function Frame({ top, aside, children }: { top: ReactNode; aside?: ReactNode; children: ReactNode }) {
  return (
    <div className="flex min-h-dvh flex-col">
      <a
        href="#content"
        className="sr-only z-60 rounded-md bg-accent px-4 py-2 text-on-accent focus:not-sr-only focus:fixed focus:top-2 focus:left-2"
      >
        Skip to content
      </a>
      <header className="sticky top-0 z-30 border-b border-line bg-paper">{top}</header>
      <div className="mx-auto flex w-full max-w-310 flex-1">
        {aside}
        <main
          id="content"
          tabIndex={-1}
          className="min-w-0 flex-1 px-4 pt-6 pb-28 outline-none sm:px-8 md:pt-8 md:pb-16"
        >
          {children}
        </main>
      </div>
    </div>
  );
}

/** The pages of a project: at the side of a wide window, at the foot of a narrow one, within a thumb's reach. */
function Pages() {
  const { project, environment } = usePlace();
  const params = { project: project.name, environment: environment.name };
  return (
    <nav
      aria-label="Pages"
      className="fixed inset-x-0 bottom-0 z-30 border-t border-line bg-paper pb-[env(safe-area-inset-bottom)] md:static md:z-auto md:w-52 md:shrink-0 md:border-t-0 md:bg-transparent md:pt-8 md:pl-6"
    >
      <ul className="flex justify-around md:sticky md:top-32 md:flex-col md:gap-0.5">
        {PAGES.map(({ to, text, icon: Icon, exact }) => (
          <li key={to} className="flex-1 md:flex-none">
            <Link
              to={to}
              params={params}
              activeOptions={{ exact, includeSearch: false }}
              className="flex flex-col items-center gap-0.5 py-2 text-xs font-medium text-soft transition-colors hover:text-ink aria-[current=page]:text-accent md:flex-row md:gap-2.5 md:rounded-md md:px-2.5 md:py-1.5 md:text-base md:hover:bg-hover md:aria-[current=page]:bg-accent-wash"
            >
              <Icon className="size-5 md:size-4" aria-hidden="true" />
              {text}
            </Link>
          </li>
        ))}
      </ul>
    </nav>
  );
}

function Loading({ project }: { project?: Project }) {
  return (
    <Frame top={<TopBar {...(project ? { project } : {})} />}>
      <div role="status" className="grid grid-cols-1 gap-4">
        <span className="sr-only">Loading</span>
        <Skeleton className="h-8 w-56" />
        <div className="grid grid-cols-1 gap-4 md:grid-cols-2">
          <Skeleton className="h-52" />
          <Skeleton className="h-52" />
        </div>
      </div>
    </Frame>
  );
}
