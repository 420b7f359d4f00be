import { useId, type ReactNode } from "react";

import { Button } from "./button";
import { Dialog } from "./dialog";
import { ErrorNotice } from "./state";

type Props = {
  title: ReactNode;
  description?: ReactNode;
  /** What the button says: a verb. */
  verb: string;
  danger?: boolean;
  /** Whether it can be pressed. */
  ready?: boolean;
  busy: boolean;
  error: unknown;
  onConfirm: () => void;
  onClose: () => void;
  children?: ReactNode;
};

/** A question with a form: what will be done, what it needs, the button that does it. */
export function ConfirmDialog(props: Props) {
  const { title, description, verb, danger = false, ready = true, busy, error, onConfirm, onClose, children } = props;
  const form = useId();
  return (
    <Dialog
      open
      onClose={onClose}
      insistent={busy}
      title={title}
      {...(description === undefined ? {} : { description })}
      actions={
        <>
          <Button onClick={onClose} disabled={busy}>
            Cancel
          </Button>
          <Button look={danger ? "danger" : "primary"} type="submit" form={form} busy={busy} disabled={!ready}>
            {verb}
          </Button>
        </>
      }
    >
      <form
        id={form}
        className="grid grid-cols-1 gap-4 empty:hidden"
        onSubmit={(event) => {
          event.preventDefault();
          if (ready && !busy) onConfirm();
        }}
      >
        {children}
        <ErrorNotice error={error} />
      </form>
    </Dialog>
  );
}
