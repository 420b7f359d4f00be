import { Button } from "@/ui/button";
import { CopyRow } from "@/ui/copy";
import { Dialog } from "@/ui/dialog";

export type ShownLink = { kind: "invitation" | "password"; link: string; email: string };

/** A link that is shown once; the server keeps only a fingerprint of its token. */
export function LinkDialog({ link: { kind, link, email }, onClose }: { link: ShownLink; onClose: () => void }) {
  const invitation = kind === "invitation";
  return (
    <Dialog
      open
      onClose={onClose}
      title={invitation ? `Invitation for ${email}` : `Password link for ${email}`}
      description={
        invitation
          ? "Send it to them yourself: this is the only time it is shown. It works once, within 7 days."
          : "Whoever opens it chooses a new password and is signed in. It works once, within 24 hours, and is shown only now."
      }
      actions={
        <Button look="primary" onClick={onClose}>
          Done
        </Button>
      }
    >
      <CopyRow label={invitation ? "Invitation link" : "Password link"} text={link} />
    </Dialog>
  );
}
