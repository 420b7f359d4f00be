import { useState, type FormEvent } from "react";

import { classNames } from "@/lib/class-names";
import { Button } from "@/ui/button";
import { Field, TextField } from "@/ui/field";

import { example, fields, type ApiDocument, type Endpoint, type Parameter } from "./document";

type Props = { api: ApiDocument; endpoint: Endpoint; apiKey: string };
type Answer = { status: number; took: number; headers: string[]; body: string };

/** Answers are shown up to here; a page of records may be large. */
const MOST_SHOWN = 20_000;
const TOLD = ["content-range", "location", "link", "preference-applied", "ratelimit", "retry-after", "x-request-id"];

/** One method at one path: what it takes, and a form to try it. */
export function EndpointCard({ api, endpoint, apiKey }: Props) {
  const { method, path, summary, description, requestBody } = endpoint;
  const body = requestBody?.content["application/json"].schema;
  return (
    <details className="mb-2 rounded-lg border border-line bg-surface shadow-card">
      <summary className="flex cursor-pointer flex-wrap items-baseline gap-x-3 gap-y-1 px-4 py-2.5">
        <span className={classNames("w-16 font-mono text-sm font-semibold", METHODS[method] ?? "text-ink")}>
          {method}
        </span>
        <span className="min-w-0 font-mono text-sm break-all">{path}</span>
        <span className="text-soft">{summary}</span>
      </summary>
      <div className="border-t border-line px-4 py-4">
        {description !== undefined && <p className="mb-4 text-soft">{description}</p>}
        {body !== undefined && <Fields api={api} schema={body} />}
        <Attempt api={api} endpoint={endpoint} apiKey={apiKey} />
      </div>
    </details>
  );
}

const METHODS: Record<string, string> = {
  GET: "text-dev",
  POST: "text-custom",
  PATCH: "text-staging",
  DELETE: "text-prod",
};

function Fields({ api, schema }: { api: ApiDocument; schema: Parameters<typeof fields>[1] }) {
  const rows = fields(api, schema);
  if (rows.length === 0) return null;
  return (
    <dl className="mb-4 grid grid-cols-[auto_minmax(0,1fr)] gap-x-4 gap-y-1 text-sm">
      {rows.map((row) => (
        <div key={row.name} className="contents">
          <dt className="font-mono">
            {row.name}
            {row.required && <span className="text-danger"> *</span>}
          </dt>
          <dd className="min-w-0 text-soft">
            <span className="font-mono">{row.kind}</span> {row.schema.description}
          </dd>
        </div>
      ))}
    </dl>
  );
}

function Attempt({ api, endpoint, apiKey }: Props) {
  const schema = endpoint.requestBody?.content["application/json"].schema;
  const [values, setValues] = useState<Record<string, string>>({});
  const [body, setBody] = useState(() => (schema === undefined ? "" : example(api, schema)));
  const [answer, setAnswer] = useState<Answer | string | null>(null);
  const [busy, setBusy] = useState(false);
  const missing = endpoint.parameters.some((parameter) => parameter.required === true && !values[id(parameter)]);

  const send = async (event: FormEvent) => {
    event.preventDefault();
    setBusy(true);
    try {
      setAnswer(await ask(endpoint, values, schema === undefined ? null : body, apiKey));
    } catch {
      setAnswer("The server cannot be reached.");
    }
    setBusy(false);
  };

  return (
    <form onSubmit={(event) => void send(event)} noValidate>
      <div className="grid grid-cols-1 gap-3 sm:grid-cols-2">
        {endpoint.parameters.map((parameter) => (
          <TextField
            key={id(parameter)}
            label={parameter.in === "header" ? `${parameter.name} (header)` : parameter.name}
            hint={parameter.description}
            placeholder={parameter.example}
            required={parameter.required === true}
            value={values[id(parameter)] ?? ""}
            onChange={(event) => setValues({ ...values, [id(parameter)]: event.target.value })}
          />
        ))}
      </div>
      {schema !== undefined && (
        <Field label="Body" className="mt-3">
          {(described) => (
            <textarea
              {...described}
              className="control h-auto font-mono text-sm"
              rows={Math.min(12, body.split("\n").length + 1)}
              spellCheck={false}
              value={body}
              onChange={(event) => setBody(event.target.value)}
            />
          )}
        </Field>
      )}
      <Button type="submit" busy={busy} disabled={missing} className="mt-4">
        Send
      </Button>
      <div role="status">{answer !== null && <Shown answer={answer} />}</div>
    </form>
  );
}

function Shown({ answer }: { answer: Answer | string }) {
  if (typeof answer === "string") return <p className="mt-4 text-danger">{answer}</p>;
  return (
    <div className="mt-4">
      <p className="text-sm">
        <span className={classNames("font-semibold", answer.status < 400 ? "text-dev" : "text-danger")}>
          {answer.status}
        </span>{" "}
        <span className="text-faint">in {answer.took} ms</span>
      </p>
      <pre
        tabIndex={0}
        aria-label="Answer"
        className="mt-2 max-h-96 overflow-auto rounded-md bg-sunken p-3 font-mono text-sm whitespace-pre-wrap"
      >
        {[...answer.headers, "", answer.body].join("\n").trim()}
      </pre>
    </div>
  );
}

function id(parameter: Parameter): string {
  return `${parameter.in}.${parameter.name}`;
}

async function ask(
  endpoint: Endpoint,
  values: Record<string, string>,
  body: string | null,
  apiKey: string,
): Promise<Answer> {
  const headers = new Headers({ "x-api-key": apiKey });
  const query = new URLSearchParams();
  let path = endpoint.path;
  for (const parameter of endpoint.parameters) {
    const value = values[id(parameter)];
    if (!value) continue;
    if (parameter.in === "path") path = path.replace(`{${parameter.name}}`, encodeURIComponent(value));
    else if (parameter.in === "header") headers.set(parameter.name, value);
    else query.append(parameter.name, value);
  }
  if (body !== null) headers.set("content-type", "application/json");
  const started = performance.now();
  const url = query.size === 0 ? path : `${path}?${query}`;
  const response = await fetch(url, { method: endpoint.method, headers, body });
  const text = await response.text();
  const told = TOLD.flatMap((name) => (response.headers.has(name) ? [`${name}: ${response.headers.get(name)}`] : []));
  return {
    status: response.status,
    took: Math.round(performance.now() - started),
    headers: told,
    body: pretty(text).slice(0, MOST_SHOWN),
  };
}

function pretty(text: string): string {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}
