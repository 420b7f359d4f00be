//! Arguments, environment variables and files, resolved once into what the commands work with.

use std::fmt;
use std::fs;
use std::io::{ErrorKind, Read};
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use reqwest::Url;
use serde::Deserialize;

use crate::args::GlobalArgs;
use crate::error::{CliError, Result};
use crate::logins::Logins;

/// Where a server listens unless told otherwise.
pub(crate) const DEFAULT_URL: &str = "http://127.0.0.1:7350";
/// The name of the file that makes a folder a project folder.
pub(crate) const PROJECT_FILE: &str = "cloche.yaml";
/// The environment meant when none is named.
const DEFAULT_ENVIRONMENT: &str = "dev";
/// Largest cloche.yaml and owner-token read: both are a few lines.
const SMALL_FILE_BYTES: u64 = 64 * 1024;

/// What every client command works with.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    /// The server, without a slash at the end.
    pub(crate) url: Url,
    /// The token to show it, if one was found.
    pub(crate) token: Option<Token>,
    /// The project's name or id, if one was named.
    pub(crate) project: Option<String>,
    /// The environment's name or type; `dev` when none was named.
    pub(crate) env: String,
    /// The folder with the nearest cloche.yaml.
    pub(crate) folder: Option<PathBuf>,
    /// Where logins are kept.
    pub(crate) logins: PathBuf,
    /// Answer yes to every question.
    pub(crate) yes: bool,
}

/// A token of the management plane. Debug shows where it came from, never its text.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Token {
    /// The text sent as bearer token.
    pub(crate) text: String,
    /// Where it was found.
    pub(crate) source: TokenSource,
}

/// Where a token was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum TokenSource {
    /// `--token`
    Flag,
    /// `CLOCHE_TOKEN`
    Variable,
    /// `cloche login`
    Login,
    /// The owner token a local server wrote to this file.
    OwnerFile(PathBuf),
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Token({:?})", self.source)
    }
}

impl fmt::Display for TokenSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag => f.write_str("--token"),
            Self::Variable => f.write_str("CLOCHE_TOKEN"),
            Self::Login => f.write_str("`cloche login`"),
            Self::OwnerFile(path) => write!(f, "{}", path.display()),
        }
    }
}

/// What is outside the arguments: kept apart so that tests can say what there is.
pub(crate) struct Surroundings<'a> {
    /// Reads an environment variable.
    pub(crate) variable: &'a dyn Fn(&str) -> Option<String>,
    /// The folder the command was started in.
    pub(crate) directory: PathBuf,
}

impl Surroundings<'_> {
    /// A variable that is set and not empty.
    fn get(&self, name: &str) -> Option<String> {
        (self.variable)(name).filter(|value| !value.is_empty())
    }

    /// `$XDG_CONFIG_HOME/cloche/config.json`, or below `~/.config`.
    fn logins(&self) -> PathBuf {
        let base = self.get("XDG_CONFIG_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
        let base = base.or_else(|| self.get("HOME").map(|home| Path::new(&home).join(".config")));
        base.unwrap_or_else(|| self.directory.clone()).join("cloche").join("config.json")
    }
}

/// The client's part of cloche.yaml.
#[derive(Debug, Default, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ProjectFile {
    /// The project this folder belongs to.
    pub(crate) project: Option<String>,
    /// The server it is on.
    pub(crate) server: Option<String>,
}

impl ProjectFile {
    /// Reads the folder's cloche.yaml; `None` when it has none.
    pub(crate) fn read(folder: &Path) -> Result<Option<Self>> {
        let path = folder.join(PROJECT_FILE);
        let Some(text) = read_small(&path)? else { return Ok(None) };
        if text.lines().all(|line| line.trim().is_empty() || line.trim_start().starts_with('#')) {
            return Ok(Some(Self::default()));
        }
        serde_saphyr::from_str(&text).map(Some).map_err(|error| {
            CliError::failed("cli/project-file", format!("{} cannot be read: {error}", path.display()))
                .hint("it may have `project: NAME` and `server: URL`")
        })
    }
}

impl Settings {
    /// Resolves everything. The order is always: option, variable, file, default.
    pub(crate) fn resolve(global: &GlobalArgs, surroundings: &Surroundings) -> Result<Self> {
        let folder = surroundings.directory.ancestors().find(|folder| folder.join(PROJECT_FILE).is_file());
        let file = folder.map(ProjectFile::read).transpose()?.flatten().unwrap_or_default();
        let url = global.url.clone().or_else(|| surroundings.get("CLOCHE_URL")).or(file.server);
        let url = parse_url(url.as_deref().unwrap_or(DEFAULT_URL))?;
        let logins = surroundings.logins();
        Ok(Self {
            token: find_token(global, surroundings, &url, &logins)?,
            project: global.project.clone().or_else(|| surroundings.get("CLOCHE_PROJECT")).or(file.project),
            env: global.env.clone().or_else(|| surroundings.get("CLOCHE_ENV")).unwrap_or_else(|| DEFAULT_ENVIRONMENT.to_owned()),
            folder: folder.map(Path::to_owned),
            url,
            logins,
            yes: global.yes,
        })
    }
}

/// Reads the address of a server; a path below which it is served is kept.
pub(crate) fn parse_url(text: &str) -> Result<Url> {
    let refusal =
        |why: &str| CliError::usage(format!("`{text}` is no server address: {why}")).hint(format!("write it like {DEFAULT_URL}"));
    let mut url = Url::parse(text).map_err(|error| refusal(&error.to_string()))?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
        return Err(refusal("it must start with http:// or https://"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(refusal("it must not hold a user name or password"));
    }
    url.set_query(None);
    url.set_fragment(None);
    Ok(url)
}

/// Whether the address can only be this machine.
pub(crate) fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn find_token(global: &GlobalArgs, surroundings: &Surroundings, url: &Url, logins: &Path) -> Result<Option<Token>> {
    if let Some(text) = &global.token {
        return Ok(Some(Token { text: text.trim().to_owned(), source: TokenSource::Flag }));
    }
    if let Some(text) = surroundings.get("CLOCHE_TOKEN") {
        return Ok(Some(Token { text: text.trim().to_owned(), source: TokenSource::Variable }));
    }
    if let Some(text) = Logins::read(logins)?.token(url) {
        return Ok(Some(Token { text: text.to_owned(), source: TokenSource::Login }));
    }
    // The owner token opens everything on its server, so it is shown to this machine alone.
    if !is_loopback(url) {
        return Ok(None);
    }
    let named = surroundings.get("CLOCHE_DATA_DIR").map(|data| surroundings.directory.join(data).join("owner-token"));
    let upwards = surroundings.directory.ancestors().map(|folder| folder.join(".cloche/data/owner-token"));
    for path in named.into_iter().chain(upwards) {
        let text = read_small(&path).map_err(|error| {
            error.hint("run this as the user who started `cloche serve`, or give a token with --token or CLOCHE_TOKEN")
        })?;
        if let Some(text) = text {
            return Ok(Some(Token { text: text.trim().to_owned(), source: TokenSource::OwnerFile(path) }));
        }
    }
    Ok(None)
}

/// The text of a small file, or `None` when there is none.
fn read_small(path: &Path) -> Result<Option<String>> {
    let file = match fs::File::open(path) {
        Ok(file) => file,
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => return Ok(None),
        Err(error) => return Err(CliError::io("read", path, &error)),
    };
    let mut text = String::new();
    let read = file.take(SMALL_FILE_BYTES + 1).read_to_string(&mut text).map_err(|error| CliError::io("read", path, &error))?;
    if read as u64 > SMALL_FILE_BYTES {
        return Err(CliError::failed("cli/io", format!("{} is larger than {SMALL_FILE_BYTES} bytes", path.display())));
    }
    Ok(Some(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder to resolve in, with variables.
    struct Case {
        root: tempfile::TempDir,
        variables: Vec<(&'static str, String)>,
    }

    impl Case {
        fn new() -> Self {
            let root = tempfile::tempdir().unwrap();
            fs::create_dir_all(root.path().join("work/deep")).unwrap();
            let home = root.path().to_str().unwrap().to_owned();
            Self { root, variables: vec![("HOME", home)] }
        }

        fn file(self, path: &str, text: &str) -> Self {
            let path = self.root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
            self
        }

        fn variable(mut self, name: &'static str, value: &str) -> Self {
            self.variables.push((name, value.to_owned()));
            self
        }

        fn resolve(&self, global: &GlobalArgs) -> Result<Settings> {
            let variable = |name: &str| self.variables.iter().find(|(known, _)| *known == name).map(|(_, value)| value.clone());
            Settings::resolve(global, &Surroundings { variable: &variable, directory: self.root.path().join("work/deep") })
        }
    }

    #[test]
    fn defaults() {
        let settings = Case::new().resolve(&GlobalArgs::default()).unwrap();
        assert_eq!(settings.url.as_str(), "http://127.0.0.1:7350/");
        assert_eq!((settings.project, settings.env.as_str(), settings.token), (None, "dev", None));
    }

    #[test]
    fn option_before_variable_before_file() {
        let case = Case::new().file("work/cloche.yaml", "project: filed\nserver: https://file.example\n");
        let settings = case.resolve(&GlobalArgs::default()).unwrap();
        assert_eq!((settings.project.as_deref(), settings.url.as_str()), (Some("filed"), "https://file.example/"));
        assert_eq!(settings.folder, Some(case.root.path().join("work")));
        let case = case
            .variable("CLOCHE_PROJECT", "varied")
            .variable("CLOCHE_URL", "https://var.example")
            .variable("CLOCHE_ENV", "eval");
        let settings = case.resolve(&GlobalArgs::default()).unwrap();
        assert_eq!((settings.project.as_deref(), settings.url.as_str()), (Some("varied"), "https://var.example/"));
        assert_eq!(settings.env, "eval");
        let global = GlobalArgs { project: Some("opted".into()), env: Some("prod".into()), ..GlobalArgs::default() };
        let settings = case.resolve(&global).unwrap();
        assert_eq!((settings.project.as_deref(), settings.env.as_str()), (Some("opted"), "prod"));
    }

    #[test]
    fn an_empty_variable_is_none() {
        let settings =
            Case::new().variable("CLOCHE_URL", "").variable("CLOCHE_TOKEN", "").resolve(&GlobalArgs::default()).unwrap();
        assert_eq!((settings.url.as_str(), settings.token), ("http://127.0.0.1:7350/", None));
    }

    #[test]
    fn the_owner_token_is_found_upwards_and_stays_on_this_machine() {
        let case = Case::new().file("work/.cloche/data/owner-token", "own\n").file("data/owner-token", "named\n");
        let text = |case: &Case, url: Option<&str>| {
            let global = GlobalArgs { url: url.map(str::to_owned), ..GlobalArgs::default() };
            case.resolve(&global).unwrap().token.map(|token| token.text)
        };
        assert_eq!(text(&case, None).as_deref(), Some("own"));
        assert_eq!(text(&case, Some("http://[::1]:7350")).as_deref(), Some("own"));
        assert_eq!(text(&case, Some("http://localhost.example.com")), None);
        assert_eq!(text(&case, Some("https://cloche.example.com")), None);
        let data = case.root.path().join("data").to_str().unwrap().to_owned();
        let case = case.variable("CLOCHE_DATA_DIR", &data);
        assert_eq!(text(&case, None).as_deref(), Some("named"));
        let case = case.variable("CLOCHE_TOKEN", "varied");
        assert_eq!(text(&case, None).as_deref(), Some("varied"));
    }

    #[test]
    fn wrong_addresses_and_files_are_refused() {
        for url in ["ftp://a.b", "nonsense", "http://user:pw@a.b", "127.0.0.1:7350"] {
            let global = GlobalArgs { url: Some(url.into()), ..GlobalArgs::default() };
            let error = Case::new().resolve(&global).unwrap_err();
            assert_eq!(error.code, "cli/usage", "{url}");
        }
        let error = Case::new().file("work/cloche.yaml", "projct: a\n").resolve(&GlobalArgs::default()).unwrap_err();
        assert_eq!(error.code, "cli/project-file");
    }

    #[test]
    fn a_token_never_shows_in_debug() {
        let token = Token { text: "secret".into(), source: TokenSource::Flag };
        assert_eq!(format!("{token:?}"), "Token(Flag)");
    }
}
