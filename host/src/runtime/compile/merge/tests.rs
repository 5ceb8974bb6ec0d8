use std::fmt::Write as _;

use wasmparser::{Parser, Payload};
use wasmtime::component::{Component, Linker};
use wasmtime::{Engine, Store};

use super::{Unsupported, merge};

/// Two libraries as a linker lays them out: they share a memory and a table, and call each other and the host through
/// the table of a shim, which a last module fills. `run` returns `twice(20) + seed + data`, which is 40 + 1 + 1.
const LINKED: &str = r#"(component
  (import "seed" (func $seed (result u32)))
  (import "name" (func $name (result string)))
  (core module $shim
    (type $name (func (param i32)))
    (table (export "$imports") 1 1 funcref)
    (func (export "0") (param i32) (call_indirect (type $name) (local.get 0) (i32.const 0))))
  (core module $main
    (memory (export "memory") 1)
    (table (export "table") 4 funcref)
    (global (export "base") i32 (i32.const 1024))
    (global (export "table_base") i32 (i32.const 2))
    (global (export "counter") (mut i32) (i32.const 0))
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 2048))
    (data (i32.const 1024) "\00\00\00\00"))
  (core module $math
    (type $unary (func (param i32) (result i32)))
    (import "env" "memory" (memory 0))
    (import "env" "table" (table 0 funcref))
    (import "env" "base" (global $base i32))
    (import "env" "table_base" (global $table_base i32))
    (import "host" "seed" (func $seed (result i32)))
    (func $double (type $unary) (i32.add (local.get 0) (local.get 0)))
    (func (export "twice") (param i32) (result i32)
      (call_indirect (type $unary) (local.get 0) (global.get $table_base)))
    (func (export "seed") (result i32) (call $seed))
    (func (export "data") (result i32) (i32.load8_u (global.get $base)))
    (elem (global.get $table_base) func $double)
    (data (global.get $base) "\01"))
  (core module $app
    (import "math" "twice" (func $twice (param i32) (result i32)))
    (import "math" "seed" (func $seed (result i32)))
    (import "math" "data" (func $data (result i32)))
    (import "env" "counter" (global $counter (mut i32)))
    (import "env" "memory" (memory 0))
    (import "host" "name" (func $name (param i32)))
    (func (export "run") (result i32)
      (call $name (i32.const 16))
      (global.set $counter (i32.add (global.get $counter) (i32.const 1)))
      (i32.add (i32.add (call $twice (i32.const 20)) (call $seed))
        (i32.add (call $data) (i32.load (i32.const 20))))))
  (core module $fixup
    (import "" "$imports" (table 1 1 funcref))
    (import "" "0" (func (param i32)))
    (elem (i32.const 0) func 0))
  (core instance $shim (instantiate $shim))
  (core instance $main (instantiate $main))
  (core func $seed (canon lower (func $seed)))
  (core instance $host (export "seed" (func $seed)))
  (core instance $math (instantiate $math (with "env" (instance $main)) (with "host" (instance $host))))
  (alias core export $shim "0" (core func $indirect))
  (core instance $late (export "name" (func $indirect)))
  (core instance $app (instantiate $app
    (with "math" (instance $math)) (with "env" (instance $main)) (with "host" (instance $late))))
  (alias core export $main "memory" (core memory $memory))
  (alias core export $main "realloc" (core func $realloc))
  (alias core export $shim "$imports" (core table $table))
  (core func $named (canon lower (func $name) (memory $memory) (realloc $realloc)))
  (core instance $filled (export "$imports" (table $table)) (export "0" (func $named)))
  (core instance (instantiate $fixup (with "" (instance $filled))))
  (func (export "run") (result u32) (canon lift (core func $app "run"))))"#;

fn merged(text: &str) -> Result<Option<Vec<u8>>, Unsupported> {
    merge(&wat::parse_str(text).unwrap())
}

/// The core modules that have code.
fn modules(component: &[u8]) -> usize {
    let payloads = Parser::new(0).parse_all(component).map(Result::unwrap);
    payloads.filter(|payload| matches!(payload, Payload::CodeSectionStart { .. })).count()
}

fn run(component: &[u8]) -> u32 {
    let engine = Engine::default();
    let component = Component::new(&engine, component).unwrap();
    let mut linker = Linker::new(&engine);
    let mut root = linker.root();
    root.func_wrap("seed", |_, (): ()| Ok((1_u32,))).unwrap();
    root.func_wrap("name", |_, (): ()| Ok(("abc".to_owned(),))).unwrap();
    let mut store = Store::new(&engine, ());
    let instance = linker.instantiate(&mut store, &component).unwrap();
    let run = instance.get_typed_func::<(), (u32,)>(&mut store, "run").unwrap();
    run.call(&mut store, ()).unwrap().0
}

#[test]
fn linked_modules_become_one_that_does_the_same() {
    let linked = wat::parse_str(LINKED).unwrap();
    let merged = merge(&linked).unwrap().unwrap();
    // What the shim's last module needs is made with the memory of the merged one.
    assert_eq!((modules(&linked), modules(&merged)), (4, 1));
    // 40 + 1 + 1 + the length of "abc"
    assert_eq!((run(&linked), run(&merged)), (45, 45));
}

#[test]
fn linked_modules_in_an_inner_component_become_one() {
    let mut nested = "(component (import \"seed\" (func $seed (result u32)))".to_owned();
    let inner = LINKED.replacen("(component", "(component $inner", 1);
    write!(
        nested,
        "(import \"name\" (func $name (result string))) {inner}
         (instance $made (instantiate $inner (with \"seed\" (func $seed)) (with \"name\" (func $name))))
         (export \"run\" (func $made \"run\")))"
    )
    .unwrap();
    let nested = wat::parse_str(nested).unwrap();
    let merged = merge(&nested).unwrap().unwrap();
    assert_eq!((modules(&nested), modules(&merged)), (4, 1));
    assert_eq!((run(&nested), run(&merged)), (45, 45));
}

#[test]
fn names_of_functions_stay_for_traces() {
    let merged = merged(LINKED).unwrap().unwrap();
    let text = String::from_utf8_lossy(&merged);
    assert!(text.contains("double"), "{text}");
}

/// A component of a module that owns a memory, and others that use it.
fn users(modules: &str, instances: &str) -> String {
    format!(
        r#"(component
          (core module $main (memory (export "memory") 1) (func (export "f") (result i32) (i32.load8_u (i32.const 0))))
          {modules}
          (core instance $main (instantiate $main))
          {instances}
          (func (export "run") (result u32) (canon lift (core func $main "f"))))"#
    )
}

const USER: &str = r#"(core module $user (import "env" "memory" (memory 1)) (data (i32.const 0) "\05"))"#;
const USE: &str = r#"(core instance (instantiate $user (with "env" (instance $main))))"#;

#[test]
fn a_module_that_writes_the_memory_of_another_is_merged_with_it() {
    let component = wat::parse_str(users(USER, USE)).unwrap();
    let merged = merge(&component).unwrap().unwrap();
    assert_eq!((run(&component), run(&merged)), (5, 5));
}

#[test]
fn modules_stay_where_merging_could_be_noticed() {
    let start = USER.replace("(data", "(func $start) (start $start) (data");
    let twice = format!("{USE} {USE}");
    // The second writes the same byte after one that stays.
    let third = USER.replace("$user", "$third").replace("05", "07");
    let last = format!("{USE} {}", USE.replace("$user", "$third"));
    for (case, modules, instances, result) in [
        ("a start function", start.clone(), USE.to_owned(), 5),
        ("a module that is instantiated twice", USER.to_owned(), twice, 5),
        ("a write after that of a module that stays", format!("{start} {third}"), last, 7),
    ] {
        let component = wat::parse_str(users(&modules, &instances)).unwrap();
        assert_eq!(merge(&component), Ok(None), "{case}");
        assert_eq!(run(&component), result, "{case}");
    }
}

#[test]
fn a_component_with_debug_sections_stays() {
    let debug = USER.replace("(data", "(@custom \".debug_line\" \"x\") (data");
    assert_eq!(merged(&users(&debug, USE)), Ok(None));
}

#[test]
fn components_that_merging_does_not_know_stay() {
    let exported = users(&format!(r#"{USER} (export "user" (core module $user))"#), USE);
    let tag = users(&USER.replace("(data", "(tag) (data"), USE);
    let two = users(&USER.replace("(data", "(memory 1) (data"), USE);
    assert_eq!(merged(&exported), Err(Unsupported("it imports, exports or passes core modules")));
    assert_eq!(merged(&two), Err(Unsupported("its modules have several memories")));
    assert!(merged(&tag).unwrap_or(None).is_none());
}

#[test]
fn modules_that_do_not_fit_stay_invalid() {
    // The memory is smaller than the import asks for, which a merged module would not say.
    let invalid = users(&USER.replace("(memory 1)", "(memory 2)"), USE);
    assert_eq!(merged(&invalid), Err(Unsupported("it is invalid")));
}

#[test]
fn modules_stay_if_an_instance_of_all_would_be_too_large() {
    let functions = "0 ".repeat(11_000);
    let many = format!(
        r#"(core module $user (import "env" "memory" (memory 1))
             (func) (table 20000 funcref) (elem (i32.const 0) func {functions}) (data (i32.const 0) "\05"))"#
    );
    let large = Unsupported("an instance of the merged module would be too large");
    assert_eq!(merged(&users(&many, USE)), Err(large));
}
