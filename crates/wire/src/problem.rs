//! The error envelope of every HTTP answer: RFC 9457 with the members Supabase clients read.

use serde::{Deserialize, Serialize};

/// `application/problem+json`. `code` is stable (`noun/reason`), or the SQLSTATE of a database error.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// A URI reference that names the kind of problem.
    #[serde(rename = "type")]
    pub type_: String,
    /// The HTTP status in words.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What went wrong with this request; the same text as `message`.
    pub detail: String,
    /// Stable and machine-readable.
    pub code: String,
    /// What went wrong with this request.
    pub message: String,
    /// More about it, such as PostgreSQL's detail.
    pub details: Option<String>,
    /// What to do next.
    pub hint: Option<String>,
    /// The id under which the server logged this request.
    pub request_id: String,
    /// The fields of the input that were refused, if it was that.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldError>,
    /// What Supabase's auth clients call it, where they have a name for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_code: Option<String>,
    /// The same text as `message`, where those clients look for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub msg: Option<String>,
}

/// One refused field of an input.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldError {
    /// Its path in the input, such as `input.name`.
    pub field: String,
    /// The rule it broke, such as `required`.
    pub rule: String,
    /// The rule in a sentence.
    pub message: String,
}
