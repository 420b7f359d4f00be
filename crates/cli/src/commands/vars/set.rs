use serde_json::json;

use super::{Context, Setting, apply, lookup};
use crate::args::Variable;
use crate::ask;
use crate::error::{CliError, Exit, Result};
use crate::printer::count;

/// Sets variables.
pub(crate) async fn run(context: &Context, variables: Vec<Variable>) -> Result<Exit> {
    let settings = with_values(variables)?;
    let environment = lookup::environment(context, None).await?;
    apply(context, &environment, &settings).await?;
    let names: Vec<_> = settings.iter().map(|setting| &setting.name).collect();
    context.printer.note(format!("Set {} in {}.", count(names.len(), "variable"), environment.name));
    context.printer.result(&json!({ "environmentId": environment.id, "set": names }), String::new)?;
    Ok(Exit::Ok)
}

/// Reads the value of a lone name from stdin; of several names nobody could tell whose it is.
fn with_values(variables: Vec<Variable>) -> Result<Vec<Setting>> {
    if let [Variable { name, value: None }] = variables.as_slice() {
        return Ok(vec![Setting { name: name.clone(), value: Some(value_from_stdin(name)?) }]);
    }
    let setting = |variable: Variable| match variable.value {
        Some(value) => Ok(Setting { name: variable.name, value: Some(value) }),
        None => Err(CliError::usage(format!("{} has no value", variable.name))
            .hint("write NAME=VALUE for each, or one NAME alone to read its value from stdin")),
    };
    variables.into_iter().map(setting).collect()
}

fn value_from_stdin(name: &str) -> Result<String> {
    if console::user_attended() && std::io::IsTerminal::is_terminal(&std::io::stdin()) {
        return ask::secret(&format!("Value of {name}: "));
    }
    let text = ask::stdin_text()?;
    // Files end with a line break that is not part of the value.
    let text = text.strip_suffix('\n').unwrap_or(&text);
    Ok(text.strip_suffix('\r').unwrap_or(text).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_variables_want_values() {
        let read = |texts: &[&str]| with_values(texts.iter().map(|text| text.parse().unwrap()).collect());
        assert_eq!(read(&["A=1", "B="]).unwrap().len(), 2);
        assert_eq!(read(&["A=1", "B"]).err().map(|error| error.exit), Some(Exit::Usage));
    }
}
