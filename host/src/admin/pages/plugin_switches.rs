//! What somebody does with a switch of a plugin.

use axum::extract::State;
use axum::response::{IntoResponse as _, Redirect, Response};
use serde::Deserialize;

use super::forms::FormBody;
use super::plugins::{self, Said};
use super::visit::Visit;
use crate::admin::api::{HeldChoice, SwitchRequest, switches};
use crate::admin::auth::{AllowedFor, need};
use crate::admin::{AdminState, Problem};

/// The form of all switches: the value of the button that was pressed.
#[derive(Deserialize)]
pub(super) struct SwitchForm {
    /// What to do, the plugin, and the type: `off confirmation-sms appointment.created`.
    switch: String,
}

/// An instruction about a switch.
#[derive(Debug, PartialEq, Eq)]
struct Instruction {
    is_on: bool,
    /// What becomes of held deliveries; `None` to ask, if there are any.
    held: Option<HeldChoice>,
    plugin: String,
    types: String,
}

impl Instruction {
    fn parse(text: &str) -> Option<Self> {
        let (action, rest) = text.split_once(' ')?;
        let (plugin, types) = rest.split_once(' ')?;
        let (is_on, held) = match action {
            "on" => (true, None),
            "on-run" => (true, Some(HeldChoice::Run)),
            "on-discard" => (true, Some(HeldChoice::Discard)),
            "off" => (false, Some(HeldChoice::Run)),
            _ => return None,
        };
        Some(Self { is_on, held, plugin: plugin.into(), types: types.into() })
    }

    fn request(&self, dry_run: bool) -> SwitchRequest {
        let held = self.held.unwrap_or_default();
        SwitchRequest { types: self.types.clone(), on: self.is_on, held, dry_run }
    }
}

/// `POST /plugins`
pub(super) async fn change(
    reader: AllowedFor<need::Read>,
    operator: AllowedFor<need::Operate>,
    State(admin): State<AdminState>,
    visit: Visit,
    FormBody(form): FormBody<SwitchForm>,
) -> Result<Response, Problem> {
    let wrong = || Problem::bad_request("`switch` is no instruction about a switch");
    let instruction = Instruction::parse(&form.switch).ok_or_else(wrong)?;
    let plugin = || instruction.plugin.clone();
    if instruction.held.is_none() {
        let plan =
            switches::change(operator.clone(), &admin, plugin(), None, instruction.request(true)).await?;
        if plan.held > 0 {
            let ask = Said::ask(instruction.plugin, instruction.types, plan.held);
            return plugins::page(reader, admin, visit, ask).await;
        }
    }
    let outcome = switches::change(operator, &admin, plugin(), None, instruction.request(false)).await?;
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query.append_pair("plugin", &instruction.plugin).append_pair("type", &instruction.types);
    if let Some(release) = outcome.release {
        query.append_pair("release", &release.number.to_string());
    }
    Ok(Redirect::to(&format!("/plugins?{}", query.finish())).into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instruction_names_what_to_do_the_plugin_and_the_type() {
        let parsed = |text| Instruction::parse(text).map(|of| (of.is_on, of.held, of.plugin, of.types));
        let run = Some(HeldChoice::Run);
        assert_eq!(parsed("off sms a.b"), Some((false, run, "sms".into(), "a.b".into())));
        assert_eq!(parsed("on sms a b"), Some((true, None, "sms".into(), "a b".into())));
        let discard = Some(HeldChoice::Discard);
        assert_eq!(parsed("on-discard sms *"), Some((true, discard, "sms".into(), "*".into())));
        for wrong in ["", "on", "on sms", "toggle sms a.b"] {
            assert_eq!(parsed(wrong), None, "{wrong}");
        }
    }
}
