import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState, type FormEvent } from "react";

import { settleConfirmations, useWaitingConfirmations } from "@/api/confirmation";
import { giveAgain, sessionQuery } from "@/api/session";
import { Button } from "@/ui/button";
import { Dialog } from "@/ui/dialog";
import { TextField } from "@/ui/field";
import { ErrorNotice } from "@/ui/state";

const FORM = "reauthentication";

/** Asks for the password before something that matters, then the call that wanted it goes on. */
export function Reauthentication() {
  const waiting = useWaitingConfirmations();
  return waiting.length > 0 ? <PasswordDialog /> : null;
}

function PasswordDialog() {
  const client = useQueryClient();
  const [password, setPassword] = useState("");
  const confirm = useMutation({
    mutationFn: () => giveAgain(password),
    onSuccess: (session) => {
      client.setQueryData(sessionQuery.queryKey, session);
      settleConfirmations("given");
    },
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    confirm.mutate();
  };
  const cancel = () => settleConfirmations("refused");
  return (
    <Dialog
      open
      onClose={cancel}
      title="Confirm that it is you"
      description="This changes keys, people or production. Your password is asked for again, once in ten minutes."
      actions={
        <>
          <Button onClick={cancel}>Cancel</Button>
          <Button look="primary" type="submit" form={FORM} busy={confirm.isPending} disabled={password === ""}>
            Confirm
          </Button>
        </>
      }
    >
      <form id={FORM} onSubmit={submit} className="grid grid-cols-1 gap-4">
        <TextField
          label="Password"
          type="password"
          name="password"
          autoComplete="current-password"
          autoFocus
          value={password}
          onChange={(event) => setPassword(event.target.value)}
        />
        <ErrorNotice error={confirm.error} />
      </form>
    </Dialog>
  );
}
