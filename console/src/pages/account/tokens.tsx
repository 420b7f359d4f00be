import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { KeySquare, Plus } from "lucide-react";
import { useState } from "react";
import { toast } from "sonner";

import { createAccessToken, revokeAccessToken, tokensQuery, type AccessToken } from "@/api/account";
import { sessionQuery } from "@/api/session";
import { absolute } from "@/lib/time";
import { Button } from "@/ui/button";
import { ConfirmDialog } from "@/ui/confirm";
import { CopyRow } from "@/ui/copy";
import { Dialog } from "@/ui/dialog";
import { Checkbox, SelectField, TextField } from "@/ui/field";
import { Page } from "@/ui/page";
import { Empty, LoadError, SkeletonRows } from "@/ui/state";
import { Time } from "@/ui/time";

/** Personal access tokens: for the command line and for CI. */
export function TokensPage() {
  const email = useQuery(sessionQuery).data?.viewer.email;
  const tokens = useQuery(tokensQuery);
  const [creating, setCreating] = useState(false);
  const [created, setCreated] = useState<string | null>(null);
  const [revoking, setRevoking] = useState<AccessToken | null>(null);
  // Owners of the organization are told of everybody's; here are one's own.
  const own = tokens.data?.filter((token) => token.memberEmail === email && !token.revokedAt);
  return (
    <Page
      title="Access tokens"
      lead="They let the command line and CI act as you."
      actions={
        <Button look="primary" onClick={() => setCreating(true)}>
          <Plus className="size-4" />
          Create token
        </Button>
      }
    >
      {tokens.isPending && <SkeletonRows />}
      {tokens.isError && <LoadError error={tokens.error} onRetry={() => void tokens.refetch()} />}
      {own?.length === 0 && (
        <Empty icon={<KeySquare />} title="No tokens">
          Make one for the command line: it is asked for by cloche login.
        </Empty>
      )}
      {own && own.length > 0 && (
        <ul className="divide-y divide-line rounded-xl border border-line bg-surface shadow-card">
          {own.map((token) => (
            <li key={token.id} className="flex flex-wrap items-center gap-x-4 gap-y-2 px-4 py-3">
              <div className="min-w-0 flex-1">
                <p className="font-medium break-words">{token.name}</p>
                <p className="text-sm text-faint">
                  <code className="font-mono">{token.prefix}…</code> · last used <Time at={token.lastUsedAt} /> ·{" "}
                  {token.expiresAt === null ? "never expires" : `expires ${absolute(token.expiresAt)}`}
                </p>
              </div>
              <Button size="small" onClick={() => setRevoking(token)}>
                Revoke <span className="sr-only">{token.name}</span>
              </Button>
            </li>
          ))}
        </ul>
      )}
      {creating && (
        <CreateDialog
          onClose={() => setCreating(false)}
          onCreated={(text) => {
            setCreating(false);
            setCreated(text);
          }}
        />
      )}
      {created !== null && <TokenDialog token={created} onClose={() => setCreated(null)} />}
      {revoking !== null && <RevokeDialog token={revoking} onClose={() => setRevoking(null)} />}
    </Page>
  );
}

function CreateDialog({ onClose, onCreated }: { onClose: () => void; onCreated: (text: string) => void }) {
  const client = useQueryClient();
  const [name, setName] = useState("");
  const [expiresIn, setExpiresIn] = useState("90d");
  const create = useMutation({
    mutationFn: () => createAccessToken({ name: name.trim(), expiresIn: expiresIn || null }),
    onSuccess: async ({ token }) => {
      await client.invalidateQueries({ queryKey: tokensQuery.queryKey });
      if (token) onCreated(token);
      else onClose();
    },
  });
  return (
    <ConfirmDialog
      title="Create an access token"
      description="It may do what you may do."
      verb="Create token"
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
        value={name}
        onChange={(event) => setName(event.target.value)}
        hint="Where it is used: laptop, ci."
      />
      <SelectField
        label="Expires"
        value={expiresIn}
        onChange={setExpiresIn}
        choices={[
          ["7d", "After 7 days"],
          ["30d", "After 30 days"],
          ["90d", "After 90 days"],
          ["365d", "After a year"],
          ["", "Never"],
        ]}
      />
    </ConfirmDialog>
  );
}

function TokenDialog({ token, onClose }: { token: string; onClose: () => void }) {
  const [stored, setStored] = useState(false);
  return (
    <Dialog
      open
      onClose={onClose}
      insistent={!stored}
      title="Your new token"
      description="This is the only time it is shown."
      actions={
        <Button look="primary" disabled={!stored} onClick={onClose}>
          Close
        </Button>
      }
    >
      <div className="grid grid-cols-1 gap-4">
        <CopyRow label="Access token" text={token} />
        <Checkbox
          label="I have stored the token"
          checked={stored}
          onChange={(event) => setStored(event.target.checked)}
        />
      </div>
    </Dialog>
  );
}

function RevokeDialog({ token, onClose }: { token: AccessToken; onClose: () => void }) {
  const client = useQueryClient();
  const revoke = useMutation({
    mutationFn: () => revokeAccessToken(token.id),
    onSuccess: async () => {
      await client.invalidateQueries({ queryKey: tokensQuery.queryKey });
      toast.success(`${token.name} is revoked.`);
      onClose();
    },
  });
  return (
    <ConfirmDialog
      title={`Revoke ${token.name}?`}
      description="Whatever uses it is refused from then on."
      verb="Revoke token"
      danger
      busy={revoke.isPending}
      error={revoke.error}
      onConfirm={() => revoke.mutate()}
      onClose={onClose}
    />
  );
}
