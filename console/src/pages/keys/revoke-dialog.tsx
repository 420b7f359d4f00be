import { useMutation, useQueryClient } from "@tanstack/react-query";
import { toast } from "sonner";

import { keysQuery, revokeApiKey, type ApiKey } from "@/api/keys";
import { usePlace } from "@/shell/place";
import { ConfirmDialog } from "@/ui/confirm";
import { Notice } from "@/ui/state";
import { Time } from "@/ui/time";

export function RevokeDialog({ apiKey, onClose }: { apiKey: ApiKey; onClose: () => void }) {
  const { environment } = usePlace();
  const client = useQueryClient();
  const revoke = useMutation({
    mutationFn: () => revokeApiKey(apiKey.id),
    onSuccess: async () => {
      await client.invalidateQueries({ queryKey: keysQuery(environment.id).queryKey });
      toast.success(`${apiKey.name} is revoked.`);
      onClose();
    },
  });
  return (
    <ConfirmDialog
      title={`Revoke ${apiKey.name}?`}
      description="It is refused from the moment this is done, on every server, and can never be used again."
      verb="Revoke key"
      danger
      busy={revoke.isPending}
      error={revoke.error}
      onConfirm={() => revoke.mutate()}
      onClose={onClose}
    >
      <p>
        <code className="font-mono break-all">{apiKey.prefix}…</code>
        <span className="block text-sm text-faint">
          last used: <Time at={apiKey.lastUsedAt} />
        </span>
      </p>
      {apiKey.default && (
        <Notice tone="warning" title="It belongs to the default pair">
          Applications that use it stop working. Rotating replaces both keys of the pair instead.
        </Notice>
      )}
    </ConfirmDialog>
  );
}
