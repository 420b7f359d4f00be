import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";

import type { Environment } from "@/api/environments";
import { createApiKey, keysQuery } from "@/api/keys";
import { useDialogs } from "@/shell/dialogs";
import { ConfirmDialog } from "@/ui/confirm";
import { Checkbox, RadioCards, SelectField, TextField } from "@/ui/field";

const SCOPES = [
  ["data:read", "Read data"],
  ["data:write", "Write data"],
  ["users", "Users"],
  ["files", "Files"],
  ["agents", "Agents"],
  ["sync", "Definitions"],
] as const;

const EXPIRIES = [
  ["", "Never"],
  ["1d", "After 1 day"],
  ["30d", "After 30 days"],
  ["90d", "After 90 days"],
  ["365d", "After a year"],
] as const;

export function CreateKeyDialog({ environment, onClose }: { environment: Environment; onClose: () => void }) {
  const client = useQueryClient();
  const dialogs = useDialogs();
  const [name, setName] = useState("");
  const [kind, setKind] = useState<"PUBLISHABLE" | "SECRET">("SECRET");
  const [scopes, setScopes] = useState<readonly string[]>([]);
  const [tables, setTables] = useState("");
  const [expiresIn, setExpiresIn] = useState("");
  const secret = kind === "SECRET";
  const ofTables = tables.split(/[\s,]+/).filter(Boolean);
  const all = secret ? [...scopes, ...ofTables] : [];

  const create = useMutation({
    mutationFn: () =>
      createApiKey({
        environmentId: environment.id,
        kind,
        name: name.trim(),
        scopes: all,
        expiresIn: expiresIn || null,
      }),
    onSuccess: async ({ secret: text }) => {
      await client.invalidateQueries({ queryKey: keysQuery(environment.id).queryKey });
      onClose();
      dialogs.showKeys({
        title: `${name.trim()}, a new key of ${environment.name}`,
        environment,
        ...(secret ? { secret: text } : { publishable: text }),
      });
    },
  });
  return (
    <ConfirmDialog
      title={`Create a key for ${environment.name}`}
      description="Beside the default pair; rotating the pair leaves it in force."
      verb="Create key"
      ready={name.trim() !== ""}
      busy={create.isPending}
      error={create.error}
      onConfirm={() => create.mutate()}
      onClose={onClose}
    >
      <TextField
        label="Name"
        autoComplete="off"
        autoFocus
        maxLength={100}
        value={name}
        onChange={(event) => setName(event.target.value)}
        hint="What uses it: importer, ci, website."
      />
      <RadioCards
        legend="Kind"
        name="kind"
        value={kind}
        onChange={setKind}
        choices={[
          { value: "SECRET", title: "Secret", text: "For back ends. Everything, or what its scopes allow." },
          { value: "PUBLISHABLE", title: "Publishable", text: "For front ends. What anon or its user may." },
        ]}
      />
      {secret && (
        <fieldset className="min-w-0">
          <legend className="text-sm font-medium">Scopes</legend>
          <p className="mb-2 text-sm text-faint">None ticked: the key may do everything.</p>
          <div className="grid grid-cols-2 gap-2 sm:grid-cols-3">
            {SCOPES.map(([scope, text]) => (
              <Checkbox
                key={scope}
                label={text}
                checked={scopes.includes(scope)}
                onChange={(event) =>
                  setScopes(event.target.checked ? [...scopes, scope] : scopes.filter((other) => other !== scope))
                }
              />
            ))}
          </div>
          <TextField
            className="mt-3"
            label="Scopes of single tables"
            autoComplete="off"
            spellCheck={false}
            value={tables}
            onChange={(event) => setTables(event.target.value)}
            hint="Such as table:posts:read, table:posts:write."
          />
        </fieldset>
      )}
      <SelectField label="Expires" value={expiresIn} onChange={setExpiresIn} choices={EXPIRIES} />
    </ConfirmDialog>
  );
}
