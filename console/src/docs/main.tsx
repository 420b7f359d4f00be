import "../styles.css";

import { StrictMode } from "react";
import { createRoot } from "react-dom/client";

import { DocsPage } from "./page";

const root = document.getElementById("root");
if (!root) throw new Error("docs.html has no #root");

createRoot(root).render(
  <StrictMode>
    <DocsPage />
  </StrictMode>,
);
