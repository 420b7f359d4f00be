import { useState, type FormEvent } from "react";

import { Mark } from "@/ui/brand";
import { Button } from "@/ui/button";
import { TextField } from "@/ui/field";

import { endpoints, type ApiDocument } from "./document";
import { EndpointCard } from "./endpoint";

type Shown = { api: ApiDocument; apiKey: string };

/** What a key may do in its environment, to read and to try. The key lives in this page's memory and nowhere else. */
export function DocsPage() {
  const [shown, setShown] = useState<Shown | null>(null);
  return (
    <div className="mx-auto max-w-5xl px-4 py-6 sm:px-6">
      <header className="mb-6 flex items-center gap-3">
        <Mark className="size-8 shrink-0 text-accent" />
        <div>
          <h1 className="text-xl">API of an environment</h1>
          <p className="text-soft">What a key may do, as it is now. Another key may see more or less.</p>
        </div>
      </header>
      <main>
        <KeyForm onShown={setShown} />
        {shown !== null && <Api {...shown} />}
      </main>
    </div>
  );
}

function KeyForm({ onShown }: { onShown: (shown: Shown | null) => void }) {
  const [key, setKey] = useState("");
  const [problem, setProblem] = useState<string | null>(null);
  const [busy, setBusy] = useState(false);

  const load = async (event: FormEvent) => {
    event.preventDefault();
    setBusy(true);
    setProblem(null);
    onShown(null);
    try {
      const response = await fetch("/v1/openapi.json", { headers: { "x-api-key": key.trim() } });
      const body: unknown = await response.json();
      if (response.ok) onShown({ api: body as ApiDocument, apiKey: key.trim() });
      else setProblem((body as { message?: string }).message ?? `The server answered ${response.status}.`);
    } catch {
      setProblem("The server cannot be reached.");
    }
    setBusy(false);
  };

  return (
    <form onSubmit={(event) => void load(event)} className="flex flex-wrap items-start gap-3" noValidate>
      <TextField
        label="API key"
        hint="pk_… or sk_…: it stays in this page, and goes to this server alone."
        problem={problem}
        className="grow basis-72"
        type="password"
        autoComplete="off"
        spellCheck={false}
        value={key}
        onChange={(event) => setKey(event.target.value)}
      />
      <Button type="submit" look="primary" busy={busy} disabled={key.trim() === ""} className="mt-6.5">
        Show
      </Button>
    </form>
  );
}

function Api({ api, apiKey }: Shown) {
  if (api.tags.length === 0) {
    return <p className="mt-8 text-soft">This key may do nothing here: no table&rsquo;s access includes it.</p>;
  }
  return (
    <div className="mt-8 grid gap-8 md:grid-cols-[11rem_minmax(0,1fr)]">
      <nav aria-label="Tables" className="flex flex-wrap gap-x-4 gap-y-1 md:sticky md:top-6 md:block md:self-start">
        {api.tags.map((tag) => (
          <a key={tag.name} href={`#${encodeURIComponent(tag.name)}`} className="block py-1 text-accent underline">
            {tag.name}
          </a>
        ))}
      </nav>
      <div className="min-w-0">
        {api.tags.map((tag) => (
          <section key={tag.name} id={encodeURIComponent(tag.name)} aria-label={tag.name} className="mb-8">
            <h2 className="text-lg">{tag.name}</h2>
            <p className="mb-3 text-soft">{tag.description}</p>
            {endpoints(api, tag.name).map((endpoint) => (
              <EndpointCard key={endpoint.operationId} api={api} endpoint={endpoint} apiKey={apiKey} />
            ))}
          </section>
        ))}
      </div>
    </div>
  );
}
