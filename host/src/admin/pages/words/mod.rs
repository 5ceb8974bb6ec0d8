//! All words of the pages, in English and French. A word without one of them does not compile.
//!
//! Each page has its words in a file here. `name: "English", "French";` is a word, `name(value): …` a sentence with a
//! value in it, and `name[count]: …` a sentence in singular and plural: `"1 day" | "{count} days", "1 jour" | …`.

mod alerts;
mod audit;
mod common;
mod confirmations;
mod dead_letters;
mod event;
mod events;
mod login;
mod overview;
mod plugin;
mod plugins;
mod replays;
mod settings;
mod sources;
mod tokens;

pub(super) use alerts::AlertsWords;
pub(super) use audit::AuditWords;
pub(super) use common::{ErrorWords, ListWords, ShellWords, StateWords, TimeWords};
pub(super) use confirmations::ConfirmationsWords;
pub(super) use dead_letters::DeadLettersWords;
pub(super) use event::EventWords;
pub(super) use events::EventsWords;
pub(super) use login::LoginWords;
pub(super) use overview::OverviewWords;
pub(super) use plugin::PluginWords;
pub(super) use plugins::PluginsWords;
pub(super) use replays::ReplaysWords;
pub(super) use settings::SettingsWords;
pub(super) use sources::SourcesWords;
pub(super) use tokens::TokensWords;

/// Defines the words of a page.
macro_rules! words {
    ($(#[$meta:meta])* $name:ident { $($words:tt)* }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy)]
        pub(in crate::admin::pages) struct $name(pub(in crate::admin::pages) Language);

        impl $name {
            $crate::admin::pages::words::word! { $($words)* }
        }
    };
}

/// Defines the methods of [`words`], one after the other.
macro_rules! word {
    () => {};
    ($name:ident: $english:literal, $french:literal; $($rest:tt)*) => {
        pub(in crate::admin::pages) fn $name(self) -> &'static str {
            match self.0 {
                Language::English => $english,
                Language::French => $french,
            }
        }
        $crate::admin::pages::words::word! { $($rest)* }
    };
    ($name:ident($($value:ident),+): $english:literal, $french:literal; $($rest:tt)*) => {
        pub(in crate::admin::pages) fn $name(self, $($value: impl std::fmt::Display),+) -> String {
            match self.0 {
                Language::English => format!($english),
                Language::French => format!($french),
            }
        }
        $crate::admin::pages::words::word! { $($rest)* }
    };
    ($name:ident[$count:ident]: $one:literal | $many:literal, $un:literal | $plusieurs:literal; $($rest:tt)*) => {
        pub(in crate::admin::pages) fn $name(self, number: impl std::borrow::Borrow<u64>) -> String {
            let number = *number.borrow();
            let is_one = self.0.is_one(number);
            let $count = self.0.number(number);
            match (self.0, is_one) {
                (Language::English, true) => format!($one, $count = $count),
                (Language::English, false) => format!($many, $count = $count),
                (Language::French, true) => format!($un, $count = $count),
                (Language::French, false) => format!($plusieurs, $count = $count),
            }
        }
        $crate::admin::pages::words::word! { $($rest)* }
    };
}

use {word, words};

#[cfg(test)]
mod tests {
    use crate::admin::pages::language::Language;

    words! {
        /// Some words.
        TestWords {
            name: "events", "événements";
            since(time): "since {time}", "depuis {time}";
            found[count]: "{count} event" | "{count} events", "{count} événement" | "{count} événements";
        }
    }

    #[test]
    fn a_word_is_in_the_language_of_the_reader_and_in_its_number() {
        let (english, french) = (TestWords(Language::English), TestWords(Language::French));
        assert_eq!((english.name(), french.name()), ("events", "événements"));
        assert_eq!((english.since(3), french.since("hier")), ("since 3".into(), "depuis hier".into()));
        assert_eq!((english.found(0), french.found(0)), ("0 events".into(), "0 événement".into()));
        assert_eq!(english.found(1), "1 event");
        assert_eq!(french.found(1234), "1\u{202f}234 événements");
    }
}
