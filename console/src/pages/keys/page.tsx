import { useQuery } from "@tanstack/react-query";
import { KeyRound, Plus, RefreshCw } from "lucide-react";
import { useState } from "react";

import { inForce, keysQuery, type ApiKey } from "@/api/keys";
import { mayChange } from "@/lib/role";
import { useDialogs } from "@/shell/dialogs";
import { usePlace } from "@/shell/place";
import { Button } from "@/ui/button";
import { Command } from "@/ui/copy";
import { Page, Section } from "@/ui/page";
import { Empty, LoadError, SkeletonRows } from "@/ui/state";

import { CreateKeyDialog } from "./create-dialog";
import { curlExample } from "./curl";
import { RevokeDialog } from "./revoke-dialog";
import { RotateDialog } from "./rotate-dialog";
import { KeyTable } from "./table";

type Asked = { kind: "create" } | { kind: "rotate" } | { kind: "revoke"; key: ApiKey };

export function KeysPage() {
  const { environment, role } = usePlace();
  const dialogs = useDialogs();
  const keys = useQuery(keysQuery(environment.id));
  const [asked, setAsked] = useState<Asked | null>(null);
  const close = () => setAsked(null);
  const may = mayChange(role, environment);
  const publishable = keys.data?.find((key) => key.default && key.publishable && inForce(key))?.publishable ?? null;
  return (
    <Page
      title="API keys"
      lead={`A key alone chooses the environment: these reach ${environment.name}, and nothing else.`}
      actions={
        may && (
          <>
            <Button onClick={() => setAsked({ kind: "rotate" })}>
              <RefreshCw className="size-4" />
              Rotate pair
            </Button>
            <Button look="primary" onClick={() => setAsked({ kind: "create" })}>
              <Plus className="size-4" />
              Create key
            </Button>
          </>
        )
      }
    >
      {keys.isPending && <SkeletonRows rows={3} className="h-16" />}
      {keys.isError && <LoadError error={keys.error} onRetry={() => void keys.refetch()} />}
      {keys.data?.length === 0 && (
        <Empty icon={<KeyRound />} title="No keys yet">
          Rotating makes a first pair.
        </Empty>
      )}
      {keys.data && keys.data.length > 0 && (
        <KeyTable
          keys={keys.data}
          onRevoke={may ? (key) => setAsked({ kind: "revoke", key }) : null}
          onRead={(key) => dialogs.showKeys({ title: key.name, environment, publishable: key.publishable })}
        />
      )}
      {publishable !== null && (
        <Section
          title="Use it"
          lead="With the publishable key one is nobody: access rules decide what nobody may read."
        >
          <Command label={`A request to ${environment.name}`} text={curlExample(publishable)} />
        </Section>
      )}
      {asked?.kind === "create" && <CreateKeyDialog environment={environment} onClose={close} />}
      {asked?.kind === "rotate" && <RotateDialog environment={environment} keys={keys.data ?? []} onClose={close} />}
      {asked?.kind === "revoke" && <RevokeDialog apiKey={asked.key} onClose={close} />}
    </Page>
  );
}
