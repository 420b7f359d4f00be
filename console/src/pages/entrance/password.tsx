import { setPassword, type Link } from "@/api/session";
import { Button } from "@/ui/button";
import { ErrorNotice } from "@/ui/state";

import { useEnter } from "./enter";
import { Entrance } from "./layout";
import { LinkGate } from "./link-gate";
import { PasswordFields, usePasswordFields } from "./password-fields";

const TITLE = "Choose a new password";

export function PasswordPage() {
  return (
    <LinkGate
      kind="password"
      title={TITLE}
      otherwise="A password link ends after 24 hours and when it is used. Ask an owner of your organization for a new one."
    >
      {(token, link) => <Form token={token} link={link} />}
    </LinkGate>
  );
}

function Form({ token, link }: { token: string; link: Link }) {
  const password = usePasswordFields(link.email ?? "");
  const enter = useEnter(() => setPassword({ token, password: password.value }));
  return (
    <Entrance title={TITLE} lead={link.email === null ? undefined : `For ${link.email}.`}>
      <form
        className="grid grid-cols-1 gap-4"
        onSubmit={(event) => {
          event.preventDefault();
          if (password.ready) enter.mutate();
        }}
      >
        <PasswordFields {...password} />
        <ErrorNotice error={enter.error} />
        <Button look="primary" size="large" type="submit" busy={enter.isPending} disabled={!password.ready}>
          Set password and sign in
        </Button>
      </form>
    </Entrance>
  );
}
