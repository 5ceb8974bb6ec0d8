//! Random WIT types, handlers of these types, and JSON that mostly fits them.

use std::fmt::Write as _;

use rand::RngExt as _;
use rand::seq::IndexedRandom as _;

use super::Run;
use crate::support::{World, wat};

/// A type. Named types are numbered.
pub(super) enum Type {
    Plain(&'static str),
    Option(Box<Type>),
    List(Box<Type>),
    /// `list<tuple<string, T>>`.
    Map(Box<Type>),
    Tuple(Vec<Type>),
    Record(u32, Vec<(String, Type)>),
    Variant(u32, Vec<(String, Option<Type>)>),
    Enum(u32, Vec<String>),
    Flags(u32, Vec<String>),
}

const PLAIN: [&str; 12] =
    ["bool", "u8", "u16", "u32", "u64", "s8", "s16", "s32", "s64", "f64", "char", "string"];

/// Makes types with names of their own.
#[derive(Default)]
pub(super) struct Types {
    next: u32,
}

impl Types {
    /// A record with random fields.
    pub(super) fn record(&mut self, run: &mut Run) -> Type {
        self.fields(run, 4)
    }

    fn fields(&mut self, run: &mut Run, depth: u32) -> Type {
        let count = run.rng.random_range(1..=10);
        let number = self.number();
        let fields = (0..count).map(|n| (name(run, n), self.any(run, depth)));
        Type::Record(number, fields.collect())
    }

    fn any(&mut self, run: &mut Run, depth: u32) -> Type {
        if depth == 0 || run.once_in(3) {
            return Type::Plain(PLAIN.choose(&mut run.rng).unwrap());
        }
        let mut below = |run: &mut Run| Box::new(self.any(run, depth - 1));
        match run.rng.random_range(0..9) {
            0 | 1 => Type::Option(below(run)),
            2 => Type::List(below(run)),
            3 => Type::Map(below(run)),
            4 => {
                let count = run.rng.random_range(1..=5);
                Type::Tuple((0..count).map(|_| self.any(run, depth - 1)).collect())
            }
            5 | 6 => self.fields(run, depth - 1),
            7 => {
                let count = run.rng.random_range(1..=6);
                let number = self.number();
                let mut cases: Vec<_> = (0..count)
                    .map(|n| (name(run, n), (!run.once_in(2)).then(|| self.any(run, depth - 1))))
                    .collect();
                if run.once_in(2) {
                    cases.push(("other".into(), Some(Type::Plain("string"))));
                }
                Type::Variant(number, cases)
            }
            _ => {
                let count = run.rng.random_range(1..=20);
                let number = self.number();
                let names = (0..count).map(|n| name(run, n)).collect();
                if run.once_in(2) { Type::Enum(number, names) } else { Type::Flags(number, names) }
            }
        }
    }

    fn number(&mut self) -> u32 {
        self.next += 1;
        self.next
    }
}

/// A name that ends in its number, so that none is there twice.
fn name(run: &mut Run, number: usize) -> String {
    let words = ["id", "department", "created-at", "x", "very-long-name-of-a-field-that-nobody-types"];
    format!("{}-n{number}", words.choose(&mut run.rng).unwrap())
}

impl Type {
    /// How WIT refers to it.
    fn reference(&self) -> String {
        match self {
            Self::Plain(name) => (*name).into(),
            Self::Option(inner) => format!("option<{}>", inner.reference()),
            Self::List(inner) => format!("list<{}>", inner.reference()),
            Self::Map(inner) => format!("list<tuple<string, {}>>", inner.reference()),
            Self::Tuple(parts) => {
                format!("tuple<{}>", parts.iter().map(Self::reference).collect::<Vec<_>>().join(", "))
            }
            Self::Record(number, _)
            | Self::Variant(number, _)
            | Self::Enum(number, _)
            | Self::Flags(number, _) => {
                format!("t{number}")
            }
        }
    }

    /// Writes its definition after those of its parts.
    fn define(&self, to: &mut String) {
        match self {
            Self::Plain(_) => {}
            Self::Option(inner) | Self::List(inner) | Self::Map(inner) => inner.define(to),
            Self::Tuple(parts) => parts.iter().for_each(|part| part.define(to)),
            Self::Record(number, fields) => {
                for (_, ty) in fields {
                    ty.define(to);
                }
                let fields = fields.iter().map(|(name, ty)| format!("{name}: {}", ty.reference()));
                writeln!(to, "record t{number} {{ {} }}", join(fields)).unwrap();
            }
            Self::Variant(number, cases) => {
                for ty in cases.iter().filter_map(|(_, ty)| ty.as_ref()) {
                    ty.define(to);
                }
                let cases = cases.iter().map(|(name, ty)| match ty {
                    Some(ty) => format!("{name}({})", ty.reference()),
                    None => name.clone(),
                });
                writeln!(to, "variant t{number} {{ {} }}", join(cases)).unwrap();
            }
            Self::Enum(number, names) => {
                writeln!(to, "enum t{number} {{ {} }}", join(names.iter().cloned())).unwrap();
            }
            Self::Flags(number, names) => {
                writeln!(to, "flags t{number} {{ {} }}", join(names.iter().cloned())).unwrap();
            }
        }
    }

    /// A plugin that takes events of the type `kind` with a payload of this type.
    pub(super) fn handler(&self) -> Vec<u8> {
        let mut definitions = String::new();
        self.define(&mut definitions);
        let package = format!(
            "package fuzz:events@1.0.0 {{ interface kind {{
                use hookyard:plugin/types@0.1.0.{{context, failure}};
                {definitions}
                handle: func(ctx: context, payload: {}) -> result<_, failure>;
            }} }}",
            self.reference()
        );
        let world = World::new("export fuzz:events/kind@1.0.0;", &package);
        let handle = &world.exports()[0];
        let mut module = wat(&format!(
            r#"(module
              (memory (export "memory") 1)
              (global $free (mut i32) (i32.const 1024))
              (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
                (local $at i32)
                (local.set $at (i32.and (i32.add (global.get $free) (i32.const 7)) (i32.const -8)))
                (global.set $free (i32.add (local.get $at) (local.get 3)))
                (block $fits
                  (loop $grow
                    (br_if $fits (i32.le_u (global.get $free) (i32.shl (memory.size) (i32.const 16))))
                    (if (i32.eq (memory.grow (i32.const 16)) (i32.const -1)) (then unreachable))
                    (br $grow)))
                (local.get $at))
              (func (export "{}") {} (i32.const 0)))"#,
            handle.name,
            handle.signature()
        ));
        world.embed(&mut module);
        module
    }

    /// Writes JSON that fits, with occasional misfits.
    pub(super) fn json(&self, run: &mut Run, to: &mut String) {
        if run.once_in(250) {
            return wild(run, to);
        }
        match self {
            Self::Plain(name) => plain(name, run, to),
            Self::Option(_) if run.once_in(3) => to.push_str("null"),
            Self::Option(inner) => inner.json(run, to),
            Self::List(inner) => {
                let count = length(run);
                let each = |run: &mut Run, _: usize, to: &mut String| inner.json(run, to);
                sequence('[', ']', count, run, to, each);
            }
            Self::Map(inner) => sequence('{', '}', length(run), run, to, |run, _, to| {
                text(run, to);
                to.push(':');
                inner.json(run, to);
            }),
            Self::Tuple(parts) => {
                sequence('[', ']', parts.len(), run, to, |run, n, to| parts[n].json(run, to));
            }
            Self::Record(_, fields) => sequence('{', '}', fields.len(), run, to, |run, n, to| {
                // Sometimes another field twice.
                let n = if run.once_in(40) { run.rng.random_range(0..fields.len()) } else { n };
                write!(to, "\"{}\":", spelled(run, &fields[n].0)).unwrap();
                fields[n].1.json(run, to);
            }),
            Self::Variant(_, cases) => {
                let (name, payload) = cases.choose(&mut run.rng).unwrap();
                let name = spelled(run, name);
                match payload {
                    None => write!(to, "\"{name}\"").unwrap(),
                    Some(payload) => {
                        write!(to, "{{\"{name}\":").unwrap();
                        payload.json(run, to);
                        to.push('}');
                    }
                }
            }
            Self::Enum(_, names) => {
                let name = names.choose(&mut run.rng).unwrap();
                write!(to, "\"{}\"", spelled(run, name)).unwrap();
            }
            Self::Flags(_, names) => {
                sequence('[', ']', names.len().min(5), run, to, |run, n, to| {
                    write!(to, "\"{}\"", spelled(run, &names[n])).unwrap();
                });
            }
        }
    }
}

fn join(parts: impl Iterator<Item = String>) -> String {
    parts.collect::<Vec<_>>().join(", ")
}

fn length(run: &mut Run) -> usize {
    if run.once_in(100) { run.rng.random_range(0..5000) } else { run.rng.random_range(0..4) }
}

fn sequence(
    open: char,
    close: char,
    count: usize,
    run: &mut Run,
    to: &mut String,
    mut each: impl FnMut(&mut Run, usize, &mut String),
) {
    to.push(open);
    for n in 0..count {
        // Stops at the endpoint's size limit.
        if to.len() > 200_000 {
            break;
        }
        if n > 0 {
            to.push(',');
        }
        each(run, n, to);
    }
    to.push(close);
}

fn spelled(run: &mut Run, name: &str) -> String {
    match run.rng.random_range(0..4) {
        0 => name.replace('-', "_"),
        1 => name.to_uppercase().replace('-', "_"),
        2 => name.replace('-', ""),
        _ => name.into(),
    }
}

fn plain(name: &str, run: &mut Run, to: &mut String) {
    match name {
        "bool" => to.push_str(if run.rng.random() { "true" } else { "false" }),
        "string" => text(run, to),
        "char" => to.push_str(
            ["\"a\"", "\"\u{1f600}\"", "\"\\u0000\"", "\"\\ud83d\"", "\"ab\""].choose(&mut run.rng).unwrap(),
        ),
        _ => match run.rng.random_range(0..80) {
            0 => write!(to, "{}", run.rng.random::<i64>()).unwrap(),
            1 => write!(to, "{}", run.rng.random::<f64>() * 1e9).unwrap(),
            2 => write!(to, "\"{}\"", run.rng.random::<u16>()).unwrap(),
            3 => to.push_str(
                ["1e400", "-0", "1E2", "-1.0", "9".repeat(400).as_str(), "0.1e-999", "\"NaN\"", "\"\""]
                    .choose(&mut run.rng)
                    .unwrap(),
            ),
            _ => write!(to, "{}", run.rng.random_range(0..100)).unwrap(),
        },
    }
}

fn text(run: &mut Run, to: &mut String) {
    let parts = [
        "abc",
        "é",
        "\u{1f600}",
        "\\n",
        "\\u0000",
        "\\ud83d\\ude00",
        "\\ud83d",
        "\\\\",
        "\\\"",
        "\u{202e}",
        " ",
    ];
    to.push('"');
    let count = if run.once_in(200) { 20_000 } else { run.rng.random_range(0..6) };
    for _ in 0..count {
        to.push_str(parts.choose(&mut run.rng).unwrap());
    }
    to.push('"');
}

/// JSON that fits nothing.
fn wild(run: &mut Run, to: &mut String) {
    match run.rng.random_range(0..10) {
        0 => to.push_str("null"),
        1 => to.push_str("[]"),
        2 => to.push_str("{}"),
        3 => to.push_str("\"\""),
        4 => to.push_str("{\"\":{\"\":[null]}}"),
        5 => write!(to, "{}{}", "[".repeat(120), "]".repeat(120)).unwrap(),
        6 => write!(to, "{}1{}", "{\"a\":".repeat(100), "}".repeat(100)).unwrap(),
        7 => to.push_str("[[],{},\"x\",1,true,null]"),
        8 => to.push_str("tru"),
        _ => text(run, to),
    }
}
