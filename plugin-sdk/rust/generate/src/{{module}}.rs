{% from "_macros.j2" import ident, module, read, type, value, write %}
//! {{ mark }} from {{ package.id }}; changes belong into the WIT.
{% if package.docs %}
//!
{{ package.docs|comment("//! ") -}}
{% endif %}

use hookyard_plugin::{Context, Result};

{% for handler in package.handlers %}
{{ handler.docs|comment("/// ") -}}
#[rustfmt::skip]
pub trait {{ handler.event|pascal }} {
    /// Handles `{{ handler.event }}`.
    ///
    /// # Errors
    /// The failure decides whether the delivery gets another attempt.
    fn handle(ctx: Context, {{ ident(handler.param) }}: {{ type(handler.payload) }}) -> Result;
}

{% endfor %}
{% if package.types %}
#[rustfmt::skip]
pub use bindings::{
{% for def in package.types %}
{% set handler = (package.handlers|selectattr("wit", "eq", def.wit)|first)|default(none) %}
    {{ (ident(handler.event|snake) ~ "::exports") if handler else "types" }}::{{ module(def.wit) }}::{{ def.wit_name|pascal }}{{ (" as " ~ def.name|pascal) if def.name != def.wit_name else "" }},
{% endfor %}
};

{% endif %}
/// A sample of each payload, for tests.
#[rustfmt::skip]
#[allow(clippy::unreadable_literal, clippy::excessive_precision, reason = "numbers as the sample has them")]
pub mod samples {
    #[allow(unused_imports, clippy::wildcard_imports, reason = "the types that samples need")]
    use super::*;
{% for handler in package.handlers %}

    /// The payload of a sample `{{ handler.event }}`.
    #[must_use]
    pub fn {{ ident(handler.event|snake) }}() -> {{ type(handler.payload) }} {
        {{ value(handler.sample) }}
    }
{% endfor %}
}
{% for handler in package.handlers if handler.is_only_user %}

#[rustfmt::skip]
impl {{ handler.payload_name|pascal }} {
    /// The payload of a sample `{{ handler.event }}`.
    #[must_use]
    pub fn sample() -> Self {
        samples::{{ ident(handler.event|snake) }}()
    }
}

#[cfg(not(target_arch = "wasm32"))]
#[rustfmt::skip]
impl<H: {{ handler.event|pascal }}> hookyard_plugin::test::Payload<H> for {{ handler.payload_name|pascal }} {
    const EVENT_TYPE: &'static str = {{ handler.event|quote_rust }};
    const SOURCE: &'static str = {{ package.namespace|quote_rust }};
    const PACKAGE: &'static str = {{ (package.namespace ~ ":" ~ package.name)|quote_rust }};

    fn call(self, ctx: Context) -> Result {
        H::handle(ctx, self)
    }
}
{% endfor %}

{% if package.types %}
/// Payloads as their sender would write them, and as a host decodes them, for tests.
#[cfg(not(target_arch = "wasm32"))]
#[rustfmt::skip]
mod json {
    #[allow(unused_imports, clippy::wildcard_imports, reason = "the types that there are")]
    use super::*;
    #[allow(unused_imports, reason = "not every package has each kind of type")]
    use hookyard_plugin::test::{received, sent};
{% for def in package.types %}

    impl sent::Sent for {{ def.name|pascal }} {
        fn write(&self, json: &mut String) {
{% if def.kind == "record" %}
            sent::object(json, &[
{% for field in def.fields %}
                ({{ field.name|quote_rust }}, &|json| {{ write(field.type, "&self." ~ ident(field.name)) }}),
{% endfor %}
            ]);
{% elif def.kind == "variant" %}
            match self {
{% for case in def.cases %}
{% if case.type %}
                Self::{{ case.name|pascal }}(value) => sent::object(json, &[({{ case.name|quote_rust }}, &|json| {{ write(case.type, "value") }})]),
{% else %}
                Self::{{ case.name|pascal }} => sent::Sent::write({{ case.name|quote_rust }}, json),
{% endif %}
{% endfor %}
            }
{% elif def.kind == "enum" %}
            match self {
{% for case in def.cases %}
                Self::{{ case.name|pascal }} => sent::Sent::write({{ case.name|quote_rust }}, json),
{% endfor %}
            }
{% else %}
            let all = [{% for case in def.cases %}(Self::{{ case.name|upper_snake }}, {{ case.name|quote_rust }}){% if not loop.last %}, {% endif %}{% endfor %}];
            let set: Vec<&str> = all.iter().filter(|(flag, _)| self.contains(*flag)).map(|(_, name)| *name).collect();
            sent::list(&set, json, |name, json| sent::Sent::write(*name, json));
{% endif %}
        }
    }

    impl received::Received for {{ def.name|pascal }} {
        fn read(json: &received::Json) -> Self {
{% if def.kind == "record" %}
            Self {
{% for field in def.fields %}
                {{ ident(field.name) }}: {{ read(field.type, "&json[" ~ field.name|quote_rust ~ "]") }},
{% endfor %}
            }
{% elif def.kind == "variant" %}
            match received::case(json) {
{% for case in def.cases %}
{% if case.type %}
                ({{ case.name|quote_rust }}, value) => Self::{{ case.name|pascal }}({{ read(case.type, "value") }}),
{% else %}
                ({{ case.name|quote_rust }}, _) => Self::{{ case.name|pascal }},
{% endif %}
{% endfor %}
                other => received::unknown(other),
            }
{% elif def.kind == "enum" %}
            match json.as_str() {
{% for case in def.cases %}
                Some({{ case.name|quote_rust }}) => Self::{{ case.name|pascal }},
{% endfor %}
                _ => received::unknown(json),
            }
{% else %}
            let flag = |name: String| match name.as_str() {
{% for case in def.cases %}
                {{ case.name|quote_rust }} => Self::{{ case.name|upper_snake }},
{% endfor %}
                _ => received::unknown(name),
            };
            received::list(json, |name| flag(received::Received::read(name))).into_iter().fold(Self::empty(), |set, flag| set | flag)
{% endif %}
        }
    }
{% endfor %}
}

{% endif %}
{% for handler in package.handlers %}
/// Exports the handler; `export!` calls it.
#[doc(hidden)]
#[macro_export]
macro_rules! __hookyard_{{ package.module }}_{{ handler.event|snake }} {
    ($plugin:ty) => {
        hookyard_plugin::__export_typed! {
            $plugin,
            $crate::{{ package.module }}::{{ handler.event|pascal }},
            $crate::{{ package.module }}::bindings::{{ ident(handler.event|snake) }},
            __export_{{ package.module }}_{{ handler.event|snake }}
        }
    };
}
#[doc(hidden)]
pub use crate::__hookyard_{{ package.module }}_{{ handler.event|snake }} as {{ handler.event|pascal }};

{% endfor %}
#[doc(hidden)]
#[allow(missing_docs, unreachable_pub, unused, reason = "generated; the WIT has the documentation")]
#[allow(unsafe_code, reason = "generated: the canonical ABI passes pointers")]
#[allow(clippy::all, clippy::pedantic, clippy::restriction, reason = "generated")]
#[rustfmt::skip]
pub mod bindings {
{% if package.type_interfaces %}
    /// Types that handlers share.
    pub mod types {
        hookyard_plugin::__private::wit_bindgen::generate!({
{% set world %}

package hookyard:generated;
world {{ package.module|replace("_", "-") }}-types {
{% for wit in package.type_interfaces %}
    import {{ wit }};
{% endfor %}
}
{{ package.types_text }}{% endset %}
            inline: {{ world|quote_rust_raw }},
            path: [],
            world: "hookyard:generated/{{ package.module|replace("_", "-") }}-types",
            runtime_path: "hookyard_plugin::__private::wit_bindgen::rt",
            additional_derives: [PartialEq],
            generate_all,
            generate_unused_types: true,
        });
    }
{% endif %}
{% for handler in package.handlers %}

    pub mod {{ ident(handler.event|snake) }} {
        #[allow(unused_imports)]
        use crate::{{ package.module }}::*;
        pub use exports::{{ module(handler.wit) }}::Guest;
        pub type __Payload = {{ type(handler.payload) }};
        hookyard_plugin::__private::wit_bindgen::generate!({
{% set world %}

package hookyard:generated;
world {{ package.module|replace("_", "-") }}-{{ handler.interface }} {
    export {{ handler.wit }};
}
{{ handler.wit_text }}{% endset %}
            inline: {{ world|quote_rust_raw }},
            path: [],
            world: "hookyard:generated/{{ package.module|replace("_", "-") }}-{{ handler.interface }}",
            runtime_path: "hookyard_plugin::__private::wit_bindgen::rt",
            additional_derives: [PartialEq],
            with: {
                "hookyard:plugin/types@0.1.0": hookyard_plugin::__private::types,
{% for wit in handler.type_interfaces %}
                {{ wit|quote_rust }}: crate::{{ package.module }}::bindings::types::{{ module(wit) }},
{% endfor %}
            },
            pub_export_macro: true,
            export_macro_name: "__export_{{ package.module }}_{{ handler.event|snake }}",
        });
    }
{% endfor %}
}
