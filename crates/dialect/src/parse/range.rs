//! The header `Range: 0-24`, in items.

use crate::DialectError;

/// The records that are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range {
    pub offset: u64,
    pub limit: Option<u64>,
}

/// Reads a `Range` header of a GET request. What is not `first-last` or `first-` is none of ours and ignored, as HTTP and PostgREST have it.
pub fn parse_range(value: &str) -> Result<Option<Range>, DialectError> {
    let value = value.trim();
    let Some((first, last)) = value.strip_prefix("items=").unwrap_or(value).split_once('-') else { return Ok(None) };
    let number =
        |text: &str| text.parse::<i64>().ok().filter(|_| text.bytes().all(|byte| byte.is_ascii_digit())).map(i64::unsigned_abs);
    let Some(offset) = number(first) else { return Ok(None) };
    if last.is_empty() {
        return Ok(Some(Range { offset, limit: None }));
    }
    let Some(last) = number(last) else { return Ok(None) };
    if last < offset {
        let details = "The lower boundary must be lower than or equal to the upper boundary in the Range header.";
        return Err(DialectError::range(details, "Write Range: 0-24, the first record and the last."));
    }
    Ok(Some(Range { offset, limit: Some(last - offset + 1) }))
}
