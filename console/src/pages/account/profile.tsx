import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { toast } from "sonner";

import { changePassword, updateViewer } from "@/api/account";
import { toApiError } from "@/api/error";
import { sessionQuery } from "@/api/session";
import { PasswordFields, usePasswordFields } from "@/pages/entrance/password-fields";
import { Button } from "@/ui/button";
import { TextField } from "@/ui/field";
import { Page, Section } from "@/ui/page";
import { ErrorNotice } from "@/ui/state";

export function ProfilePage() {
  return (
    <Page title="Profile">
      <Name />
      <Password />
    </Page>
  );
}

function Name() {
  const client = useQueryClient();
  const viewer = useQuery(sessionQuery).data?.viewer;
  const [name, setName] = useState(viewer?.name ?? "");
  const save = useMutation({
    mutationFn: () => updateViewer({ name: name.trim() }),
    onSuccess: async () => {
      toast.success("Your name is changed.");
      await client.invalidateQueries({ queryKey: sessionQuery.queryKey });
    },
  });
  return (
    <Section title="You" lead={viewer?.email}>
      <form
        className="grid max-w-sm gap-4"
        onSubmit={(event) => {
          event.preventDefault();
          save.mutate();
        }}
      >
        <TextField
          label="Name"
          autoComplete="name"
          value={name}
          onChange={(event) => setName(event.target.value)}
          problem={save.isError ? toApiError(save.error).field("name") : null}
        />
        <ErrorNotice error={save.error} />
        <Button
          type="submit"
          className="justify-self-start"
          busy={save.isPending}
          disabled={name.trim() === "" || name === viewer?.name}
        >
          Save name
        </Button>
      </form>
    </Section>
  );
}

function Password() {
  const viewer = useQuery(sessionQuery).data?.viewer;
  const [current, setCurrent] = useState("");
  const next = usePasswordFields(viewer?.email ?? "");
  const save = useMutation({
    mutationFn: () => changePassword({ current, new: next.value }),
    onSuccess: () => {
      toast.success("Your password is changed.", { description: "Your other sessions have ended." });
      setCurrent("");
      next.setValue("");
      next.setAgain("");
    },
  });
  return (
    <Section title="Password">
      <form
        className="grid max-w-sm gap-4"
        onSubmit={(event) => {
          event.preventDefault();
          if (next.ready) save.mutate();
        }}
      >
        <input type="hidden" name="email" autoComplete="username" value={viewer?.email ?? ""} readOnly />
        <TextField
          label="Current password"
          type="password"
          autoComplete="current-password"
          value={current}
          onChange={(event) => setCurrent(event.target.value)}
        />
        <PasswordFields {...next} />
        <ErrorNotice error={save.error} />
        <Button
          type="submit"
          className="justify-self-start"
          busy={save.isPending}
          disabled={current === "" || !next.ready}
        >
          Change password
        </Button>
      </form>
    </Section>
  );
}
