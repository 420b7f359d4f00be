import { useState } from "react";

import { classNames } from "@/lib/class-names";
import { TypeBadge } from "@/ui/badge";
import { Button } from "@/ui/button";
import { Command, CopyRow } from "@/ui/copy";
import { Dialog } from "@/ui/dialog";
import { Checkbox } from "@/ui/field";
import { Notice } from "@/ui/state";

import { curlExample } from "./curl";

/** Keys that were just made. They are held here alone, and gone when the dialog closes. */
export type OneTimeKeys = {
  title: string;
  environment: { name: string; type: string };
  publishable?: string | null;
  secret?: string | null;
  /** Keys beside the pair that stay in force after a rotation. */
  others?: readonly { id: string; name: string; prefix: string }[];
  /** Called when the dialog closes. */
  then?: () => void;
};

/** Shows keys once. It closes only after one has said that the secret key is stored. */
export function OneTimeKeysDialog({ keys, onClose }: { keys: OneTimeKeys; onClose: () => void }) {
  const [stored, setStored] = useState(false);
  const secret = keys.secret ?? null;
  const publishable = keys.publishable ?? null;
  const may = secret === null || stored;
  const close = () => {
    onClose();
    keys.then?.();
  };
  return (
    <Dialog
      open
      onClose={close}
      insistent={!may}
      wide
      title={
        <span className="flex flex-wrap items-center gap-2">
          {keys.title} <TypeBadge type={keys.environment.type} />
        </span>
      }
      description={
        secret === null
          ? "It can be read again on this page at any time."
          : "This is the only time the secret key is shown. Only a fingerprint of it is kept."
      }
      actions={
        <Button look="primary" onClick={close} disabled={!may}>
          Close
        </Button>
      }
    >
      <div className="grid grid-cols-1 gap-3">
        {publishable !== null && <CopyRow label="Publishable key" note="safe in front-end code" text={publishable} />}
        {secret !== null && (
          <>
            <CopyRow label="Secret key" note="back-end only" text={secret} />
            <div
              className={classNames(
                "rounded-lg border px-3 py-2.5 transition-colors",
                stored ? "border-accent-line bg-accent-wash" : "border-warning-line bg-warning-wash",
              )}
            >
              <Checkbox
                label={<span className="font-medium">I have stored the secret key</span>}
                hint="Lost ones are replaced by rotating, which ends the old pair."
                checked={stored}
                onChange={(event) => setStored(event.target.checked)}
              />
            </div>
          </>
        )}
        {keys.others !== undefined && keys.others.length > 0 && (
          <Notice title="These other keys stay in force">
            <ul className="mt-1 grid grid-cols-1 gap-0.5">
              {keys.others.map(({ id, name, prefix }) => (
                <li key={id}>
                  {name} <code className="font-mono text-sm break-all text-soft">{prefix}…</code>
                </li>
              ))}
            </ul>
          </Notice>
        )}
        {publishable !== null && <Command label="Try it" text={curlExample(publishable)} />}
      </div>
    </Dialog>
  );
}
