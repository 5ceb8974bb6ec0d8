//! Renders the template of a plugin. Pure.
//!
//! Files and snippets are templates of `MiniJinja`. In a file, `{{name}}` is the plugin's name and `{{snake}}` the same
//! with `_`; `{{sample}}` is an event type with a sample, or a file to write; `{{handlers}}` is `handler.snippet` for each typed event and `generic.snippet` for all others, with blank
//! lines between; `{{tests}}` likewise is `test.snippet` and `generic-test.snippet`; `{{modules}}` are the packages that
//! are generated into the plugin. Snippets also have `{{event}}` (`appointment.created`), and typed ones
//! `{{snake_event}}`, `{{Pascal}}`, `{{camel}}`, the package's `{{module}}` and whether it `{{is_in_sdk}}`, `{{Payload}}`
//! (`Created`, none for a type without a name), and the `{{handler}}` of the package. Snippets may import the partial
//! templates of the SDK's folder `generate`.
//! Generic ones have `{{subscriptions}}` (`"order.paid", "order.*"`).

use std::collections::BTreeSet;

use heck::{ToLowerCamelCase as _, ToSnakeCase as _, ToUpperCamelCase as _};
use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment, Error, UndefinedBehavior, Value, context};

use super::packages::filters;
use crate::wit::Handler;

/// The events that a plugin is to handle.
#[derive(Debug, Clone)]
pub(super) struct Handles {
    /// Event types that have a typed handler.
    pub(super) typed: Vec<TypedEvent>,
    /// Event types and patterns for the generic one.
    pub(super) generic: Vec<String>,
}

/// An event type that has a typed handler.
#[derive(Debug, Clone)]
pub(in crate::cli) struct TypedEvent {
    /// The module of its package: `acme`.
    pub(in crate::cli) module: String,
    /// Whether the SDK has that module; else it is generated into the plugin.
    pub(in crate::cli) is_in_sdk: bool,
    /// The handler.
    pub(in crate::cli) handler: Handler,
}

/// Makes the files of a plugin from those of a template, each with its path in it.
///
/// # Errors
/// The message names the file and line of the error in the template.
pub(super) fn render<'a>(
    files: &[(&'a str, &'a str)],
    partials: &[(&'a str, &'a str)],
    plugin: &str,
    handles: &Handles,
) -> Result<Vec<(&'a str, String)>, Error> {
    let mut environment = environment()?;
    for (path, text) in partials {
        environment.add_template(path, text)?;
    }
    let template = Template { files, environment };
    let name = context! { name => plugin, snake => plugin.to_snake_case() };
    let modules = handles.typed.iter().filter(|typed| !typed.is_in_sdk).map(|typed| typed.module.clone());
    let modules: BTreeSet<String> = modules.collect();
    let sample = handles.typed.first().map_or("event.json", |typed| typed.handler.event.as_str());
    let values = context! {
        sample => sample,
        modules => modules.into_iter().collect::<Vec<_>>(),
        handlers => template.snippets("handler.snippet", "generic.snippet", handles, &name)?,
        tests => template.snippets("test.snippet", "generic-test.snippet", handles, &name)?,
        ..name
    };
    let files = files.iter().filter(|(path, _)| !path.ends_with(".snippet"));
    let render = |&(path, text): &(&'a str, &'a str)| {
        Ok((path, template.environment.render_named_str(path, text, values.clone())?))
    };
    files.map(render).collect()
}

fn environment<'a>() -> Result<Environment<'a>, Error> {
    let mut environment = Environment::new();
    environment.set_syntax(SyntaxConfig::builder().keep_trailing_newline(true).build()?);
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    // By default, the names of files choose an escaping.
    environment.set_auto_escape_callback(|_| AutoEscape::None);
    filters::add(&mut environment);
    Ok(environment)
}

struct Template<'a> {
    files: &'a [(&'a str, &'a str)],
    environment: Environment<'a>,
}

impl Template<'_> {
    /// The snippet of each handler, with blank lines between, without a line break at the end.
    fn snippets(&self, typed: &str, generic: &str, handles: &Handles, name: &Value) -> Result<String, Error> {
        let mut texts = Vec::new();
        for event in &handles.typed {
            texts.push(self.snippet(typed, typed_event(event), name)?);
        }
        if let Some(values) = generic_event(&handles.generic) {
            texts.push(self.snippet(generic, values, name)?);
        }
        Ok(texts.join("\n").trim_end().to_owned())
    }

    fn snippet(&self, path: &str, event: Value, name: &Value) -> Result<String, Error> {
        let text = self.files.iter().find(|(file, _)| *file == path).map_or("", |(_, text)| text);
        self.environment.render_named_str(path, text, context! { ..event, ..name.clone() })
    }
}

fn typed_event(typed: &TypedEvent) -> Value {
    let handler = &typed.handler;
    let event = handler.event.as_str();
    let payload = handler.payload_name.as_deref();
    context! {
        event => event,
        snake_event => event.to_snake_case(),
        Pascal => event.to_upper_camel_case(),
        camel => event.to_lower_camel_case(),
        module => typed.module.clone(),
        is_in_sdk => typed.is_in_sdk,
        Payload => payload.map(str::to_upper_camel_case),
        handler => Value::from(Serde(handler)),
    }
}

/// `None` if the generic handler gets no events.
fn generic_event(patterns: &[String]) -> Option<Value> {
    // A pattern is no type that an event could have.
    let event = match patterns.first()?.as_str() {
        "*" => "any.event".to_owned(),
        first => first.replace('*', "any"),
    };
    let quoted: Vec<String> = patterns.iter().map(|pattern| format!("\"{pattern}\"")).collect();
    Some(context! { event => event, subscriptions => quoted.join(", ") })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wit::{CoreExport, Type, Value as Payload};

    fn typed(event: &str, module: &str) -> TypedEvent {
        let handler = Handler {
            event: event.into(),
            is_documented: true,
            interface: event.replace('.', "-"),
            wit: String::new(),
            wit_text: String::new(),
            type_interfaces: Vec::new(),
            docs: String::new(),
            param: "order".into(),
            payload: Type::String,
            payload_name: Some("new-order".into()),
            is_only_user: true,
            export: CoreExport::default(),
            sample: Payload::String { text: "a".into() },
            sample_json: String::new(),
            sample_file: None,
        };
        TypedEvent { module: module.into(), is_in_sdk: module == "moncreneau", handler }
    }

    fn render(
        files: &[(&'static str, &'static str)],
        typed: &[TypedEvent],
        generic: &[&str],
    ) -> Result<Vec<String>, Error> {
        let generic = generic.iter().map(|&s| s.to_owned()).collect();
        let handles = Handles { typed: typed.to_vec(), generic };
        let partials = [("_macros.j2", "{% macro twice(name) %}{{ name }}{{ name }}{% endmacro %}")];
        let files = super::render(files, &partials, "my-plugin", &handles)?;
        Ok(files.into_iter().map(|(_, text)| text).collect())
    }

    #[test]
    fn a_file_gets_the_name_unescaped() {
        let files = render(&[("package.json", "{\"{{name}}\": \"{{snake}}\"}\n")], &[], &[]).unwrap();
        assert_eq!(files, ["{\"my-plugin\": \"my_plugin\"}\n"]);
    }

    #[test]
    fn each_event_gets_its_snippet() {
        let files = [
            ("main", "{{modules|join(\" \")}}\n{{handlers}}\nz\n"),
            ("test", "{{tests}}\n"),
            (
                "handler.snippet",
                "{% from \"_macros.j2\" import twice %}on {{event}} {{snake_event}} {{Pascal}} {{camel}} {{Payload}} \
                 {{module}} {{is_in_sdk}} {{twice(handler.param)}}\n",
            ),
            ("generic.snippet", "any [{{subscriptions}}]\n"),
            ("test.snippet", "{{name}}\n{{Pascal}}\n"),
            ("generic-test.snippet", "{{event}}\n"),
        ];
        let events = [typed("appointment.created", "moncreneau")];
        let both = render(&files, &events, &["order.line_item.*", "*"]).unwrap();
        let main = "\non appointment.created appointment_created AppointmentCreated appointmentCreated NewOrder \
                    moncreneau True orderorder\n\nany [\"order.line_item.*\", \"*\"]\nz\n";
        assert_eq!(both, [main, "my-plugin\nAppointmentCreated\n\norder.line_item.any\n"]);
        let two = render(&files, &[typed("a.b", "acme"), typed("c", "acme")], &[]).unwrap();
        assert_eq!(two[1], "my-plugin\nAB\n\nmy-plugin\nC\n");
        assert!(two[0].starts_with("acme\non a.b"), "{two:?}");
    }

    #[test]
    fn an_unknown_placeholder_is_an_error_with_its_place() {
        let error = render(&[("src/main.c", "\n{{nmae}}\n")], &[], &[]).unwrap_err();
        assert_eq!((error.name(), error.line()), (Some("src/main.c"), Some(2)));
    }
}
