//! JSON out of rows in PostgreSQL's binary format, byte for byte as its own `row_to_json` and `json_agg` write it.
//!
//! PostgreSQL is quicker at sending a row than at writing it as JSON, so a flat select is written here. What is written
//! depends on the session's settings as well: `OUTPUT_OPTIONS` of the connections holds them fast. A type that is not known
//! here is left to PostgreSQL: [`Encoder::for_columns`] then answers nothing.

mod number;
mod text;
mod time;

use std::sync::Arc;

use bytes::Bytes;
use tokio_postgres::types::{Kind as TypeKind, Type};

use super::rows::{Row, Rows};
use super::sqlstate;
use crate::error::{Error, Result};

/// What all connections that answer requests are opened with: the settings that `row_to_json` heeds. Given at the start of a
/// connection they stand above what a login or a database is set to, and `DISCARD ALL` returns to them.
pub(crate) const OUTPUT_OPTIONS: &str =
    "-c TimeZone=UTC -c DateStyle=ISO,MDY -c IntervalStyle=postgres -c extra_float_digits=1 -c bytea_output=hex";

/// How the names of columns begin that come behind the record's own and are no part of it.
pub(crate) const BESIDE: &str = "cloche:";

/// Bytes an array may be longer in JSON than in the rows, for each of them; only how much is reserved at first.
const ROW_MARGIN: usize = 64;

/// How the values of a column are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    One(Scalar),
    /// An array of any number of dimensions.
    Array(Scalar),
}

/// A value that is no array.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scalar {
    Bool,
    Int2,
    Int4,
    Int8,
    Float4,
    Float8,
    Numeric,
    /// Whatever is sent as its text: strings, names, enums.
    Text,
    /// PostgreSQL's `"char"`, a byte.
    Char,
    Uuid,
    Date,
    Time,
    TimeTz,
    Timestamp,
    TimestampTz,
    Bytea,
    Json,
    Jsonb,
}

impl Kind {
    /// Of a plain column, by the number and the category of its type. Enums and arrays of them have numbers of a database's own.
    pub(crate) fn of_column(oid: u32, category: char) -> Option<Self> {
        match (Type::from_oid(oid), category) {
            (Some(type_), _) => Self::of_type(&type_),
            (None, 'E') => Some(Self::One(Scalar::Text)),
            (None, 'A') => Some(Self::Array(Scalar::Text)),
            (None, _) => None,
        }
    }

    /// Of a type as the driver knows it.
    pub(crate) fn of_type(type_: &Type) -> Option<Self> {
        match type_.kind() {
            TypeKind::Simple | TypeKind::Enum(_) => Scalar::of_type(type_).map(Self::One),
            TypeKind::Domain(base) => Self::of_type(base),
            // These look like arrays and are written as text.
            TypeKind::Array(_) if matches!(*type_, Type::INT2_VECTOR | Type::OID_VECTOR) => None,
            TypeKind::Array(element) => match Self::of_type(element)? {
                Self::One(scalar) => Some(Self::Array(scalar)),
                Self::Array(_) => None,
            },
            _ => None,
        }
    }
}

impl Scalar {
    fn of_type(type_: &Type) -> Option<Self> {
        if matches!(type_.kind(), TypeKind::Enum(_)) {
            return Some(Self::Text);
        }
        Some(match *type_ {
            Type::BOOL => Self::Bool,
            Type::INT2 => Self::Int2,
            Type::INT4 => Self::Int4,
            Type::INT8 => Self::Int8,
            Type::FLOAT4 => Self::Float4,
            Type::FLOAT8 => Self::Float8,
            Type::NUMERIC => Self::Numeric,
            Type::TEXT | Type::VARCHAR | Type::BPCHAR | Type::NAME => Self::Text,
            Type::CHAR => Self::Char,
            Type::UUID => Self::Uuid,
            Type::DATE => Self::Date,
            Type::TIME => Self::Time,
            Type::TIMETZ => Self::TimeTz,
            Type::TIMESTAMP => Self::Timestamp,
            Type::TIMESTAMPTZ => Self::TimestampTz,
            Type::BYTEA => Self::Bytea,
            Type::JSON => Self::Json,
            Type::JSONB => Self::Jsonb,
            _ => return None,
        })
    }
}

/// Writes the rows of one statement.
#[derive(Debug)]
pub(crate) struct Encoder {
    columns: Box<[Output]>,
    /// All that is the same in each row, in bytes.
    fixed: usize,
}

#[derive(Debug)]
struct Output {
    /// What comes before the value: `{"id":`, then `,"title":`.
    lead: Box<[u8]>,
    kind: Kind,
}

impl Encoder {
    /// For rows of these columns: their names in the answer, and what they hold, if that is known.
    pub(crate) fn for_columns<'a>(columns: impl IntoIterator<Item = (&'a str, Option<Kind>)>) -> Option<Self> {
        let outputs = columns.into_iter().enumerate().map(|(at, (name, kind))| {
            let mut lead = vec![if at == 0 { b'{' } else { b',' }];
            text::quoted(&mut lead, name.as_bytes());
            lead.push(b':');
            Some(Output { lead: lead.into(), kind: kind? })
        });
        let columns = outputs.collect::<Option<Box<[Output]>>>()?;
        let fixed = columns.iter().map(|column| column.lead.len()).sum();
        Some(Self { columns, fixed })
    }

    /// For rows of these columns, some of which may stand beside the record.
    pub(crate) fn for_rows<'a>(columns: impl IntoIterator<Item = (&'a str, Option<Kind>)>) -> Option<Self> {
        Self::for_columns(columns.into_iter().take_while(|(name, _)| !name.starts_with(BESIDE)))
    }

    /// The rows as `json_agg` writes them; `[]` when there are none.
    pub(crate) fn encode_array(&self, rows: &Rows) -> Result<Bytes> {
        let mut out = Vec::with_capacity(rows.size() + rows.len() * (self.fixed + ROW_MARGIN) + 2);
        out.push(b'[');
        for (at, row) in rows.iter().enumerate() {
            if at > 0 {
                out.extend_from_slice(b", \n ");
            }
            self.write(&mut out, row)?;
        }
        out.push(b']');
        Ok(out.into())
    }

    /// The row as `row_to_json` writes it.
    pub(crate) fn encode_object(&self, row: Row<'_>) -> Result<Bytes> {
        let mut out = Vec::with_capacity(row.size() + self.fixed + ROW_MARGIN);
        self.write(&mut out, row)?;
        Ok(out.into())
    }

    fn write(&self, out: &mut Vec<u8>, row: Row<'_>) -> Result<()> {
        if self.columns.is_empty() {
            out.push(b'{');
        }
        let mut values = row.values();
        for column in &self.columns {
            out.extend_from_slice(&column.lead);
            match values.next().ok_or_else(|| Error::internal("a row has fewer values than columns"))? {
                None => out.extend_from_slice(b"null"),
                Some(raw) => write_value(out, column.kind, raw).ok_or_else(|| {
                    Error::internal(format!("a {:?} of {} bytes is not of its type's form", column.kind, raw.len()))
                })?,
            }
        }
        out.push(b'}');
        Ok(())
    }
}

/// The rows of a flat select, and what writes them.
#[derive(Debug)]
pub(crate) struct Records {
    rows: Rows,
    encoder: Option<Arc<Encoder>>,
}

impl Records {
    /// Rows with the encoder of their statement, if there is one for its types.
    pub(crate) fn new(rows: Rows, encoder: Option<Arc<Encoder>>) -> Self {
        Self { rows, encoder }
    }

    /// Rows of a statement that was not prepared: each says what it is made of.
    pub(crate) fn of_driver(rows: &[tokio_postgres::Row]) -> Result<Self> {
        let columns = rows.first().map(tokio_postgres::Row::columns).unwrap_or_default().iter();
        let encoder = Encoder::for_rows(columns.map(|column| (column.name(), Kind::of_type(column.type_())))).map(Arc::new);
        Ok(Self { rows: Rows::of_driver(rows)?, encoder })
    }

    /// For what else the rows tell.
    pub(crate) fn rows(&self) -> &Rows {
        &self.rows
    }

    /// All of them as `json_agg` writes them; `[]` when there are none.
    pub(crate) fn to_array(&self) -> Result<Bytes> {
        if self.rows.is_empty() {
            return Ok(Bytes::from_static(b"[]"));
        }
        self.encoder()?.encode_array(&self.rows)
    }

    /// The first as `row_to_json` writes it.
    pub(crate) fn to_object(&self) -> Result<Option<Bytes>> {
        self.rows.first().map(|row| self.encoder()?.encode_object(row)).transpose()
    }

    /// The statement was written for types that have meanwhile become others: those can be asked for as JSON.
    fn encoder(&self) -> Result<&Encoder> {
        self.encoder.as_deref().ok_or_else(|| {
            Error::conflict(sqlstate::FEATURE_NOT_SUPPORTED, "The table has changed while it was read.")
                .hint("Send the request again.")
        })
    }
}

/// One value, unless its bytes are not what the type's are.
fn write_value(out: &mut Vec<u8>, kind: Kind, raw: &[u8]) -> Option<()> {
    match kind {
        Kind::One(scalar) => write_scalar(out, scalar, raw),
        Kind::Array(scalar) => write_array(out, scalar, raw),
    }
}

fn write_scalar(out: &mut Vec<u8>, scalar: Scalar, raw: &[u8]) -> Option<()> {
    match scalar {
        Scalar::Text => text::quoted(out, raw),
        Scalar::Bool => out.extend_from_slice(if *raw.first()? == 0 { b"false" } else { b"true" }),
        Scalar::Int2 => number::integer(out, i16::from_be_bytes(exact(raw)?)),
        Scalar::Int4 => number::integer(out, i32::from_be_bytes(exact(raw)?)),
        Scalar::Int8 => number::integer(out, i64::from_be_bytes(exact(raw)?)),
        Scalar::Float4 => number::float4(out, f32::from_be_bytes(exact(raw)?)),
        Scalar::Float8 => number::float8(out, f64::from_be_bytes(exact(raw)?)),
        Scalar::Numeric => number::numeric(out, raw)?,
        Scalar::Char => text::byte(out, *raw.first()?),
        Scalar::Uuid => text::uuid(out, &exact(raw)?),
        Scalar::Bytea => text::hex(out, raw),
        Scalar::Date => time::date(out, i32::from_be_bytes(exact(raw)?)),
        Scalar::Time => time::time(out, i64::from_be_bytes(exact(raw)?)),
        Scalar::TimeTz => {
            let (time, zone) = raw.split_first_chunk()?;
            time::time_with_zone(out, i64::from_be_bytes(*time), i32::from_be_bytes(exact(zone)?));
        }
        Scalar::Timestamp => time::timestamp(out, i64::from_be_bytes(exact(raw)?), ""),
        Scalar::TimestampTz => time::timestamp(out, i64::from_be_bytes(exact(raw)?), "+00:00"),
        Scalar::Json => out.extend_from_slice(raw),
        // Its first byte is the version of the form, and there is one.
        Scalar::Jsonb => out.extend_from_slice(raw.strip_prefix(&[1])?),
    }
    Some(())
}

fn exact<const N: usize>(raw: &[u8]) -> Option<[u8; N]> {
    raw.try_into().ok()
}

/// Dimensions PostgreSQL allows an array.
const MAX_DIMENSIONS: usize = 6;

/// An array's bytes: how many dimensions, whether there are nulls, the element's type; length and lower bound of each
/// dimension; then the elements, each with its length before it.
fn write_array(out: &mut Vec<u8>, scalar: Scalar, raw: &[u8]) -> Option<()> {
    let mut rest = raw;
    let dimensions = usize::try_from(take_i32(&mut rest)?).ok()?;
    let (_has_nulls, _element) = (take_i32(&mut rest)?, take_i32(&mut rest)?);
    if dimensions == 0 {
        out.extend_from_slice(b"[]");
        return Some(());
    }
    let mut lengths = [0; MAX_DIMENSIONS];
    for length in lengths.get_mut(..dimensions)? {
        *length = usize::try_from(take_i32(&mut rest)?).ok()?;
        take_i32(&mut rest)?;
    }
    write_dimension(out, scalar, &lengths[..dimensions], &mut rest)
}

fn write_dimension(out: &mut Vec<u8>, scalar: Scalar, lengths: &[usize], rest: &mut &[u8]) -> Option<()> {
    let (length, inner) = lengths.split_first()?;
    out.push(b'[');
    for at in 0..*length {
        if at > 0 {
            out.push(b',');
        }
        if inner.is_empty() {
            match usize::try_from(take_i32(rest)?) {
                Ok(length) => write_scalar(out, scalar, rest.split_off(..length)?)?,
                // Minus one.
                Err(_) => out.extend_from_slice(b"null"),
            }
        } else {
            write_dimension(out, scalar, inner, rest)?;
        }
    }
    out.push(b']');
    Some(())
}

fn take_i32(rest: &mut &[u8]) -> Option<i32> {
    let (number, after) = rest.split_first_chunk()?;
    *rest = after;
    Some(i32::from_be_bytes(*number))
}

#[cfg(test)]
mod tests;
