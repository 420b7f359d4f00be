import { Eye } from "lucide-react";
import type { ReactNode } from "react";

import { inForce, type ApiKey } from "@/api/keys";
import { classNames } from "@/lib/class-names";
import { absolute } from "@/lib/time";
import { Badge } from "@/ui/badge";
import { Button, IconButton } from "@/ui/button";
import { CopyButton } from "@/ui/copy";
import { Time } from "@/ui/time";

type Props = {
  keys: ApiKey[];
  /** Null for those who may not. */
  onRevoke: ((key: ApiKey) => void) | null;
  onRead: (key: ApiKey) => void;
};

/** A table in a wide window, one card a key in a narrow one. */
export function KeyTable({ keys, onRevoke, onRead }: Props) {
  return (
    <div className="overflow-hidden rounded-xl border border-line bg-surface shadow-card">
      <table className="w-full text-left max-lg:block">
        <caption className="sr-only">Keys of this environment</caption>
        <thead className="border-b border-line text-xs text-faint max-lg:sr-only">
          <tr>
            <Head>Key</Head>
            <Head>Scopes</Head>
            <Head>Created</Head>
            <Head>Last used</Head>
            <Head>Expires</Head>
            <Head>
              <span className="sr-only">Actions</span>
            </Head>
          </tr>
        </thead>
        <tbody className="divide-y divide-line max-lg:block">
          {keys.map((key) => (
            <KeyRow key={key.id} apiKey={key} onRevoke={onRevoke} onRead={onRead} />
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Head({ children }: { children: ReactNode }) {
  return (
    <th scope="col" className="px-4 py-2 font-medium">
      {children}
    </th>
  );
}

function KeyRow({ apiKey: key, onRevoke, onRead }: { apiKey: ApiKey } & Omit<Props, "keys">) {
  const works = inForce(key);
  const text = key.publishable;
  return (
    <tr
      className={classNames(
        "max-lg:grid max-lg:grid-cols-2 max-lg:gap-x-4 max-lg:gap-y-2 max-lg:px-4 max-lg:py-3.5",
        !works && "bg-sunken",
      )}
    >
      <td className="min-w-0 lg:px-4 lg:py-3 max-lg:col-span-full">
        <div className="flex flex-wrap items-center gap-x-2 gap-y-1">
          <span className={classNames("font-medium break-words", !works && "text-faint line-through")}>{key.name}</span>
          <Badge>{key.kind}</Badge>
          {key.default && works && <Badge tone="good">default pair</Badge>}
          {key.revokedAt !== null && <Badge tone="danger">revoked</Badge>}
          {key.revokedAt === null && !works && <Badge tone="danger">expired</Badge>}
        </div>
        <div className="mt-0.5 flex items-center gap-1 text-sm text-faint">
          <code className="min-w-0 truncate font-mono">{key.prefix}…</code>
          {text !== null && works && (
            <>
              <CopyButton text={text} label={`Copy the publishable key ${key.name}`} className="-my-1" />
              <IconButton
                label={`Show the publishable key ${key.name}`}
                className="-my-1 size-7"
                onClick={() => onRead(key)}
              >
                <Eye className="size-4" />
              </IconButton>
            </>
          )}
        </div>
      </td>
      <Cell term="Scopes">
        {key.scopes.length > 0 ? (
          <code className="font-mono text-sm break-words">{key.scopes.join(", ")}</code>
        ) : (
          <span className="text-soft">{key.kind === "publishable" ? "as anon or its user" : "everything"}</span>
        )}
      </Cell>
      <Cell term="Created">
        <Time at={key.createdAt} />
      </Cell>
      <Cell term="Last used">
        <Time at={key.lastUsedAt} />
      </Cell>
      <Cell term={key.revokedAt === null ? "Expires" : "Revoked"}>
        {key.revokedAt !== null ? (
          <>
            <span className="max-lg:hidden">revoked </span>
            <Time at={key.revokedAt} />
          </>
        ) : key.expiresAt !== null ? (
          <time dateTime={key.expiresAt}>{absolute(key.expiresAt)}</time>
        ) : (
          <Time at={null} />
        )}
      </Cell>
      <td className="text-right max-lg:col-span-full max-lg:text-left lg:px-4 lg:py-3 empty:hidden">
        {works && onRevoke !== null && (
          <Button size="small" onClick={() => onRevoke(key)}>
            Revoke <span className="sr-only">{key.name}</span>
          </Button>
        )}
      </td>
    </tr>
  );
}

function Cell({ term, children }: { term: string; children: ReactNode }) {
  return (
    <td className="text-sm lg:px-4 lg:py-3 lg:align-top">
      <span className="block text-xs text-faint lg:hidden" aria-hidden="true">
        {term}
      </span>
      {children}
    </td>
  );
}
