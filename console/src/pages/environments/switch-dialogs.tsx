import { toast } from "sonner";

import { pauseEnvironment, resumeEnvironment, updateEnvironment, type Environment } from "@/api/environments";
import { ConfirmDialog } from "@/ui/confirm";

import { useEnvironmentChange } from "./changed";

type Props = { environment: Environment; onClose: () => void };

/** Stops data traffic, or allows it again. */
export function PauseDialog({ environment, onClose }: Props) {
  const paused = environment.status === "paused";
  const change = useEnvironmentChange(
    () => (paused ? resumeEnvironment(environment.id) : pauseEnvironment(environment.id)),
    () => {
      toast.success(paused ? `${environment.name} answers again.` : `${environment.name} is paused.`);
      onClose();
    },
  );
  return (
    <ConfirmDialog
      title={paused ? `Resume ${environment.name}?` : `Pause ${environment.name}?`}
      description={
        paused
          ? "Requests with its keys are answered again at once."
          : "Requests with its keys answer 503 until it is resumed. Its data stays, and nothing can be branched from it meanwhile."
      }
      verb={paused ? "Resume" : "Pause"}
      busy={change.isPending}
      error={change.error}
      onConfirm={() => change.mutate()}
      onClose={onClose}
    />
  );
}

/** Only owners delete what is protected, by typing its name. */
export function ProtectDialog({ environment, onClose }: Props) {
  const lift = environment.protected;
  const change = useEnvironmentChange(
    () => updateEnvironment({ environmentId: environment.id, protected: !lift }),
    () => {
      toast.success(lift ? `${environment.name} is no longer protected.` : `${environment.name} is protected.`);
      onClose();
    },
  );
  return (
    <ConfirmDialog
      title={lift ? `Lift the protection of ${environment.name}?` : `Protect ${environment.name}?`}
      description={
        lift
          ? "Developers may then delete it, and it may have a lease."
          : "Only owners can delete it then, and no lease ends it."
      }
      verb={lift ? "Lift protection" : "Protect"}
      danger={lift}
      busy={change.isPending}
      error={change.error}
      onConfirm={() => change.mutate()}
      onClose={onClose}
    />
  );
}
