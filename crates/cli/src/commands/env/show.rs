use super::{Context, card, lookup};
use crate::error::{Exit, Result};

/// Shows one environment.
pub(crate) async fn run(context: &Context, name: Option<&str>) -> Result<Exit> {
    let environment = lookup::environment(context, name).await?;
    context.printer.result(&environment, || card(&environment))?;
    Ok(Exit::Ok)
}
