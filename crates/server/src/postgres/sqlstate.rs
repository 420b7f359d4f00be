//! What PostgreSQL's errors mean to the caller of the data plane.
//!
//! `code` of such an error is the SQLSTATE; [`problem_type`] gives the name in this API's own words.

use std::time::Duration;

use tokio_postgres::error::{DbError, SqlState};

use crate::error::Error;

/// A function that was there when the schema was read.
pub(crate) const UNDEFINED_FUNCTION: &str = "42883";
/// A table that was there when the schema was read.
pub(crate) const UNDEFINED_TABLE: &str = "42P01";
/// A column that was there when the schema was read.
pub(crate) const UNDEFINED_COLUMN: &str = "42703";
/// A type that was there when the schema was read.
pub(crate) const UNDEFINED_TYPE: &str = "42704";
/// Among other things: a column that has another type since the schema was read.
pub(crate) const TYPE_MISMATCH: &str = "42804";
/// A prepared statement that the server does not have.
pub(crate) const UNDEFINED_STATEMENT: &str = "26000";
/// Among other things: the type of a prepared statement's parameter is there no more.
pub(crate) const INTERNAL: &str = "XX000";
/// A value that is not of the type's form.
pub(crate) const INVALID_TEXT: &str = "22P02";
/// Among other things: a plan made before the schema changed.
pub(crate) const FEATURE_NOT_SUPPORTED: &str = "0A000";

/// The error to answer with. What PostgreSQL says is shown when it is about the request or the data, else only logged.
pub(crate) fn to_error(error: tokio_postgres::Error) -> Error {
    let Some(db) = error.as_db_error() else {
        return error.into();
    };
    if let Some(refused) = refused(db) {
        return refused;
    }
    if let Some(status) = chosen_status(db.code().code()) {
        return describe(Error::raised(status, db.code().code(), db.message()), db);
    }
    let answer = match outcome(db.code().code()) {
        Outcome::BadInput => Error::bad_input,
        Outcome::Conflict => Error::conflict,
        Outcome::Forbidden => Error::forbidden,
        Outcome::Retry(sentence, seconds) => {
            let answer = Error::unavailable(db.code().code(), sentence, Duration::from_secs(seconds));
            return Error { source: Some(error.into()), ..answer };
        }
        Outcome::Internal => return Error::internal(error),
    };
    describe(answer(db.code().code(), db.message()), db)
}

/// The same for a statement that changes something: it may have, unless PostgreSQL says what came of it.
pub(crate) fn to_error_of_change(error: tokio_postgres::Error) -> Error {
    if error.is_closed() { Error::unknown_outcome(error) } else { to_error(error) }
}

/// What `cloche.refuse` raised.
fn refused(db: &DbError) -> Option<Error> {
    let number = db.message();
    Some(match db.code().code() {
        // For want of a reason of its own, which older environments would not know.
        "CL001" if number != "0" => Error::bad_input("54000", format!("The answer would have more than {number} bytes."))
            .hint("Embed fewer records: give what is embedded a limit, as in comments.limit=10, or select less of it."),
        "CL001" => {
            Error::forbidden("42501", "A record would be one that you may not write, or may not see; nothing was changed.")
                .hint("The access rules of the table say which records you may write and read.")
        }
        "CL002" => not_exactly_one(number),
        "CL003" => Error::bad_input("PGRST124", "Query result exceeds max-affected preference constraint")
            .details(format!("The query affects {number} rows"))
            .hint("Nothing was changed. Use narrower filters, or a larger max-affected."),
        _ => return None,
    })
}

/// The status in `PTxyz`, PostgREST's way for a function to choose one; of those that tell of a failure.
fn chosen_status(code: &str) -> Option<u16> {
    code.strip_prefix("PT")?.parse().ok().filter(|status| (400..=599).contains(status))
}

/// The single-object form was asked for, and `found` is how many records there are.
pub(crate) fn not_exactly_one(found: impl std::fmt::Display) -> Error {
    Error::not_acceptable("PGRST116", "The answer is not exactly one record; nothing was changed.")
        .details(format!("The result contains {found} rows"))
        .hint("Use filters that fit one record, or ask for application/json.")
}

/// The same for statements that hold what somebody wrote in a definition: there, more is theirs to mend.
pub(crate) fn to_definition_error(error: tokio_postgres::Error) -> Error {
    let Some(db) = error.as_db_error().filter(|db| matches!(db.code().code(), "42601" | "42501" | "2BP01" | "3F000")) else {
        return to_error(error);
    };
    let mut answer = Error::bad_input(db.code().code(), db.message());
    answer.details = db.detail().map(str::to_owned);
    answer
}

/// The problem type of an error code: the name in this API's words for a SQLSTATE or one of PostgREST's codes, any other
/// code itself.
pub(crate) fn problem_type(code: &str) -> &str {
    match code {
        "PGRST102" => return "request/invalid-body",
        "PGRST103" => return "request/out-of-range",
        "PGRST116" => return "record/not-exactly-one",
        "PGRST204" => return "column/not-found",
        "PGRST100" | "PGRST108" | "PGRST122" => return "request/malformed-parameter",
        "PGRST105" | "PGRST115" => return "request/not-one-record",
        "PGRST118" | "PGRST120" | "PGRST127" => return "request/not-applicable",
        "PGRST123" => return "environment/aggregates-off",
        "PGRST124" | "PGRST128" => return "record/too-many",
        "PGRST200" => return "relationship/not-found",
        "PGRST201" => return "relationship/ambiguous",
        "PGRST202" => return "function/not-found",
        "PGRST203" => return "function/ambiguous",
        "PGRST205" => return "table/not-found",
        "PGRST301" => return "token/invalid",
        "PGRST303" => return "token/expired",
        _ => {}
    }
    let is_sqlstate = code.len() == 5 && code.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
    if !is_sqlstate {
        return code;
    }
    match code {
        "23505" => "record/unique",
        "23503" => "record/foreign-key",
        "23502" => "record/not-null",
        "23514" => "record/check",
        "23P01" => "record/exclusion",
        "44000" => "record/check-option",
        "428C9" => "column/generated",
        "42501" => "access/denied",
        "42883" => "filter/not-applicable",
        TYPE_MISMATCH => "value/type-mismatch",
        UNDEFINED_TABLE => "table/not-found",
        UNDEFINED_COLUMN => "column/not-found",
        FEATURE_NOT_SUPPORTED => "request/not-supported",
        "57014" => "statement/timeout",
        "55P03" => "lock/timeout",
        "40001" | "40P01" => "record/serialization",
        _ => match &code[..2] {
            "22" => "value/invalid",
            "23" => "record/constraint",
            "42" => "request/not-applicable",
            "54" => "request/too-complex",
            "P0" | "PT" => "record/raised",
            "40" | "53" | "57" | "08" | "28" | "3D" => "database/unavailable",
            _ => "database/refused",
        },
    }
}

enum Outcome {
    BadInput,
    Conflict,
    Forbidden,
    /// What to say instead of PostgreSQL's words, and after how many seconds to try again.
    Retry(&'static str, u64),
    Internal,
}

fn outcome(code: &str) -> Outcome {
    match code {
        "23505" | "23503" | "23P01" => Outcome::Conflict,
        "42501" => Outcome::Forbidden,
        "55P03" => Outcome::Retry("Another transaction holds a lock that this request needs.", 1),
        "55006" => Outcome::Retry("The database is busy with something that this request cannot share.", 1),
        "57014" => Outcome::Retry("The statement took longer than it may and was stopped; nothing was changed.", 5),
        // This server writes the SQL: it must parse and find its statements.
        "42601" | "26000" => Outcome::Internal,
        _ => match &code[..2] {
            "40" => Outcome::Retry("The request met another one that changed the same records; nothing was changed.", 1),
            "08" | "25" | "28" | "3D" | "53" | "57" => Outcome::Retry("The database cannot answer at the moment.", 2),
            // What is broken, and not by this request.
            "09" | "2D" | "3B" | "58" | "F0" | "HV" | "XX" => Outcome::Internal,
            // The rest is raised by functions and triggers of the environment's own, with whatever code they like.
            _ => Outcome::BadInput,
        },
    }
}

fn describe(mut error: Error, db: &DbError) -> Error {
    // "Failing row contains …" shows a whole record, also to callers who may write and not read; "conflicts with existing key …" values
    // of one that they may not see.
    let shows_a_record = matches!(
        *db.code(),
        SqlState::NOT_NULL_VIOLATION
            | SqlState::CHECK_VIOLATION
            | SqlState::WITH_CHECK_OPTION_VIOLATION
            | SqlState::EXCLUSION_VIOLATION
    );
    error.details = db.detail().filter(|_| !shows_a_record).map(str::to_owned);
    // PostgreSQL's own hints speak to those who write the SQL.
    error.hint = own_hint(db.code().code()).or(db.hint()).map(str::to_owned);
    match (db.code().code(), db.column()) {
        ("23502", Some(column)) => error.field(column, "required", format!("'{column}' must have a value.")),
        _ => error,
    }
}

fn own_hint(code: &str) -> Option<&'static str> {
    Some(match code {
        "23505" => "Use another value, or change the record that has this one.",
        "23503" => "Both records of a reference must exist; create or keep the other one first.",
        "23502" => "Give the column a value.",
        "23514" => "Give a value that the table's check allows.",
        "428C9" => "Leave the column out: the database makes its value.",
        "42883" | "42804" => "The operator or value does not suit the type of the column.",
        UNDEFINED_TABLE | UNDEFINED_COLUMN => "The schema has changed a moment ago; check the names.",
        INVALID_TEXT | "22007" | "22008" | "22003" => "Give a value of the column's type.",
        "22001" => "Give a shorter value.",
        "54001" => "Send a simpler request, or several.",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_database_errors() {
        let named = ["23505", "23503", "22P02", "42703", "57014", "XX000", "record/not-found", "PGRST204"].map(problem_type);
        let expected = [
            "record/unique",
            "record/foreign-key",
            "value/invalid",
            "column/not-found",
            "statement/timeout",
            "database/refused",
            "record/not-found",
            "column/not-found",
        ];
        assert_eq!(named, expected);
    }

    #[test]
    fn functions_choose_statuses_of_failures_alone() {
        assert_eq!(
            ["PT402", "PT599", "PT200", "PT4021", "PTabc", "P0001"].map(chosen_status),
            [Some(402), Some(599), None, None, None, None]
        );
    }

    #[test]
    fn our_own_mistakes_are_not_the_callers() {
        assert!(matches!(outcome("42601"), Outcome::Internal));
        assert!(matches!(outcome("XX000"), Outcome::Internal));
        assert!(matches!(outcome("22P02"), Outcome::BadInput));
        assert!(matches!(outcome("45000"), Outcome::BadInput));
        assert!(matches!(outcome("23505"), Outcome::Conflict));
        assert!(matches!(outcome("55P03"), Outcome::Retry(_, 1)));
    }
}
