import { comment, posts, signIn, signOut, signUp, whenReaderChanges } from "./blog.js";

const find = (selector) => document.querySelector(selector);
let reader = null;

/** An element with attributes, and text or elements inside. */
function element(name, attributes, ...inside) {
  const made = document.createElement(name);
  Object.entries(attributes).forEach(([key, value]) => made.setAttribute(key, value));
  made.append(...inside);
  return made;
}

/** Does something the reader asked for, and says what went wrong. */
async function attempt(work) {
  find("#notice").textContent = "";
  try {
    await work();
  } catch (error) {
    find("#notice").textContent = error.message;
  }
}

async function show() {
  const all = await posts();
  find("#posts").replaceChildren(...(all.length ? all.map(article) : [element("p", {}, "Nothing is published yet.")]));
}

function article({ id, title, body, published_at, author, comments }) {
  const day = element("time", { datetime: published_at }, new Date(published_at).toLocaleDateString());
  const list = comments.map((each) => element("li", {}, element("b", {}, each.author_name), ` ${each.body}`));
  const parts = [
    element("h2", { id: `title-${id}` }, title),
    element("p", { class: "by" }, `${author.name}, `, day),
    element("p", {}, body),
    element("h3", {}, `${comments.length} ${comments.length === 1 ? "comment" : "comments"}`),
    element("ul", {}, ...list),
  ];
  if (reader) parts.push(form(id, title));
  return element("article", { "aria-labelledby": `title-${id}` }, ...parts);
}

function form(post, title) {
  const text = element("textarea", { name: "body", required: "", maxlength: "10000", rows: "2" });
  const label = element("label", {}, `Your comment on ${title}`, text);
  const made = element("form", {}, label, element("button", {}, "Comment"));
  made.addEventListener("submit", (event) => {
    event.preventDefault();
    attempt(async () => {
      await comment(post, reader, text.value);
      await show();
    });
  });
  return made;
}

find("#account form").addEventListener("submit", (event) => {
  event.preventDefault();
  const { email, password, name } = Object.fromEntries(new FormData(event.target));
  const up = event.submitter?.value === "up";
  attempt(() => (up ? signUp(email, password, name) : signIn(email, password)));
});
find("#sign-out").addEventListener("click", () => attempt(signOut));

whenReaderChanges((now) => {
  if (now?.name === reader?.name && find("#posts").hasChildNodes()) return;
  reader = now;
  find("#account").hidden = Boolean(reader);
  find("#reader").hidden = !reader;
  find("#reader span").textContent = reader ? reader.name : "";
  // Later: the client waits for this function, and asks for nothing while it does.
  setTimeout(() => attempt(show));
});
