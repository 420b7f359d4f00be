import { useQuery } from "@tanstack/react-query";
import { ChevronRight } from "lucide-react";
import { useState } from "react";

import { environmentsQuery, type Environment } from "@/api/environments";
import type { Project } from "@/api/projects";
import { ENVIRONMENT_TYPES, typeOfName, type EnvironmentType } from "@/lib/environment-type";
import { LEASES } from "@/lib/lease";
import { nameProblem } from "@/lib/name";
import { atLeast } from "@/lib/role";
import { Button } from "@/ui/button";
import { Dialog } from "@/ui/dialog";
import { Checkbox, RadioCards, SelectField, TextField } from "@/ui/field";
import { Notice } from "@/ui/state";

import { COPIES, type Copy, type Strategy, type Wish } from "./wish";

const FORM = "create-environment";
const EMPTY = "";

const STRATEGIES: readonly (readonly [Strategy, string])[] = [
  ["AUTO", "The server picks, and says why"],
  ["INSTANT", "Instant: requests to the source wait while it is copied"],
  ["SNAPSHOT", "Snapshot: dump and restore, the source never waits"],
];

type Props = { project: Project; from: string | null; onSubmit: (wish: Wish) => void; onClose: () => void };

export function CreateForm({ project, from: proposed, onSubmit, onClose }: Props) {
  const environments = useQuery(environmentsQuery(project.id)).data ?? [];
  const sources = environments.filter(({ status }) => status === "active");
  const [from, setFrom] = useState(() => (sources.some(({ name }) => name === proposed) ? (proposed ?? EMPTY) : EMPTY));
  const [name, setName] = useState("");
  const [type, setType] = useState<EnvironmentType | null>(null);
  const [lease, setLease] = useState("");
  const [mode, setMode] = useState<"full" | "system">("full");
  const [copies, setCopies] = useState<readonly Copy[]>([]);
  const [strategy, setStrategy] = useState<Strategy>("AUTO");

  const owner = atLeast(project.role, "owner");
  const source = sources.find((environment) => environment.name === from) ?? null;
  const problem = nameProblem(
    name,
    environments.map(({ name }) => name),
  );
  const becomes = type ?? typeOfName(name);
  const refused = whyNot(project.role, becomes, source, mode);
  const ready = name !== "" && problem === null && refused === null;
  // What is protected has no lease, and production is.
  const mayLease = becomes !== "prod";

  const submit = () =>
    onSubmit({ from: source?.name ?? null, name, type, lease: mayLease ? lease : "", mode, copies, strategy });
  return (
    <Dialog
      open
      onClose={onClose}
      title="Create an environment"
      description={`In ${project.name}. It gets a database, users, files and a key pair of its own.`}
      wide
      actions={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button look="primary" type="submit" form={FORM} disabled={!ready}>
            {source ? `Branch from ${source.name}` : "Create empty"}
          </Button>
        </>
      }
    >
      <form
        id={FORM}
        className="grid grid-cols-1 gap-5"
        onSubmit={(event) => {
          event.preventDefault();
          if (ready) submit();
        }}
      >
        <div className="grid grid-cols-1 gap-5 sm:grid-cols-2">
          <TextField
            label="Name"
            name="name"
            autoComplete="off"
            spellCheck={false}
            autoFocus
            value={name}
            onChange={(event) => setName(event.target.value)}
            hint="Letters, digits, hyphen and underscore."
            problem={problem}
          />
          <SelectField
            label="Branch from"
            name="from"
            value={from}
            onChange={setFrom}
            hint={source ? "Active environments only." : "It begins empty, with nothing but a schema."}
            choices={[...sources.map(({ name }) => [name, name] as const), [EMPTY, "Nothing: an empty environment"]]}
          />
        </div>
        {source && <BranchParts {...{ source, mode, setMode, copies, setCopies, owner }} />}
        <div className="grid grid-cols-1 gap-5 sm:grid-cols-2">
          <SelectField
            label="Type"
            name="type"
            value={type ?? ""}
            onChange={(value) => setType(value === "" ? null : (value as EnvironmentType))}
            hint="It never changes."
            choices={[
              ["", name === "" ? "By its name" : `By its name: ${typeOfName(name)}`],
              ...ENVIRONMENT_TYPES.map((type) => [type, type, type === "prod" && !owner] as const),
            ]}
          />
          <SelectField
            label="Lease"
            name="lease"
            value={mayLease ? lease : ""}
            onChange={setLease}
            disabled={!mayLease}
            hint={
              mayLease ? "When it is over, the environment is deleted." : "Production is protected: it has no lease."
            }
            choices={LEASES}
          />
        </div>
        {source && (
          <details className="group">
            <summary className="flex w-fit list-none items-center gap-1 rounded-sm text-sm font-medium text-soft hover:text-ink">
              <ChevronRight className="size-4 transition-transform group-open:rotate-90" aria-hidden="true" />
              Advanced
            </summary>
            <SelectField
              className="mt-3"
              label="How the database is copied"
              name="strategy"
              value={strategy}
              onChange={(value) => setStrategy(value as Strategy)}
              choices={STRATEGIES}
            />
          </details>
        )}
        {refused !== null && <Notice tone="warning" title={refused} />}
      </form>
    </Dialog>
  );
}

type PartsProps = {
  source: Environment;
  mode: Wish["mode"];
  setMode: (mode: Wish["mode"]) => void;
  copies: readonly Copy[];
  setCopies: (copies: readonly Copy[]) => void;
  owner: boolean;
};

/** What of the source comes along. */
function BranchParts({ source, mode, setMode, copies, setCopies, owner }: PartsProps) {
  return (
    <>
      <RadioCards
        legend="Mode"
        name="mode"
        value={mode}
        onChange={setMode}
        choices={[
          { value: "full", title: "Full", text: "Schema and data, at one instant of the live source." },
          {
            value: "system",
            title: "System",
            text: "Schema alone: tables, indexes, relations, enums, views. No rows.",
          },
        ]}
      />
      {source.holdsProductionData && mode === "full" && (
        <Notice tone="warning" title="This copies production data">
          The branch is marked as holding it, and so is every full branch of it.
        </Notice>
      )}
      <fieldset className="min-w-0">
        <legend className="text-sm font-medium">Also copy</legend>
        <p className="mb-2 text-sm text-faint">
          {owner
            ? "Client secrets of sign-in providers are never copied."
            : "Only owners of the project can copy these: they carry secrets and rules."}
        </p>
        <div className="grid grid-cols-1 gap-x-5 gap-y-2.5 sm:grid-cols-2">
          {COPIES.map(([copy, title, text]) => (
            <Checkbox
              key={copy}
              label={title}
              hint={text}
              disabled={!owner}
              checked={copies.includes(copy)}
              onChange={(event) =>
                setCopies(event.target.checked ? [...copies, copy] : copies.filter((other) => other !== copy))
              }
            />
          ))}
        </div>
      </fieldset>
    </>
  );
}

/** Why the server would refuse, as far as roles go. */
function whyNot(role: string, type: EnvironmentType, source: Environment | null, mode: Wish["mode"]): string | null {
  if (type === "prod" && !atLeast(role, "owner")) return "Only owners of the project create production environments.";
  if (source?.holdsProductionData && mode === "full" && !atLeast(role, "admin")) {
    return "Copying production data needs the role admin. Branch in mode system instead.";
  }
  return null;
}
