import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";

import type { Environment } from "@/api/environments";
import { inForce, keysQuery, rotateApiKeys, type ApiKey } from "@/api/keys";
import { useDialogs } from "@/shell/dialogs";
import { ConfirmDialog } from "@/ui/confirm";
import { RadioCards, SelectField } from "@/ui/field";
import { Notice } from "@/ui/state";

const OVERLAPS = [
  ["15m", "15 minutes"],
  ["1h", "1 hour"],
  ["6h", "6 hours"],
  ["24h", "24 hours"],
] as const;

type Props = { environment: Environment; keys: ApiKey[]; onClose: () => void };

export function RotateDialog({ environment, keys, onClose }: Props) {
  const client = useQueryClient();
  const dialogs = useDialogs();
  const [when, setWhen] = useState<"now" | "later">("now");
  const [overlap, setOverlap] = useState("1h");
  const others = keys.filter((key) => !key.default && inForce(key));
  const rotate = useMutation({
    mutationFn: () => rotateApiKeys({ environmentId: environment.id, overlap: when === "now" ? null : overlap }),
    onSuccess: async ({ keys, others }) => {
      await client.invalidateQueries({ queryKey: keysQuery(environment.id).queryKey });
      onClose();
      if (keys) dialogs.showKeys({ title: `New keys of ${environment.name}`, environment, ...keys, others });
    },
  });
  return (
    <ConfirmDialog
      title={`Rotate the key pair of ${environment.name}?`}
      description="A new publishable and a new secret key take the place of the default pair."
      verb="Rotate pair"
      danger={when === "now"}
      busy={rotate.isPending}
      error={rotate.error}
      onConfirm={() => rotate.mutate()}
      onClose={onClose}
    >
      <RadioCards
        legend="The old pair"
        name="when"
        value={when}
        onChange={setWhen}
        choices={[
          { value: "now", title: "Stops now", text: "Refused everywhere from the moment this is done." },
          { value: "later", title: "Stops later", text: "Both pairs work for a while, so that nothing breaks." },
        ]}
      />
      {when === "later" && (
        <SelectField
          label="Both work for"
          value={overlap}
          onChange={setOverlap}
          choices={OVERLAPS}
          hint="24 hours at most."
        />
      )}
      {others.length > 0 && (
        <Notice
          title={others.length === 1 ? "One other key stays in force" : `${others.length} other keys stay in force`}
        >
          {others.map(({ name }) => name).join(", ")}
        </Notice>
      )}
    </ConfirmDialog>
  );
}
