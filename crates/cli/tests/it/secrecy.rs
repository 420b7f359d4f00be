//! Looking for secrets where there must be none: keys, tokens and passwords in URLs, by their form. Every answer, every command's
//! output and every log that a test produces is searched.

use serde_json::Value;

/// What secret keys, access tokens, sessions and links begin with.
const STARTS: [&str; 4] = ["sk_", "pat_", "ses_", "lnk_"];
/// Fields of management answers that show a secret this once.
const SHOWN_ONCE: [&str; 4] = ["secret", "token", "url", "link"];
/// Commands that print a secret this once.
const SHOWING: [&[&str]; 11] = [
    &["members", "invite"],
    &["members", "password-link"],
    &["init"],
    &["project", "create"],
    &["env", "create"],
    &["env", "branch"],
    &["env", "undelete"],
    &["env", "url"],
    &["keys", "create"],
    &["keys", "rotate"],
    &["tokens", "create"],
];

/// The first secret in a text, cut short.
pub(crate) fn secret_in(text: &str) -> Option<String> {
    let is_text = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let key = text.split(|c| !is_text(c)).find(|word| {
        let secret = STARTS.iter().find_map(|start| word.find(start).map(|at| &word[at..]));
        secret.is_some_and(|secret| secret.len() > 50)
    });
    let with_password = |rest: &&str| {
        let login =
            rest.split(['/', '?', ' ', '"', '\'', '\n']).next().and_then(|host| host.rsplit_once('@')).map(|(login, _)| login);
        login.and_then(|login| login.split_once(':')).is_some_and(|(_, password)| password.len() > 8)
    };
    let url = || text.split("://").skip(1).find(with_password);
    key.or_else(url).map(|found| format!("{}…", found.chars().take(20).collect::<String>()))
}

/// Secrets must be nowhere but in the one answer that shows them.
pub(crate) fn assert_no_secret(place: &str, text: &str) {
    if let Some(secret) = secret_in(text) {
        panic!("{place} holds a secret: {secret}");
    }
}

/// The same of an answer, where those that are shown once may stand in their own fields.
pub(crate) fn assert_no_secret_in_answer(path: &str, text: &str) {
    match serde_json::from_str::<Value>(text) {
        Ok(mut body) if path.starts_with("/graphql") => {
            without_shown(&mut body["data"]);
            assert_no_secret(path, &body.to_string());
        }
        _ => assert_no_secret(path, text),
    }
}

fn without_shown(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|name, value| !(value.is_string() && SHOWN_ONCE.contains(&name.as_str())));
            fields.values_mut().for_each(without_shown);
        }
        Value::Array(values) => values.iter_mut().for_each(without_shown),
        _ => {}
    }
}

/// Nor in what a command prints, unless showing one is what it is for.
pub(crate) fn assert_no_secret_printed(arguments: &[&str], stdout: &str, stderr: &str) {
    let words: Vec<&str> = arguments.iter().copied().filter(|word| !word.starts_with('-')).collect();
    if !SHOWING.iter().any(|command| words.windows(command.len()).any(|some| some == *command)) {
        assert_no_secret(&format!("what {arguments:?} prints"), stdout);
        assert_no_secret(&format!("what {arguments:?} complains of"), stderr);
    }
}

#[test]
fn a_secret_is_found_wherever_it_stands() {
    let key = format!("sk_dev_{}", "aB3".repeat(21));
    let token = format!("pat_{}", "aB3".repeat(21));
    for text in [
        key.clone(),
        token.replace("pat_", "ses_"),
        format!("http://127.0.0.1:7350/setup#{}", token.replace("pat_", "lnk_")),
        format!("x={key}&y"),
        format!("{{\"key\":\"{token}\"}}"),
        format!("Bearer {token}\n"),
        format!("in/a/path/{key}/x"),
        format!("glued{token}"),
        "postgresql://ce_x_sql:0123456789abcdef@host/db".into(),
        "a line, then \"postgres://me:long-password@/x?host=%2Frun\"".into(),
    ] {
        assert!(secret_in(&text).is_some(), "not found in {text}");
    }
    let prefix = "sk_dev_0123456789ab";
    let harmless = [prefix, "http://127.0.0.1:7350/v1", "pk_dev_x", "ask_me", "postgres://user@host/db", "a: b@c ://x"];
    harmless.into_iter().for_each(|text| assert_eq!(secret_in(text), None, "{text}"));

    let hidden = serde_json::json!({ "data": { "createApiKey": { "secret": key, "message": "made" } } }).to_string();
    assert_no_secret_in_answer("/graphql", &hidden);
    let told = serde_json::json!({ "data": { "createApiKey": { "secret": key, "message": key } } }).to_string();
    for (path, text) in [("/graphql", &told), ("/v1/data/x", &hidden)] {
        assert!(std::panic::catch_unwind(|| assert_no_secret_in_answer(path, text)).is_err(), "{path}: {text}");
    }
    assert_no_secret_printed(&["--json", "keys", "rotate", "--yes"], &key, "");
    assert!(std::panic::catch_unwind(|| assert_no_secret_printed(&["keys", "list"], &key, "")).is_err());
}
