//! The transition function as a table.

use cloche_saga::{Event, Failure, InvalidLog, Next, Plan, next};
use serde_json::Value;

/// Reads a log such as `a> a= b> b!`: `>` started, `=` succeeded, `!` failed, `<` undo started, `0` undone, `?` undo
/// failed, `*` retried.
fn log(text: &str) -> Vec<Event> {
    let read = |word: &str| {
        let (step, sign) = word.split_at(1);
        let (step, code, message, hint) = (step.to_owned(), "code".to_owned(), word.to_owned(), Some("hint".to_owned()));
        match sign {
            ">" => Event::Started { step },
            "=" => Event::Succeeded { step, detail: Value::Null },
            "!" => Event::Failed { step, code, message, hint },
            "<" => Event::UndoStarted { step },
            "0" => Event::Undone { step },
            "?" => Event::UndoFailed { step, code, message, hint },
            "*" => Event::Retried { step },
            _ => panic!("unknown sign in {word}"),
        }
    };
    text.split_whitespace().map(read).collect()
}

fn plan(point_of_no_return: Option<usize>) -> Plan {
    Plan { steps: vec!["a".into(), "b".into(), "c".into()], point_of_no_return, tries: 2 }
}

fn failure(step: &str) -> Failure {
    Failure { step: step.into(), code: "code".into(), message: format!("{step}!"), hint: Some("hint".into()) }
}

fn stuck(step: usize, message: &str, undoing: bool, because: &str) -> Next {
    Next::Stuck { step, message: message.into(), hint: Some("hint".into()), undoing, failure: failure(because) }
}

#[test]
fn what_comes_next_follows_from_the_log() {
    let rolled_back = |step| Next::RolledBack { failure: failure(step) };
    let table = [
        // Forward, with crashes between any two events.
        (None, "", Next::Run(0)),
        (None, "a>", Next::Run(0)),
        (None, "a> a>", Next::Run(0)),
        (None, "a> a=", Next::Run(1)),
        (None, "a> a= b> b= c>", Next::Run(2)),
        (None, "a> a= b> b= c> c=", Next::Done),
        (None, "a> a> a= b> b> b> b= c> c=", Next::Done),
        // A failure unwinds everything that was started, the failed step included, and nothing else.
        (None, "a> a!", Next::Undo(0)),
        (None, "a> a! a<", Next::Undo(0)),
        (None, "a> a! a< a0", rolled_back("a")),
        (None, "a> a= b> b!", Next::Undo(1)),
        (None, "a> a= b> b! b< b<", Next::Undo(1)),
        (None, "a> a= b> b! b< b0", Next::Undo(0)),
        (None, "a> a= b> b! b< b0 a< a0", rolled_back("b")),
        // An undo is tried `tries` times in a row; a crash is not a failure.
        (None, "a> a= b> b! b< b?", Next::Undo(1)),
        (None, "a> a= b> b! b< b< b< b?", Next::Undo(1)),
        (None, "a> a= b> b! b< b? b< b?", stuck(1, "b?", true, "b")),
        (None, "a> a= b> b! b< b? b< b0", Next::Undo(0)),
        (None, "a> a= b> b! b< b? b< b0 a< a?", Next::Undo(0)),
        (None, "a> a= b> b! b< b? b< b? b*", Next::Undo(1)),
        (None, "a> a= b> b! b< b? b< b? b* b< b?", Next::Undo(1)),
        (None, "a> a= b> b! b< b? b< b? b* b< b? b< b?", stuck(1, "b?", true, "b")),
        (None, "a> a= b> b! b< b? b< b? b* b< b0 a< a0", rolled_back("b")),
        // Before the point of no return nothing changes.
        (Some(1), "a> a!", Next::Undo(0)),
        // From it on, a failed step is tried again.
        (Some(1), "a> a= b>", Next::Run(1)),
        (Some(1), "a> a= b> b!", Next::Run(1)),
        (Some(1), "a> a= b> b! b>", Next::Run(1)),
        (Some(1), "a> a= b> b! b> b!", stuck(1, "b!", false, "b")),
        (Some(1), "a> a= b> b! b> b! b*", Next::Run(1)),
        (Some(1), "a> a= b> b! b> b! b* b> b!", Next::Run(1)),
        (Some(1), "a> a= b> b! b> b= c> c!", Next::Run(2)),
        (Some(1), "a> a= b> b! b> b= c> c! c> c!", stuck(2, "c!", false, "c")),
        (Some(1), "a> a= b> b! b> b= c> c! c> c=", Next::Done),
        // A log from a time when more tries were allowed.
        (Some(1), "a> a= b> b! b> b! b> b!", stuck(1, "b!", false, "b")),
        (Some(1), "a> a= b> b! b> b! b>", Next::Run(1)),
    ];
    for (point, text, expected) in table {
        assert_eq!(next(&plan(point), &log(text)), Ok(expected), "{text} with {point:?}");
    }
}

#[test]
fn no_steps_are_done_and_no_tries_are_one() {
    assert_eq!(next(&Plan { steps: vec![], point_of_no_return: None, tries: 2 }, &[]), Ok(Next::Done));
    let plan = Plan { tries: 0, ..plan(Some(0)) };
    assert_eq!(next(&plan, &[]), Ok(Next::Run(0)));
    assert_eq!(next(&plan, &log("a> a!")), Ok(stuck(0, "a!", false, "a")));
}

#[test]
fn an_impossible_log_is_an_error() {
    let table = [
        (None, "b>", 0),
        (None, "a=", 0),
        (None, "a!", 0),
        (None, "a<", 0),
        (None, "a*", 0),
        (None, "a> b>", 1),
        (None, "a> a<", 1),
        (None, "a> a*", 1),
        (None, "a> a= a=", 2),
        (None, "a> a= a>", 2),
        (None, "a> a= c>", 2),
        (None, "a> a= b> a!", 3),
        (None, "a> a! a>", 2),
        (None, "a> a! a0", 2),
        (None, "a> a! a?", 2),
        (None, "a> a! a*", 2),
        (None, "a> a= b> b! a<", 4),
        (None, "a> a= b> b! c<", 4),
        (None, "a> a! a< a0 a<", 4),
        (None, "a> a! a< a? a?", 4),
        (None, "a> a= b> b= c> c= c<", 6),
        (None, "a> a= b> b= c> c= c>", 6),
        (Some(1), "a> a= b> b! b<", 4),
        (Some(1), "a> a= b> b! b=", 4),
    ];
    for (point, text, at) in table {
        match next(&plan(point), &log(text)) {
            Err(InvalidLog::OutOfOrder { seq, .. }) => assert_eq!(seq, at, "{text} with {point:?}"),
            other => panic!("{text} with {point:?}: {other:?}"),
        }
    }
    let unknown = next(&plan(None), &log("a> a= x>"));
    assert_eq!(unknown, Err(InvalidLog::UnknownStep { seq: 2, step: "x".into() }));
    let message = next(&plan(None), &log("a> b>")).unwrap_err().to_string();
    assert!(message.ends_with(r#"expected the outcome of "a""#), "{message}");
}
