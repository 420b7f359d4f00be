import { createContext, useContext } from "react";

import type { Environment } from "@/api/environments";
import type { Project } from "@/api/projects";

/** Where one is: everything a page shows follows it. */
export type Place = {
  project: Project;
  environment: Environment;
  /** All of the project, oldest first: the first is its root. */
  environments: Environment[];
  /** What one may do here: viewer, developer, admin or owner. */
  role: string;
};

const Context = createContext<Place | null>(null);

export const PlaceProvider = Context;

export function usePlace(): Place {
  const place = useContext(Context);
  if (!place) throw new Error("usePlace outside of the shell");
  return place;
}
