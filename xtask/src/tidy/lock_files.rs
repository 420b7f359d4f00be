//! Lock files pin by name, version and hash; where bytes come from is the reader's own configuration.

use super::{Tree, Violation};

const LOCK_FILES: &[&str] = &["Cargo.lock", "package-lock.json", "yarn.lock", "pnpm-lock.yaml", "uv.lock", "poetry.lock"];

/// What cargo writes for its default registry, whatever mirror the bytes came through.
const CARGO_SOURCE: &str = "source = \"registry+https://github.com/rust-lang/crates.io-index\"";

/// What npm writes of who pays for a package: a page for people, where nothing is fetched from.
fn is_funding(line: &str) -> bool {
    let line = line.trim();
    line.starts_with("\"url\": \"https://") || (line.starts_with("\"https://") && !line.contains(".tgz"))
}

/// Hosts of package registries, in pieces: this file must pass its own check.
const HOSTS: &[&[&str]] = &[
    &["index", "crates", "io"],
    &["static", "crates", "io"],
    &["registry", "npmjs", "org"],
    &["registry", "yarnpkg", "com"],
    &["files", "pythonhosted", "org"],
    &["pypi", "org"],
    &["proxy", "golang", "org"],
];

pub(super) fn check(tree: &Tree) -> Vec<Violation> {
    let hosts: Vec<String> = HOSTS.iter().map(|pieces| pieces.join(".")).collect();
    let mut violations = Vec::new();
    for file in &tree.files {
        let locks = LOCK_FILES.iter().any(|name| file.path == *name || file.path.ends_with(&format!("/{name}")));
        for (index, line) in file.text.lines().enumerate() {
            if let Some(host) = hosts.iter().find(|host| line.contains(host.as_str())) {
                violations.push(file.violation(index + 1, format!("names the registry host {host}")));
            } else if locks && line.contains("://") && line.trim() != CARGO_SOURCE && !is_funding(line) {
                violations.push(file.violation(index + 1, "a download address in a lock file; lock without a mirror configured"));
            }
        }
    }
    violations
}

#[cfg(test)]
mod tests {
    use super::super::complaints;
    use super::*;

    #[test]
    fn a_download_address_is_refused() {
        assert!(complaints(check, &[("Cargo.lock", &format!("name = \"a\"\n{CARGO_SOURCE}\n"))]).is_empty());
        let mirror = "name = \"a\"\nsource = \"registry+https://mirror.example/index\"\n";
        assert_eq!(complaints(check, &[("Cargo.lock", mirror)]).len(), 1);
        assert_eq!(
            complaints(check, &[("console/package-lock.json", "\"resolved\": \"https://mirror.example/a.tgz\"\n")]).len(),
            1
        );
        let funding = "\"funding\": [\n  \"https://example.org/give\",\n  { \n  \"url\": \"https://example.org/give\"\n";
        assert!(complaints(check, &[("console/package-lock.json", funding)]).is_empty());
        assert!(complaints(check, &[("README.md", "https://mirror.example/index\n")]).is_empty());
    }

    #[test]
    fn a_registry_host_is_refused_anywhere() {
        let text = format!("get it from https://{}/simple\n", HOSTS[5].join("."));
        assert_eq!(
            complaints(check, &[("README.md", &text)]),
            [format!("README.md:1: names the registry host {}", HOSTS[5].join("."))]
        );
    }
}
