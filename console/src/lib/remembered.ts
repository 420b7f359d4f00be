/** Which environment of which project was looked at last, so that `/` leads there. Names alone, no secret. */
const KEY = "cloche-place";

export type Place = { project: string; environment: string };

export function rememberPlace(place: Place): void {
  try {
    localStorage.setItem(KEY, JSON.stringify(place));
  } catch {
    // Then `/` leads to the first project.
  }
}

export function rememberedPlace(): Place | null {
  try {
    const place: unknown = JSON.parse(localStorage.getItem(KEY) ?? "null");
    if (typeof place !== "object" || place === null) return null;
    const { project, environment } = place as Partial<Place>;
    return typeof project === "string" && typeof environment === "string" ? { project, environment } : null;
  } catch {
    return null;
  }
}
