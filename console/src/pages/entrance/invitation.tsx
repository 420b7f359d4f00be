import { useState } from "react";

import { acceptInvitation, type Link } from "@/api/session";
import { Button } from "@/ui/button";
import { TextField } from "@/ui/field";
import { ErrorNotice } from "@/ui/state";

import { useEnter } from "./enter";
import { Entrance } from "./layout";
import { LinkGate } from "./link-gate";
import { PasswordFields, usePasswordFields } from "./password-fields";

export function InvitationPage() {
  return (
    <LinkGate
      kind="invitation"
      title="Join an organization"
      otherwise="An invitation ends after 7 days, when it is used, and when it is taken back. Ask whoever invited you for a new link."
    >
      {(token, link) =>
        link.name === null ? <NewPerson token={token} link={link} /> : <KnownPerson token={token} link={link} />
      }
    </LinkGate>
  );
}

function lead(link: Link): string {
  const by = link.invitedBy ? `${link.invitedBy} invites` : "You are invited,";
  const who = link.invitedBy ? `${link.email}` : `${link.email},`;
  return `${by} ${who} to join as ${link.role === "owner" ? "an owner" : "a member"}.`;
}

function title(link: Link): string {
  return `Join ${link.organization ?? "the organization"}`;
}

function NewPerson({ token, link }: { token: string; link: Link }) {
  const [name, setName] = useState("");
  const password = usePasswordFields(link.email ?? "");
  const enter = useEnter(() => acceptInvitation({ token, name: name.trim(), password: password.value }));
  const ready = name.trim() !== "" && password.ready;
  return (
    <Entrance title={title(link)} lead={lead(link)}>
      <form
        className="grid grid-cols-1 gap-4"
        onSubmit={(event) => {
          event.preventDefault();
          if (ready) enter.mutate();
        }}
      >
        <input type="hidden" name="email" autoComplete="username" value={link.email ?? ""} readOnly />
        <TextField
          label="Your name"
          name="name"
          autoComplete="name"
          required
          autoFocus
          value={name}
          onChange={(event) => setName(event.target.value)}
        />
        <PasswordFields {...password} />
        <ErrorNotice error={enter.error} />
        <Button look="primary" size="large" type="submit" busy={enter.isPending} disabled={!ready}>
          Join
        </Button>
      </form>
    </Entrance>
  );
}

function KnownPerson({ token, link }: { token: string; link: Link }) {
  const [password, setPassword] = useState("");
  const enter = useEnter(() => acceptInvitation({ token, password }));
  return (
    <Entrance title={title(link)} lead={`${lead(link)} You have an account here already: its password is enough.`}>
      <form
        className="grid grid-cols-1 gap-4"
        onSubmit={(event) => {
          event.preventDefault();
          enter.mutate();
        }}
      >
        <TextField
          label="Your password"
          type="password"
          name="password"
          autoComplete="current-password"
          required
          autoFocus
          value={password}
          onChange={(event) => setPassword(event.target.value)}
        />
        <ErrorNotice error={enter.error} />
        <Button look="primary" size="large" type="submit" busy={enter.isPending} disabled={password === ""}>
          Join
        </Button>
      </form>
    </Entrance>
  );
}
