//! Checks that the names of several packages' handlers differ in a language.

use std::collections::BTreeSet;

use heck::ToSnakeCase as _;

use crate::cli::author::language::Language;
use crate::wit::{Package, TypeDef, TypeDefKind};

/// Checks the names of packages that are rendered together.
///
/// # Errors
/// Names what two packages have.
pub(super) fn check(language: Language, packages: &[Package]) -> Result<(), String> {
    let mut names = Names::default();
    for package in packages {
        names.add(package, "the module", package.module.clone())?;
        for handler in &package.handlers {
            names.add(package, "a handler of", handler.event.clone())?;
        }
        if language == Language::C {
            add_c_names(&mut names, package)?;
        }
    }
    Ok(())
}

/// C has one namespace. Names of a package begin with its module, which may be the begin of another one:
/// `acme_billing_status` is the type `billing-status` of `acme`, or `status` of `acme_billing`.
fn add_c_names(names: &mut Names, package: &Package) -> Result<(), String> {
    const WHAT: &str = "the name in C";
    let snake = |name: &str| format!("{}_{}", package.module, name.to_snake_case());
    for handler in &package.handlers {
        names.add(package, "the handler in C", format!("on_{}", handler.event.to_snake_case()))?;
        names.add(package, "the export in C", snake(&handler.event))?;
    }
    for def in &package.types {
        names.add(package, WHAT, snake(&def.name))?;
        for case in cases(def) {
            names.add(package, WHAT, snake(&format!("{}-{case}", def.name)).to_uppercase())?;
        }
    }
    Ok(())
}

fn cases(def: &TypeDef) -> impl Iterator<Item = &str> {
    let cases = match &def.kind {
        TypeDefKind::Variant { cases } | TypeDefKind::Enum { cases } | TypeDefKind::Flags { cases } => {
            cases.as_slice()
        }
        TypeDefKind::Record { .. } => &[],
    };
    cases.iter().map(|case| case.name.as_str())
}

#[derive(Default)]
struct Names(BTreeSet<(&'static str, String)>);

impl Names {
    fn add(&mut self, package: &Package, what: &'static str, name: String) -> Result<(), String> {
        if self.0.insert((what, name.clone())) {
            return Ok(());
        }
        Err(format!("two packages have {what} `{name}`: {} is one of them", package.id))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::author::language::ALL;
    use crate::wit::Packages;

    /// A package with a handler for an event, whose payload has these types.
    fn package(name: &str, event: &str, types: &str, payload: &str) -> Package {
        const CONTRACT: &str = "package hookyard:plugin@0.1.0; interface types {
            record context { attempt: u32 } variant failure { reject(string) } }";
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("events.wit");
        let interface = event.replace(['.', '_'], "-");
        let text = format!(
            "package {name}@1.0.0; /// `{event}`
             interface {interface} {{ use hookyard:plugin/types@0.1.0.{{context, failure}}; {types}
             handle: func(ctx: context, payload: {payload}) -> result<_, failure>; }}"
        );
        std::fs::write(&file, text).unwrap();
        let contract = [("hookyard-plugin-0.1.0/types.wit", CONTRACT)].into_iter();
        Packages::read(&[file], contract).unwrap().all().unwrap().remove(0)
    }

    #[test]
    fn two_packages_with_one_name_are_an_error() {
        let plain = |name, event| package(name, event, "", "u8");
        let acme = |types, payload| package("acme:events", "paid", types, payload);
        let billing = |types, payload| package("acme:billing", "sent", types, payload);
        for (first, second, everywhere, in_c) in [
            (plain("acme:events", "paid"), plain("acme:billing", "sent"), None, None),
            (
                plain("acme:events", "paid"),
                plain("acme:billing", "paid"),
                Some("two packages have a handler of `paid`: acme:billing@1.0.0 is one of them"),
                None,
            ),
            (
                plain("a:events", "order.paid"),
                plain("b:events", "order_paid"),
                None,
                Some("the handler in C `on_order_paid`"),
            ),
            (
                plain("acme:events", "billing.sent"),
                plain("acme:billing", "sent"),
                None,
                Some("the export in C `acme_billing_sent`"),
            ),
            (
                acme("enum billing-status { open }", "billing-status"),
                billing("enum status { late }", "status"),
                None,
                Some("the name in C `acme_billing_status`"),
            ),
            (
                acme("enum billing { status-open }", "billing"),
                billing("enum status { open }", "status"),
                None,
                Some("the name in C `ACME_BILLING_STATUS_OPEN`"),
            ),
        ] {
            let packages = [first, second];
            for language in ALL {
                let expected = if language == Language::C { in_c.or(everywhere) } else { everywhere };
                let found = check(language, &packages);
                let is_expected = match (&found, expected) {
                    (Ok(()), None) => true,
                    (Err(error), Some(part)) => error.contains(part),
                    _ => false,
                };
                assert!(is_expected, "{language:?}: {found:?}, expected {expected:?}");
            }
        }
    }
}
