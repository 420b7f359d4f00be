// All that the page asks of its backend. Two things choose the environment: an address and a publishable key.
import { createClient } from "@supabase/supabase-js";

const { VITE_CLOCHE_URL, VITE_CLOCHE_KEY } = import.meta.env;
const backend = createClient(VITE_CLOCHE_URL || location.origin, VITE_CLOCHE_KEY);

/** Published posts, the newest first, each with its author's name and its comments in the order they were written. */
export async function posts() {
  const columns = "id, title, body, published_at, author:authors(name), comments(id, author_name, body)";
  const published = backend.from("posts").select(columns).eq("status", "published");
  return answer(await published.order("published_at", { ascending: false }).order("id", { referencedTable: "comments" }));
}

/** Writes a comment in the name of whoever is signed in. */
export async function comment(post, reader, body) {
  answer(await backend.from("comments").insert({ post_id: post, author_name: reader.name, body }));
}

export async function signUp(email, password, name) {
  const { session } = answer(await backend.auth.signUp({ email, password, options: { data: { name } } }));
  if (!session) throw new Error("Confirm your address by the link in the mail, then sign in.");
}

export async function signIn(email, password) {
  answer(await backend.auth.signInWithPassword({ email, password }));
}

export async function signOut() {
  answer(await backend.auth.signOut());
}

/** Tells who is signed in, now and whenever that changes; null is nobody. */
export function whenReaderChanges(tell) {
  backend.auth.onAuthStateChange((_event, session) => {
    const user = session?.user;
    tell(user ? { name: user.user_metadata.name || user.email } : null);
  });
}

function answer({ data, error }) {
  if (error) throw new Error(error.message);
  return data;
}
