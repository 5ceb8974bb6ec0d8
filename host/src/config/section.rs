//! A key is written once: its type, default, range, documentation, and whether a running host takes a change
//! of it.
//!
//! [`section!`] makes all else of it: the struct that serde reads, its defaults, the check of ranges, the
//! differences between two configurations, and the text of `host/config.default.toml`.

/// The properties of a key beside its value.
#[derive(Debug)]
pub(super) struct Key {
    /// Its name in its section.
    pub(super) name: &'static str,
    /// The reason why a change needs a restart; `None` = a running host takes it.
    pub(super) restart: Option<&'static str>,
    /// Its documentation in the reference, line by line.
    #[cfg(test)]
    pub(super) docs: &'static [&'static str],
    /// An example in TOML, where the reference does not show the default.
    #[cfg(test)]
    pub(super) example: Option<&'static str>,
}

/// A section of the configuration.
pub(super) trait Section: Default {
    /// Its keys, in their order.
    const KEYS: &'static [Key];

    /// Its documentation in the reference, line by line.
    #[cfg(test)]
    const DOCS: &'static [&'static str];

    /// The keys with values outside of their ranges, and the valid range.
    fn out_of_range(&self) -> Vec<(&'static str, String)>;

    /// The keys whose values differ.
    fn differing(&self, other: &Self) -> Vec<&'static Key>;

    /// Takes the values of all keys that a running host does not change.
    fn keep_fixed(&mut self, running: &Self);

    /// The default of each key in TOML; `None` for keys with an example.
    #[cfg(test)]
    fn defaults_as_toml() -> Vec<Option<String>>;
}

/// A value that may have a range.
pub(super) trait Number {
    /// The value; `None` if it is not set.
    fn number(&self) -> Option<u64>;
}

impl Number for u64 {
    fn number(&self) -> Option<u64> {
        Some(*self)
    }
}

impl Number for u32 {
    fn number(&self) -> Option<u64> {
        Some(u64::from(*self))
    }
}

impl Number for usize {
    fn number(&self) -> Option<u64> {
        Some(u64::try_from(*self).unwrap_or(u64::MAX))
    }
}

impl Number for Option<u64> {
    fn number(&self) -> Option<u64> {
        *self
    }
}

/// Returns the valid range if a value is outside of it.
pub(super) fn check_range(
    value: &impl Number,
    range: &impl std::ops::RangeBounds<u64>,
) -> Result<(), String> {
    use std::ops::Bound::{Excluded, Included, Unbounded};
    match value.number() {
        Some(number) if !range.contains(&number) => Err(match (range.start_bound(), range.end_bound()) {
            (Included(least), Included(most)) => format!("must be {least} to {most}"),
            (Included(least), Unbounded) => format!("must be at least {least}"),
            (least, Included(most) | Excluded(most)) => format!("must be {least:?} to {most}"),
            (least, Unbounded) => format!("must be {least:?} or more"),
        }),
        _ => Ok(()),
    }
}

/// A struct of keys. Each field has its documentation, which is also the reference's, and
/// `#[key(default = …, range = …, example = …, restart = …)]`: all but the default may be left out. A key without
/// `restart` is taken live. A key with an `example`, in TOML, is shown in the reference by this and not by its default.
macro_rules! section {
    (
        $(#[doc = $section_doc:literal])*
        $(#[derive($($derived:ident),+)])?
        pub struct $name:ident {
            $(
                $(#[doc = $doc:literal])*
                #[key(
                    default = $default:expr
                    $(, range = $range:expr)?
                    $(, example = $example:literal)?
                    $(, restart = $reason:expr)?
                )]
                $(#[serde($($serde:tt)+)])?
                pub $key:ident: $type:ty,
            )+
        }
    ) => {
        $(#[doc = $section_doc])*
        #[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize $(, $($derived),+)?)]
        #[serde(default, deny_unknown_fields)]
        pub struct $name {
            $(
                $(#[doc = $doc])*
                $(#[serde($($serde)+)])?
                pub $key: $type,
            )+
        }

        impl Default for $name {
            fn default() -> Self {
                Self { $($key: $default),+ }
            }
        }

        impl $crate::config::section::Section for $name {
            const KEYS: &'static [$crate::config::section::Key] = &[$(
                $crate::config::section::Key {
                    name: stringify!($key),
                    restart: $crate::config::section::optional!($($reason)?),
                    #[cfg(test)]
                    docs: &[$($doc),*],
                    #[cfg(test)]
                    example: $crate::config::section::optional!($($example)?),
                },
            )+];

            #[cfg(test)]
            const DOCS: &'static [&'static str] = &[$($section_doc),*];

            fn out_of_range(&self) -> Vec<(&'static str, String)> {
                let checked: Vec<(&'static str, Result<(), String>)> = vec![$(
                    $((stringify!($key), $crate::config::section::check_range(&self.$key, &($range))),)?
                )+];
                checked.into_iter().filter_map(|(key, checked)| Some((key, checked.err()?))).collect()
            }

            fn differing(&self, other: &Self) -> Vec<&'static $crate::config::section::Key> {
                let differs = [$(self.$key != other.$key),+];
                Self::KEYS.iter().zip(differs).filter_map(|(key, differs)| differs.then_some(key)).collect()
            }

            fn keep_fixed(&mut self, running: &Self) {
                $(
                    if $crate::config::section::optional!($($reason)?).is_some() {
                        self.$key.clone_from(&running.$key);
                    }
                )+
            }

            #[cfg(test)]
            fn defaults_as_toml() -> Vec<Option<String>> {
                let defaults = Self::default();
                vec![$($crate::config::section::default_as_toml!(defaults.$key $(, $example)?)),+]
            }
        }
    };
}

/// A struct of keys that are read from an entry of a table, with `#[example(…)]` in TOML for each.
macro_rules! entry {
    (
        $(#[doc = $entry_doc:literal])*
        struct $name:ident {
            $(
                $(#[doc = $doc:literal])*
                #[example($example:literal)]
                $(#[serde($($serde:tt)+)])?
                $key:ident: $type:ty,
            )+
        }
    ) => {
        $(#[doc = $entry_doc])*
        #[derive(serde::Deserialize)]
        #[serde(deny_unknown_fields)]
        struct $name {
            $(
                $(#[doc = $doc])*
                $(#[serde($($serde)+)])?
                $key: $type,
            )+
        }

        /// An entry's documentation in the reference, line by line.
        #[cfg(test)]
        pub(super) const ENTRY_DOCS: &[&str] = &[$($entry_doc),*];

        /// The keys of an entry.
        #[cfg(test)]
        pub(super) const ENTRY_KEYS: &[$crate::config::section::Key] = &[$(
            $crate::config::section::Key {
                name: stringify!($key),
                restart: None,
                docs: &[$($doc),*],
                example: Some($example),
            },
        )+];
    };
}

/// `Some` of the argument, or `None` without one.
macro_rules! optional {
    () => {
        None::<&'static str>
    };
    ($value:expr) => {
        Some($value)
    };
}

/// A default in TOML, unless there is an example.
#[cfg(test)]
macro_rules! default_as_toml {
    ($value:expr) => {
        toml::Value::try_from(&$value).ok().map(|value| value.to_string())
    };
    ($value:expr, $example:literal) => {
        None
    };
}

#[cfg(test)]
pub(super) use default_as_toml;
pub(super) use {entry, optional, section};
