//! Rows as PostgreSQL sent them, whichever connection they came over: nothing is unpacked before it is needed.

use std::sync::Arc;

use bytes::{BufMut as _, Bytes, BytesMut};
use tokio_postgres::types::{FromSql, Type};

use crate::error::{Error, Result};

/// What stands before a row's values: the message's tag and length, and how many values there are.
const HEAD: usize = 7;
/// The message of one row.
pub(super) const TAG: u8 = b'D';

/// A column of rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Column {
    pub(crate) name: Box<str>,
    pub(crate) type_oid: u32,
}

/// The rows of one statement, whose values are in PostgreSQL's binary format.
#[derive(Debug, Clone)]
pub(crate) struct Rows {
    columns: Arc<[Column]>,
    /// `DataRow` messages, whole ones, one behind the other in each.
    messages: Vec<Bytes>,
    len: usize,
}

/// One of them.
#[derive(Clone, Copy)]
pub(crate) struct Row<'a> {
    /// What it is a part of.
    whole: &'a Bytes,
    /// Its values, each with its length before it.
    values: &'a [u8],
}

impl Rows {
    /// `len` rows of these columns. `messages` hold whole `DataRow` messages.
    pub(super) fn new(columns: Arc<[Column]>, messages: Vec<Bytes>, len: usize) -> Self {
        Self { columns, messages, len }
    }

    /// None, of no columns.
    pub(crate) fn none() -> Self {
        Self { columns: Arc::new([]), messages: Vec::new(), len: 0 }
    }

    /// Those of a connection that the driver looks after.
    pub(crate) fn of_driver(rows: &[tokio_postgres::Row]) -> Result<Self> {
        let Some(first) = rows.first() else { return Ok(Self::none()) };
        let columns = first.columns().iter();
        let columns = columns.map(|column| Column { name: column.name().into(), type_oid: column.type_().oid() }).collect();
        let mut message = BytesMut::with_capacity(rows.iter().map(|row| row.raw_size_bytes() + HEAD + 4 * row.len()).sum());
        for row in rows {
            let start = message.len();
            message.put_u8(TAG);
            message.put_i32(0);
            message.put_i16(i16::try_from(row.len()).map_err(Error::internal)?);
            for at in 0..row.len() {
                match row.try_get::<_, Option<Raw<'_>>>(at).map_err(Error::internal)? {
                    Some(Raw(value)) => {
                        message.put_i32(i32::try_from(value.len()).map_err(Error::internal)?);
                        message.extend_from_slice(value);
                    }
                    None => message.put_i32(-1),
                }
            }
            let length = i32::try_from(message.len() - start - 1).map_err(Error::internal)?;
            message[start + 1..start + 5].copy_from_slice(&length.to_be_bytes());
        }
        Ok(Self { columns, messages: vec![message.freeze()], len: rows.len() })
    }

    pub(crate) fn columns(&self) -> &[Column] {
        &self.columns
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Bytes, of all of them.
    pub(crate) fn size(&self) -> usize {
        self.messages.iter().map(Bytes::len).sum()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = Row<'_>> {
        self.messages.iter().flat_map(|whole| {
            let mut rest = &whole[..];
            std::iter::from_fn(move || {
                let length = u32::from_be_bytes(*rest.get(1..5)?.first_chunk()?);
                let message = rest.split_off(..1 + length as usize)?;
                Some(Row { whole, values: message.get(HEAD..)? })
            })
        })
    }

    pub(crate) fn first(&self) -> Option<Row<'_>> {
        self.iter().next()
    }

    pub(crate) fn last(&self) -> Option<Row<'_>> {
        self.iter().last()
    }
}

impl<'a> Row<'a> {
    /// Its values from left to right; none for NULL.
    pub(crate) fn values(&self) -> impl Iterator<Item = Option<&'a [u8]>> + use<'a> {
        let mut rest = self.values;
        std::iter::from_fn(move || {
            let (length, after) = rest.split_first_chunk()?;
            rest = after;
            match usize::try_from(i32::from_be_bytes(*length)) {
                Ok(length) => rest.split_off(..length).map(Some),
                // Minus one.
                Err(_) => Some(None),
            }
        })
    }

    /// Bytes of its values.
    pub(crate) fn size(&self) -> usize {
        self.values.len()
    }

    fn value(&self, at: usize) -> Result<Option<&'a [u8]>> {
        self.values().nth(at).ok_or_else(|| Error::internal(format!("a row without column {at}")))
    }

    /// A `bigint`, which is not NULL.
    pub(crate) fn number(&self, at: usize) -> Result<i64> {
        let value = self.value(at)?.and_then(|value| value.try_into().ok());
        value.map(i64::from_be_bytes).ok_or_else(|| Error::internal(format!("column {at} is no bigint")))
    }

    /// A text, JSON among them; none for NULL.
    pub(crate) fn text(&self, at: usize) -> Result<Option<&'a str>> {
        self.value(at)?.map(std::str::from_utf8).transpose().map_err(Error::internal)
    }

    /// The same without copying it, checked or not.
    pub(crate) fn bytes(&self, at: usize) -> Result<Option<Bytes>> {
        Ok(self.value(at)?.map(|value| self.whole.slice_ref(value)))
    }
}

/// A value's bytes as they came, whatever its type.
struct Raw<'a>(&'a [u8]);

impl<'a> FromSql<'a> for Raw<'a> {
    fn from_sql(_: &Type, raw: &'a [u8]) -> std::result::Result<Self, Box<dyn std::error::Error + Sync + Send>> {
        Ok(Self(raw))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(values: &[Option<&[u8]>]) -> Vec<u8> {
        let mut body = (values.len() as i16).to_be_bytes().to_vec();
        for value in values {
            body.extend(value.map_or(-1, |value| value.len() as i32).to_be_bytes());
            body.extend(value.unwrap_or_default());
        }
        [&[TAG][..], &(body.len() as i32 + 4).to_be_bytes(), &body].concat()
    }

    #[test]
    fn values_are_read_where_they_lie() {
        let two =
            [message(&[Some(&7_i64.to_be_bytes()), None, Some(b"one")]), message(&[None, Some(b""), Some(b"two")])].concat();
        let third = message(&[None, None, Some(b"three")]);
        let rows = Rows::new(Arc::new([]), vec![two.into(), third.into()], 3);
        let texts: Vec<_> = rows.iter().map(|row| row.text(2).unwrap()).collect();
        assert_eq!(texts, [Some("one"), Some("two"), Some("three")]);
        let (first, last) = (rows.first().unwrap(), rows.last().unwrap());
        assert_eq!((first.number(0).unwrap(), first.text(1).unwrap()), (7, None));
        assert_eq!(last.bytes(2).unwrap().as_deref(), Some(&b"three"[..]));
        assert!(first.number(1).is_err() && first.text(3).is_err());
        assert_eq!(first.values().count(), 3);
    }

    #[test]
    fn what_is_cut_short_ends() {
        let whole = message(&[Some(b"value")]);
        for length in 0..whole.len() {
            let rows = Rows::new(Arc::new([]), vec![Bytes::copy_from_slice(&whole[..length])], 1);
            assert!(rows.first().is_none_or(|row| row.text(0).is_err()), "{length}");
        }
        let mut lying = whole;
        lying[1..5].copy_from_slice(&3_i32.to_be_bytes());
        assert!(Rows::new(Arc::new([]), vec![lying.into()], 1).first().is_none());
    }
}
