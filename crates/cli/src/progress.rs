//! Shows an operation's steps while the request that started it waits for its end.

use std::cell::RefCell;
use std::collections::HashSet;
use std::convert::Infallible;
use std::future::Future;
use std::time::Duration;

use chrono::DateTime;
use console::style;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::json;
use uuid::Uuid;

use crate::client::Client;
use crate::error::Result;
use crate::model::{Operation, Step};
use crate::printer::{Printer, milliseconds};

/// How often the operation is looked at.
const POLL: Duration = Duration::from_millis(100);
const OPERATION: &str = "query Operation($id: ID!) { operation(id: $id) { ...OperationFields } }";

/// An id for an operation that is about to start, so that it can be watched from its first step on.
pub(crate) fn new_id() -> Uuid {
    Uuid::now_v7()
}

/// Awaits `call`, showing the steps of operation `id` meanwhile: a bar on a terminal, else one line a finished step.
pub(crate) async fn watch<T>(
    client: &Client,
    printer: Printer,
    id: Uuid,
    title: &str,
    call: impl Future<Output = Result<T>>,
) -> Result<T> {
    let view = RefCell::new(View::new(printer, title));
    let result = tokio::select! {
        result = call => result,
        never = poll(client, id, &view) => match never {},
    };
    // The last steps may have ended between the last look and the answer.
    if let Some(operation) = look(client, id).await {
        view.borrow_mut().show(&operation);
    }
    view.borrow_mut().close();
    result
}

async fn poll(client: &Client, id: Uuid, view: &RefCell<View>) -> Infallible {
    loop {
        tokio::time::sleep(POLL).await;
        if let Some(operation) = look(client, id).await {
            view.borrow_mut().show(&operation);
        }
    }
}

/// The operation as it is now. Not being able to look is no error: the answer of the request itself decides.
async fn look(client: &Client, id: Uuid) -> Option<Operation> {
    client.query::<Option<Operation>>(OPERATION, json!({ "id": id })).await.ok().flatten()
}

/// What has been shown so far.
struct View {
    printer: Printer,
    bar: Option<ProgressBar>,
    told: HashSet<String>,
}

impl View {
    fn new(printer: Printer, title: &str) -> Self {
        let bar = console::Term::stderr().is_term().then(|| {
            let style = ProgressStyle::with_template("{spinner:.cyan} [{bar:24.cyan}] {pos}/{len} {msg} {elapsed:.dim}")
                .expect("the template is fixed and valid")
                .progress_chars("━╸ ");
            let bar = ProgressBar::with_draw_target(Some(1), ProgressDrawTarget::stderr()).with_style(style);
            bar.set_message(title.to_owned());
            bar.enable_steady_tick(POLL);
            bar
        });
        Self { printer, bar, told: HashSet::new() }
    }

    fn show(&mut self, operation: &Operation) {
        let (undone, forward): (Vec<&Step>, Vec<&Step>) = operation.steps.iter().partition(|step| step.status == "undone");
        // Undoing goes backwards.
        for step in forward.into_iter().chain(undone.into_iter().rev()) {
            let ended = matches!(step.status.as_str(), "done" | "failed" | "undone");
            // The status is part of what was told: a step that is undone later is told again.
            if ended && self.told.insert(format!("{} {}", step.name, step.status)) {
                let line = step_line(step);
                match &self.bar {
                    Some(bar) => bar.println(line),
                    None => self.printer.note(line),
                }
            }
        }
        if let Some(bar) = &self.bar {
            bar.set_length(operation.steps.len() as u64);
            bar.set_position(operation.steps.iter().filter(|step| step.status == "done").count() as u64);
            if let Some(step) = operation.steps.iter().find(|step| step.status == "running") {
                bar.set_message(step.title.clone());
            }
        }
    }

    fn close(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }
}

fn step_line(step: &Step) -> String {
    let mark = match step.status.as_str() {
        "done" => style("✓").for_stderr().green(),
        "undone" => style("↩").for_stderr().yellow(),
        _ => style("✗").for_stderr().red(),
    };
    let took = took(step).map(|ms| format!("  {}", milliseconds(ms))).unwrap_or_default();
    let detail = step.detail.as_ref().and_then(in_words).map(|words| format!("  {words}")).unwrap_or_default();
    let word = if step.status == "done" { String::new() } else { format!(" ({})", step.status) };
    format!("{mark} {}{word}{}{}", step.title, style(took).for_stderr().dim(), style(detail).for_stderr().dim())
}

/// What a step says of itself, where people want to know it.
fn in_words(detail: &serde_json::Value) -> Option<String> {
    let text = |name: &str| detail.get(name).and_then(serde_json::Value::as_str);
    if let Some(message) = text("message") {
        return Some(message.to_owned());
    }
    if let (Some(strategy), Some(reason)) = (text("strategy"), text("reason")) {
        return Some(format!("{strategy}: {reason}"));
    }
    let count = |name: &str| detail.get(name).and_then(serde_json::Value::as_u64);
    let compared = count("compared").map(|count| format!("{count} objects are the same"));
    compared.or_else(|| {
        count("variables")
            .map(|count| if count == 1 { "1 variable resealed".to_owned() } else { format!("{count} variables resealed") })
    })
}

/// How long the step took, in milliseconds.
fn took(step: &Step) -> Option<f64> {
    let read = |text: &Option<String>| DateTime::parse_from_rfc3339(text.as_deref()?).ok();
    let span = read(&step.finished_at)? - read(&step.started_at)?;
    span.num_microseconds().map(|us| us.max(0) as f64 / 1_000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_is_one_line() {
        let step = Step {
            name: "copy".into(),
            title: "Copy the database".into(),
            status: "done".into(),
            started_at: Some("2026-11-21T06:00:00.000Z".into()),
            finished_at: Some("2026-11-21T06:00:00.310Z".into()),
            detail: Some(serde_json::json!({ "strategy": "instant", "reason": "small", "pauseMs": 3.5 })),
        };
        assert_eq!(console::strip_ansi_codes(&step_line(&step)), "✓ Copy the database  310 ms  instant: small");
        let failed = Step { status: "failed".into(), finished_at: None, detail: None, ..step };
        assert_eq!(console::strip_ansi_codes(&step_line(&failed)), "✗ Copy the database (failed)");
    }
}
