//! Branching a source that is in use: no request fails, nothing that was acknowledged is lost.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use crate::client::Api;
use crate::harness::{Server, until};
use crate::world::{Environment, blog, branch};

/// What the users of the source have done.
#[derive(Default)]
struct Traffic {
    stop: AtomicBool,
    reads: AtomicU64,
    acknowledged: Mutex<BTreeSet<String>>,
    failures: Mutex<Vec<String>>,
}

impl Traffic {
    fn acknowledged(&self) -> BTreeSet<String> {
        self.acknowledged.lock().unwrap().clone()
    }

    /// Writes and reads, one after the other, until told to stop. A comment takes its number from a sequence.
    async fn go_on(&self, api: Api, writer: usize) {
        let post = api.rows("/v1/data/posts?select=id&limit=1").await[0]["id"].clone();
        for number in 0.. {
            if self.stop.load(Ordering::Relaxed) {
                return;
            }
            let handle = format!("{writer}-{number}");
            let body = json!({ "handle": handle, "name": "Load" }).to_string();
            match api.try_send("POST", "/v1/data/authors", Some(body)).await {
                Ok(answer) if answer.status == 201 => {
                    self.acknowledged.lock().unwrap().insert(handle.clone());
                }
                other => self.failures.lock().unwrap().push(format!("{other:?}")),
            }
            match api.try_send("POST", "/v1/data/comments", Some(comment(&post))).await {
                Ok(answer) if answer.status == 201 => {}
                other => self.failures.lock().unwrap().push(format!("{other:?}")),
            }
            match api.try_send("GET", &format!("/v1/data/authors?handle=eq.{handle}&select=handle"), None).await {
                Ok(answer) if answer.status == 200 && answer.json() == json!([{ "handle": handle }]) => {
                    self.reads.fetch_add(1, Ordering::Relaxed);
                }
                other => self.failures.lock().unwrap().push(format!("{other:?}")),
            }
        }
    }
}

fn comment(post: &Value) -> String {
    json!({ "post_id": post, "author_name": "Load", "body": "One more." }).to_string()
}

async fn handles(api: &Api) -> BTreeSet<String> {
    let rows = api.rows("/v1/data/authors?name=eq.Load&select=handle").await;
    rows.as_array().unwrap().iter().map(|row| row["handle"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_source_under_load_never_notices() {
    let server = Server::start();
    let owner = server.owner();
    let root = blog(&server).await;
    let traffic = Arc::new(Traffic::default());
    let users: Vec<_> = (0..4)
        .map(|writer| {
            let (traffic, api) = (Arc::clone(&traffic), server.api(&root.secret));
            tokio::spawn(async move { traffic.go_on(api, writer).await })
        })
        .collect();
    until("there is traffic", async || (traffic.reads.load(Ordering::Relaxed) > 50).then_some(())).await;

    for (name, strategy, done) in [("a", "AUTO", "instant"), ("b", "SNAPSHOT", "snapshot"), ("c", "INSTANT", "instant")] {
        let before = traffic.acknowledged();
        let payload = branch(&owner, &root.project, "dev", name, json!({ "strategy": strategy })).await;
        assert_eq!(payload["operation"]["strategy"], done, "{payload:#}");
        let pause = payload["operation"]["pauseMs"].as_f64().unwrap();
        assert!(if done == "snapshot" { pause == 0.0 } else { pause > 0.0 }, "{payload:#}");
        let after = traffic.acknowledged();
        let api = server.api(&Environment::of(&payload).secret);
        let branched = handles(&api).await;
        let lost: Vec<_> = before.difference(&branched).collect();
        assert!(lost.is_empty(), "{strategy}: acknowledged before and not in the branch: {lost:?}");
        // Later ones may be there up to the instant of the copy, and none that was sent after the answer.
        assert!(branched.len() <= after.len() + 4, "{strategy}: {} and {}", branched.len(), after.len());
        let post = api.rows("/v1/data/comments?select=post_id&limit=1").await[0]["post_id"].clone();
        let next = api.try_send("POST", "/v1/data/comments", Some(comment(&post))).await.unwrap();
        assert_eq!(next.status, 201, "{strategy}: the branch numbers its rows from where the source was: {}", next.text);
    }

    traffic.stop.store(true, Ordering::Relaxed);
    for user in users {
        user.await.unwrap();
    }
    assert_eq!(*traffic.failures.lock().unwrap(), Vec::<String>::new());
    assert_eq!(handles(&server.api(&root.secret)).await, traffic.acknowledged());
}

/// Many branches of one source at the same time, with one name among them asked for twice.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn branches_at_the_same_time_do_not_disturb_each_other() {
    let server = Server::start();
    let owner = server.owner();
    let root = blog(&server).await;
    let names = ["one", "two", "three", "three"];
    let made: Vec<_> = names
        .map(|name| {
            let (owner, project) = (owner.clone(), root.project.clone());
            let input = json!({ "projectId": project, "name": name, "sourceEnvironment": "dev", "mode": "full" });
            tokio::spawn(async move { owner.try_to("branchEnvironment", input).await })
        })
        .into();
    let mut payloads: Vec<Value> = Vec::new();
    for task in made {
        payloads.push(task.await.unwrap());
    }
    let (done, refused): (Vec<_>, Vec<_>) = payloads.iter().partition(|payload| payload["success"] == true);
    assert_eq!((done.len(), refused.len()), (3, 1), "{payloads:#?}");
    assert_eq!(refused[0]["code"], "environment/exists");
    for payload in done {
        let api = server.api(&Environment::of(payload).secret);
        assert_eq!(api.rows("/v1/data/posts").await.as_array().unwrap().len(), 3);
    }
}
