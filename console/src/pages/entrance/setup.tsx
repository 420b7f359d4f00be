import { useState } from "react";

import { setUp } from "@/api/session";
import { Button } from "@/ui/button";
import { TextField } from "@/ui/field";
import { ErrorNotice } from "@/ui/state";

import { useEnter } from "./enter";
import { Entrance } from "./layout";
import { LinkGate } from "./link-gate";
import { PasswordFields, usePasswordFields } from "./password-fields";

const TITLE = "Set up Cloche";

export function SetupPage() {
  return (
    <LinkGate
      kind="setup"
      title={TITLE}
      otherwise="The set-up link is printed by the server at each start, until its first owner is there. Start it again for a new one."
    >
      {(token) => <Form token={token} />}
    </LinkGate>
  );
}

function Form({ token }: { token: string }) {
  const [email, setEmail] = useState("");
  const [name, setName] = useState("");
  const password = usePasswordFields(email);
  const enter = useEnter(() => setUp({ token, email: email.trim(), name: name.trim(), password: password.value }));
  const ready = email.includes("@") && name.trim() !== "" && password.ready;
  return (
    <Entrance
      title={TITLE}
      lead="You are the first here: this makes you the owner of this server and of its organization."
    >
      <form
        className="grid grid-cols-1 gap-4"
        onSubmit={(event) => {
          event.preventDefault();
          if (ready) enter.mutate();
        }}
      >
        <TextField
          label="E-mail address"
          type="email"
          name="email"
          autoComplete="username"
          required
          autoFocus
          value={email}
          onChange={(event) => setEmail(event.target.value)}
        />
        <TextField
          label="Your name"
          name="name"
          autoComplete="name"
          required
          value={name}
          onChange={(event) => setName(event.target.value)}
        />
        <PasswordFields {...password} />
        <ErrorNotice error={enter.error} />
        <Button look="primary" size="large" type="submit" busy={enter.isPending} disabled={!ready}>
          Create owner and continue
        </Button>
      </form>
    </Entrance>
  );
}
