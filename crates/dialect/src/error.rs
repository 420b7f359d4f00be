//! What is wrong with a request, in PostgREST's words and codes.

/// Characters of the caller's text that an error repeats. A list may have ten thousand values; its beginning tells enough.
const MAX_REPEATED: usize = 120;

/// A request that cannot be understood. Its caller can mend it: all of this is shown.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct DialectError {
    /// PostgREST's: `PGRST100` what cannot be parsed, `PGRST103` a range that cannot be, `PGRST108` a parameter about a resource that
    /// is not embedded, `PGRST122` preferences that are not understood.
    pub code: &'static str,
    pub message: String,
    pub details: Option<String>,
    pub hint: Option<String>,
}

impl DialectError {
    /// Something that cannot be parsed.
    pub(crate) fn malformed(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { code: "PGRST100", message: message.into(), details: None, hint: Some(hint.into()) }
    }

    /// A range of records that cannot be. PostgREST answers it with 416.
    pub(crate) fn range(details: &str, hint: &str) -> Self {
        let message = "Requested range not satisfiable".to_owned();
        Self { code: "PGRST103", message, details: Some(details.to_owned()), hint: Some(hint.to_owned()) }
    }
}

/// The beginning of `text`, for an error.
pub(crate) fn shortened(text: &str) -> String {
    match text.char_indices().nth(MAX_REPEATED) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
