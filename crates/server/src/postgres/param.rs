//! Values on their way into a statement: always text, so that PostgreSQL infers and checks their types.

use std::borrow::Cow;
use std::error::Error as StdError;
use std::fmt;

use bytes::BytesMut;
use tokio_postgres::types::{Format, IsNull, ToSql, Type};

/// One bound value in PostgreSQL's text format, for a parameter of any type. `None` is NULL.
///
/// Debug shows no value: the driver prints parameters when it logs.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct TextParam<'a>(pub(crate) Option<Cow<'a, str>>);

impl<'a> TextParam<'a> {
    pub(crate) fn new(value: impl Into<Cow<'a, str>>) -> Self {
        Self(Some(value.into()))
    }
}

impl fmt::Debug for TextParam<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TextParam(…)")
    }
}

impl ToSql for TextParam<'_> {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn StdError + Sync + Send>> {
        match &self.0 {
            Some(text) => {
                out.extend_from_slice(text.as_bytes());
                Ok(IsNull::No)
            }
            None => Ok(IsNull::Yes),
        }
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    fn encode_format(&self, _: &Type) -> Format {
        Format::Text
    }

    fn to_sql_checked(&self, type_: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn StdError + Sync + Send>> {
        self.to_sql(type_, out)
    }
}
