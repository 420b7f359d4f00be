//! `cloche sql` and `cloche env url`: psql with the environment's own login, whose password is shown once.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use crate::harness::{Server, postgres_bin};
use crate::world::{blog, connect_url, customer};

#[tokio::test]
async fn a_session_is_opened_with_a_credential_that_is_kept() {
    let server = Server::start();
    let root = blog(&server).await;
    let psql = postgres_bin().join("psql");
    let sql = async |more: &[&str]| {
        let fixed = ["sql", "--project", "blog", "--psql", psql.to_str().unwrap()];
        server.cli(&[&fixed[..], more].concat()).await
    };
    // Nobody is there to be asked.
    let asked = sql(&["-c", "select 1"]).await;
    assert!(asked.code == 2 && asked.stderr.contains("--yes"), "{} {}", asked.code, asked.stderr);
    let made = sql(&["--yes", "-c", "select count(*), session_user like 'ce\\_%\\_sql' from posts", "--", "-At"]).await;
    assert_eq!((made.code, made.stdout.trim()), (0, "3|t"), "{}", made.stderr);
    // Now there is one: no question, and the session that uses it goes on.
    let again = sql(&["-c", "select current_setting('server_version_num')::int > 160000", "--", "-At"]).await;
    assert_eq!((again.code, again.stdout.trim()), (0, "t"), "{}", again.stderr);
    let failed = sql(&["-c", "select nothing"]).await;
    assert!(failed.code == 1 && failed.stderr.contains("nothing"), "{} {}", failed.code, failed.stderr);
    // What it may do is what the login may: its own schema, and nobody else's.
    let foreign = sql(&["-c", "select count(*) from cloche.variables"]).await;
    assert!(foreign.code == 1 && foreign.stderr.contains("permission denied"), "{}", foreign.stderr);

    let url = server.cli(&["env", "url", "dev", "--project", "blog"]).await;
    assert_eq!(url.code, 0, "the kept one is printed without a question: {}", url.stderr);
    let client = connect_url(url.stdout.trim()).await;
    assert_eq!(client.query_one("SELECT count(*) FROM posts", &[]).await.unwrap().get::<_, i64>(0), 3);
    drop(client);
    // psql itself takes it as it is printed.
    let output = std::process::Command::new(&psql).args([url.stdout.trim(), "-Atc", "select 1"]).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), "1", "{}", String::from_utf8_lossy(&output.stderr));

    // Somebody else makes a new one: the kept one is refused, and replaced when that is allowed.
    drop(customer(&server.owner(), &root.id).await);
    let refused = sql(&["-c", "select 1"]).await;
    assert!(refused.code == 2 && refused.stdout.is_empty(), "{} {}", refused.code, refused.stderr);
    let renewed = sql(&["--yes", "-c", "select 1", "--", "-At"]).await;
    assert_eq!((renewed.code, renewed.stdout.trim()), (0, "1"), "{}", renewed.stderr);
    let rotated = server.cli(&["env", "url", "dev", "--project", "blog", "--rotate", "--yes", "--json"]).await;
    let rotated: serde_json::Value = serde_json::from_str(&rotated.stdout).unwrap();
    assert_ne!(rotated["url"], url.stdout.trim());
    let last = sql(&["-c", "select 1", "--", "-At"]).await;
    assert_eq!(last.stdout.trim(), "1", "what `env url` made is known to `sql`: {}", last.stderr);
    let json = sql(&["--json", "-c", "select 1"]).await;
    assert!(json.code == 2 && json.stderr.contains("JSON"), "{}", json.stderr);
}

#[tokio::test]
async fn the_kept_credential_is_for_its_owner_alone() {
    let server = Server::start();
    blog(&server).await;
    let made = server.cli(&["env", "url", "dev", "--project", "blog", "--yes"]).await;
    assert_eq!(made.code, 0, "{}", made.stderr);
    let kept = find(&server.scratch(), "config.json").expect("it is kept");
    assert_eq!(fs::metadata(&kept).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(fs::read_to_string(&kept).unwrap().contains(made.stdout.trim()));
    // A server that is elsewhere has other environments, whatever their ids.
    let text = fs::read_to_string(&kept).unwrap();
    assert!(text.contains(&format!("{} ", server.url)), "{text}");
}

fn find(folder: &std::path::Path, name: &str) -> Option<std::path::PathBuf> {
    fs::read_dir(folder)
        .ok()?
        .flatten()
        .map(|entry| entry.path())
        .find_map(|path| if path.is_dir() { find(&path, name) } else { (path.file_name().unwrap() == name).then_some(path) })
}
