//! Definition files to SQL: parse, normalise, diff, plan. No IO, no async, no SQL connection.
//!
//! [`parse`] reads files into [`Definitions`], [`plan`] compares them with what is [`Deployed`] and answers with a [`Plan`]: the
//! statements that lead from one to the other, each with a sentence and whether it is breaking.

mod check;
mod deployed;
mod diagnostic;
mod expression;
mod model;
mod names;
mod parse;
mod plan;
mod sql;
mod types;
mod yaml;

pub use deployed::{ConstraintKind, Deployed, DeployedColumn, DeployedConstraint, DeployedIndex, DeployedTable};
pub use diagnostic::Diagnostic;
pub use model::{
    Access, Check, Column, Definitions, EnumType, ForeignKey, Index, IndexColumn, IndexKey, Nulls, ReferentialAction, Table,
    Unique, Verb,
};
pub use parse::{SourceFile, parse};
pub use plan::{Action, Change, Extra, Plan, PlanOptions, plan};
pub use sql::{quote_identifier, quote_literal};
