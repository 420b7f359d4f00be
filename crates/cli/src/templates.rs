//! The templates of `init`, embedded so that the binary needs nothing beside it.

use crate::args::Template;

/// One file of a template: its path in the folder and its text.
pub(crate) type TemplateFile = (&'static str, &'static str);

const BLOG: &[TemplateFile] = &[
    ("cloche.yaml", include_str!("../../../examples/blog/cloche.yaml")),
    ("README.md", include_str!("../../../examples/blog/README.md")),
    ("enums/post_status.yaml", include_str!("../../../examples/blog/enums/post_status.yaml")),
    ("roles/author.yaml", include_str!("../../../examples/blog/roles/author.yaml")),
    ("roles/user.yaml", include_str!("../../../examples/blog/roles/user.yaml")),
    ("tables/authors.yaml", include_str!("../../../examples/blog/tables/authors.yaml")),
    ("tables/comments.yaml", include_str!("../../../examples/blog/tables/comments.yaml")),
    ("tables/posts.yaml", include_str!("../../../examples/blog/tables/posts.yaml")),
];

/// All files of a template.
pub(crate) fn files(template: Template) -> &'static [TemplateFile] {
    match template {
        Template::Blog => BLOG,
    }
}

/// A template's cloche.yaml for this project, and for this server unless it is the default one.
pub(crate) fn project_file(text: &str, project: &str, server: Option<&str>) -> String {
    let text = with_field(text, "project", &scalar(project));
    match server {
        Some(server) => with_field(&text, "server", server),
        None => text,
    }
}

/// Replaces the line of a field, or adds one at the end.
fn with_field(text: &str, field: &str, value: &str) -> String {
    let line = format!("{field}: {value}");
    let is_field = |old: &str| old.strip_prefix(field).is_some_and(|rest| rest.starts_with(':'));
    if !text.lines().any(is_field) {
        let gap = if text.is_empty() || text.ends_with('\n') { "" } else { "\n" };
        return format!("{text}{gap}{line}\n");
    }
    text.lines().map(|old| if is_field(old) { line.clone() } else { old.to_owned() } + "\n").collect()
}

/// Quotes names that YAML would read as something else, such as `1` or `true`.
fn scalar(name: &str) -> String {
    let lower = name.to_ascii_lowercase();
    let word = matches!(lower.as_str(), "true" | "false" | "null" | "yes" | "no" | "on" | "off" | "y" | "n");
    if word || !name.starts_with(|first: char| first.is_ascii_alphabetic()) { format!("\"{name}\"") } else { name.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::ProjectFile;

    #[test]
    fn a_project_file_reads_back() {
        for name in ["demo", "1", "true", "-", "no", "2e3", "a-b_c"] {
            for text in ["# about\nproject: blog\nserver: http://a\n", "# about", ""] {
                let written = project_file(text, name, Some("https://b.example"));
                let folder = tempfile::tempdir().unwrap();
                std::fs::write(folder.path().join("cloche.yaml"), &written).unwrap();
                let read = ProjectFile::read(folder.path()).unwrap().unwrap();
                assert_eq!(read.project.as_deref(), Some(name), "{written}");
                assert_eq!(read.server.as_deref(), Some("https://b.example"), "{written}");
            }
        }
    }

    #[test]
    fn a_template_is_a_project_folder() {
        let files = files(Template::Blog);
        let (_, text) = files.iter().find(|(path, _)| *path == "cloche.yaml").unwrap();
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("cloche.yaml"), project_file(text, "demo", None)).unwrap();
        let read = ProjectFile::read(folder.path()).unwrap().unwrap();
        assert_eq!(read.project.as_deref(), Some("demo"));
    }
}
