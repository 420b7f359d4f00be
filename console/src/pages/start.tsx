import { useQuery } from "@tanstack/react-query";
import { Navigate, useParams } from "@tanstack/react-router";
import { Plus } from "lucide-react";
import type { ReactNode } from "react";

import { environmentsQuery } from "@/api/environments";
import { organizationsQuery } from "@/api/members";
import { projectsQuery, type Project } from "@/api/projects";
import { rememberedPlace } from "@/lib/remembered";
import { useDialogs } from "@/shell/dialogs";
import { Broken, NotFound } from "@/shell/root";
import { TopBar } from "@/shell/top-bar";
import { Mark } from "@/ui/brand";
import { Button } from "@/ui/button";
import { useTitle } from "@/ui/page";
import { SkeletonRows } from "@/ui/state";

/** `/`: to where one was last, or to the first project, or to making one. */
export function StartPage() {
  const projects = useQuery(projectsQuery);
  if (projects.isPending) return <Waiting />;
  if (projects.isError) return <Broken error={projects.error} onRetry={() => void projects.refetch()} />;
  const last = rememberedPlace();
  const project = projects.data.find(({ name }) => name === last?.project) ?? projects.data[0];
  if (!project) return <FirstProject />;
  return <ToEnvironment project={project} />;
}

/** `/p/PROJECT`: to the environment of it that one looked at last, or its root. */
export function ProjectStartPage() {
  const { project: name } = useParams({ from: "/signed-in/p/$project" });
  const projects = useQuery(projectsQuery);
  if (projects.isPending) return <Waiting />;
  if (projects.isError) return <Broken error={projects.error} onRetry={() => void projects.refetch()} />;
  const project = projects.data.find((project) => project.name === name);
  if (!project) return <NotFound what={`There is no project ${name}, or you have no role in it.`} />;
  return <ToEnvironment project={project} />;
}

function ToEnvironment({ project }: { project: Project }) {
  const environments = useQuery(environmentsQuery(project.id));
  if (environments.isPending) return <Waiting />;
  if (environments.isError) return <Broken error={environments.error} onRetry={() => void environments.refetch()} />;
  const last = rememberedPlace();
  const known = environments.data.find(({ name }) => last?.project === project.name && name === last.environment);
  const environment = known ?? environments.data[0];
  if (!environment) return <NotFound what={`The project ${project.name} has no environment.`} />;
  return (
    <Navigate
      to="/p/$project/e/$environment"
      params={{ project: project.name, environment: environment.name }}
      replace
    />
  );
}

function FirstProject() {
  useTitle("Welcome");
  const dialogs = useDialogs();
  const organizations = useQuery(organizationsQuery);
  const belongs = organizations.data?.length !== 0;
  return (
    <Frame>
      <Mark className="mx-auto size-14" />
      <h1 className="mt-6 text-2xl">{belongs ? "An empty bed" : "No project yet"}</h1>
      <p className="mx-auto mt-2 max-w-md text-soft">
        {belongs
          ? "A project holds environments, each with a whole backend of its own. It begins with one: tables, data, users, files and keys."
          : "You belong to no organization any more. Ask an owner of one to invite you."}
      </p>
      {belongs && (
        <Button look="primary" size="large" className="mt-7" onClick={dialogs.createProject}>
          <Plus className="size-4" />
          Create the first project
        </Button>
      )}
    </Frame>
  );
}

function Waiting() {
  return (
    <Frame>
      <SkeletonRows rows={2} />
    </Frame>
  );
}

function Frame({ children }: { children: ReactNode }) {
  return (
    <div className="flex min-h-dvh flex-col">
      <header className="border-b border-line">
        <TopBar />
      </header>
      <main className="mx-auto w-full max-w-xl px-5 py-20 text-center">{children}</main>
    </div>
  );
}
