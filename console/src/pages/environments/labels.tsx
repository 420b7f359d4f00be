import { ShieldCheck, TriangleAlert } from "lucide-react";

import type { Environment } from "@/api/environments";
import { Badge } from "@/ui/badge";

/** What one must know of an environment before touching it. */
export function Labels({ environment, root }: { environment: Environment; root: boolean }) {
  return (
    <>
      {root && <Badge>root</Badge>}
      {environment.protected && (
        <Badge>
          <ShieldCheck aria-hidden="true" />
          protected
        </Badge>
      )}
      {environment.holdsProductionData && (
        <Badge tone="warning">
          <TriangleAlert aria-hidden="true" />
          holds production data
        </Badge>
      )}
    </>
  );
}
