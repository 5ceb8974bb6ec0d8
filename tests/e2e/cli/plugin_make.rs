//! `hookyard plugin build` on folders with a Makefile: plugins in any language.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::{CommandOutput, HostDir, example, wat};

/// A folder whose `make` copies `src/plugin.in` to `dist/desk.wasm`.
fn with_plugin(built: &[u8]) -> HostDir {
    let dir = HostDir::new("");
    std::fs::create_dir_all(dir.path("desk/src")).unwrap();
    dir.replace("desk/src/plugin.in", built);
    dir.replace(
        "desk/Makefile",
        b"dist/desk.wasm: src/plugin.in\n\t@mkdir -p dist\n\t@cp src/plugin.in dist/desk.wasm\n",
    );
    dir
}

/// A core module without component types, with these imports and exports.
fn module(imports: &str, exports: &str) -> Vec<u8> {
    wat(&format!(
        r#"(module {imports} (memory (export "memory") 1) {exports}
           (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
             (i32.mul (memory.grow (i32.const 2)) (i32.const 65536))))"#
    ))
}

/// The handler of an interface. It returns ok: the bytes at address 0 are 0.
fn handler(interface: &str) -> String {
    format!(r#"(func (export "{interface}#handle") (param i32) (result i32) i32.const 0)"#)
}

const CREATED: &str = "moncreneau:events/appointment-created@1.0.0";

#[test]
fn a_core_module_without_types_gets_those_of_its_handlers() {
    let dir = with_plugin(&module("", &handler(CREATED)));
    let output = dir.run(&["plugin", "build", "desk"]);
    assert_eq!((output.code, output.err.as_str()), (0, ""), "{output:?}");
    assert!(output.out.contains(&format!("handles   {CREATED}\nasks for  nothing")), "{output:?}");
    assert_eq!(dir.run(&["plugin", "run", "desk", "--event", "appointment.created"]).code, 0);
    // `make` does nothing now, and the file stays.
    let built = std::fs::read(dir.path("desk/dist/desk.wasm")).unwrap();
    assert_eq!(dir.run(&["plugin", "build", "desk"]).code, 0);
    assert_eq!(std::fs::read(dir.path("desk/dist/desk.wasm")).unwrap(), built);
}

#[test]
fn the_generic_handler_and_preview1_of_wasi_work_in_such_a_module() {
    let imports = r#"(import "wasi_snapshot_preview1" "random_get" (func $random (param i32 i32) (result i32)))
        (import "wasi:logging/logging@0.1.0-draft" "log" (func $log (param i32 i32 i32 i32 i32)))"#;
    // The list of patterns is at 16, its only pattern at 24, and its text at 32.
    let exports = r#"(data (i32.const 16) "\18\00\00\00\01\00\00\00\20\00\00\00\01\00\00\00*")
        (func (export "hookyard:plugin/event-handler@0.1.0#subscriptions") (result i32) i32.const 16)
        (func (export "hookyard:plugin/event-handler@0.1.0#handle")
          (param i32 i32 i32 i32 i32 i32 i32 i32 i64 i32 i32 i32 i32 i32) (result i32)
          (drop (call $random (i32.const 64) (i32.const 8)))
          (call $log (i32.const 2) (i32.const 0) (i32.const 0) (local.get 0) (local.get 1)) i32.const 0)"#;
    let dir = with_plugin(&module(imports, exports));
    let output = dir.run(&["plugin", "build", "desk"]);
    assert!(output.code == 0 && output.out.contains("handles   *\nasks for  log lines"), "{output:?}");
    let output = dir.run(&["plugin", "run", "desk", "--event", "appointment.created"]);
    assert!(output.code == 0 && output.out.contains("| INFO evt_"), "{output:?}");
}

#[test]
fn types_of_other_providers_come_from_the_folder_wit() {
    let paid = "acme:events/order-paid@1.0.0";
    let dir = with_plugin(&module("", &handler(paid)));
    let output = dir.run(&["plugin", "build", "desk"]);
    assert!(output.code == 1 && output.err.contains("acme:events"), "{output:?}");
    assert!(output.err.contains("Put the WIT packages of other providers into desk/wit"), "{output:?}");
    let package = repository().join("plugins/order-receipt/wit/acme-events-1.0.0/events.wit");
    std::fs::create_dir_all(dir.path("desk/wit/acme")).unwrap();
    dir.replace("desk/wit/acme/events.wit", &std::fs::read(package).unwrap());
    let output = dir.run(&["plugin", "build", "desk"]);
    assert!(output.code == 0 && output.out.contains(&format!("handles   {paid}\n")), "{output:?}");
    // Words of WIT may be names.
    let keywords = "use:events/record@1.0.0";
    dir.replace(
        "desk/wit/acme/events.wit",
        b"package %use:events@1.0.0;\ninterface %record {\n  use hookyard:plugin/types@0.1.0.{context, failure};\n  \
          handle: func(ctx: context, %list: tuple<u8, u8, u8, u8, u8>) -> result<_, failure>;\n}\n",
    );
    dir.replace("desk/src/plugin.in", &module("", &handler(keywords)));
    let output = dir.run(&["plugin", "build", "desk"]);
    assert!(output.code == 0 && output.out.contains(&format!("handles   {keywords}\n")), "{output:?}");
    // The contract in the layout for other tools is taken too.
    std::fs::remove_dir_all(dir.path("desk/wit")).unwrap();
    assert_eq!(dir.run(&["wit", "export", "desk/wit"]).code, 0);
    dir.replace("desk/src/plugin.in", &module("", &handler(CREATED)));
    let output = dir.run(&["plugin", "build", "desk"]);
    assert!(output.code == 0 && output.out.contains(&format!("handles   {CREATED}\n")), "{output:?}");
    assert_eq!(dir.run(&["plugin", "run", "desk", "--event", "appointment.created"]).code, 0);
}

#[test]
fn a_wrong_result_is_described_with_its_remedy() {
    let abort = r#"(import "env" "abort" (func)) (import "env" "seed" (func))"#;
    let unversioned = r#"(import "wasi:logging/logging" "log" (func (param i32 i32 i32 i32 i32)))"#;
    let misspelt = r#"(import "wasi:logging/logging@0.1.0-draft" "lok" (func))"#;
    let two = format!("{}{}", handler("x:y/z@1.0.0"), r#"(func (export "a\1bb"))"#);
    let flat = handler(CREATED).replace("param i32", "param i32 i64");
    let injected = handler("a:b/c; import d:e/f; export g:h/i");
    let cases: [(Vec<u8>, &[&str]); 10] = [
        (
            module("", &flat),
            &["function `handle`: expected `[I32] -> [I32]` but found `[I32, I64] -> [I32]`"],
        ),
        (module("", &injected), &["a:b/c; import d:e/f; export g:h/i: it is not the name of an interface"]),
        (
            b"#!/bin/sh\n".into(),
            &["desk/dist/desk.wasm is not a WebAssembly file", "set the compiler's target"],
        ),
        (
            module("", r#"(func (export "a\1bb"))"#),
            &["exports no handler, but `memory`, `a\\u{1b}b`", "#handle`"],
        ),
        (module("", &two), &["exports handlers of `x:y/z@1.0.0`", "desk/wit"]),
        (module(abort, &handler(CREATED)), &["imports `abort`, `seed` from `env`: no host offers it"]),
        (module(unversioned, &handler(CREATED)), &["hookyard has wasi:logging/logging@0.1.0-draft"]),
        (module(misspelt, &handler(CREATED)), &["lok"]),
        (wat(&format!(r#"(module (memory (export "memory") 1) {})"#, handler(CREATED))), &["cabi_realloc"]),
        (
            module("", r#"(func (export "hookyard:plugin/event-handler@0.1.0#handle"))"#),
            &["hookyard:plugin/event-handler@0.1.0#"],
        ),
    ];
    for (built, expected) in cases {
        let dir = with_plugin(&built);
        let output = dir.run(&["plugin", "build", "desk", "--out", "plugins"]);
        let said = format!("{}{}", output.out, output.err);
        assert_eq!(output.code, 1, "{said}");
        assert!(expected.iter().all(|part| said.contains(part)), "{expected:?}: {said}");
        assert!(!said.contains('\u{1b}') && !dir.plugin_file("desk").exists(), "{said}");
    }
    let dir = with_plugin(b"");
    dir.replace("desk/Makefile", b"all:\n\t@mkdir -p dist; touch dist/other.wasm\n");
    let output = dir.run(&["plugin", "build", "desk"]);
    let said = "error: desk was not built: the build left no desk/dist/desk.wasm: let `make` write the plugin there, under \
                the name of its folder; desk/dist has `other.wasm`\n";
    assert_eq!((output.code, output.err.as_str()), (1, said));
}

#[test]
fn a_build_that_leaves_an_old_file_warns_and_make_reads_the_makefile() {
    let dir = with_plugin(&example("event-log"));
    // `make` alone would prefer it.
    dir.replace("desk/GNUmakefile", b"all:\n\t@exit 1\n");
    let output = dir.run(&["plugin", "build", "desk"]);
    assert_eq!((output.code, output.err.as_str()), (0, ""), "{output:?}");
    dir.replace("desk/src/plugin.zig", b"");
    let source = std::fs::File::options().append(true).open(dir.path("desk/src/plugin.zig")).unwrap();
    source.set_modified(std::time::SystemTime::now() + std::time::Duration::from_secs(5)).unwrap();
    let warning = "warning: `make` left desk/dist/desk.wasm as it was, and desk/src/plugin.zig is newer: does the \
                   Makefile name it as a prerequisite?\n";
    let output = dir.run(&["plugin", "build", "desk"]);
    assert_eq!((output.code, output.err.as_str()), (0, warning), "{output:?}");
}

#[test]
fn a_makefile_that_calls_the_command_on_its_own_folder_ends_with_an_error() {
    let dir = with_plugin(&example("event-log"));
    let program = env!("CARGO_BIN_EXE_hookyard");
    let makefile = |recipe: &str| dir.replace("desk/Makefile", format!("all:\n\t@{recipe}\n").as_bytes());
    makefile(&format!("{program} plugin build ."));
    let output = dir.run(&["plugin", "build", "desk"]);
    assert!(
        output.code == 1 && output.err.contains("calls `hookyard plugin build` on its own folder"),
        "{output:?}"
    );
    // Also through another folder.
    std::fs::create_dir(dir.path("other")).unwrap();
    dir.replace("other/Makefile", format!("all:\n\t@{program} plugin build ../desk\n").as_bytes());
    makefile(&format!("{program} plugin build ../other"));
    let output = dir.run(&["plugin", "build", "desk"]);
    assert!(
        output.code == 1 && output.err.contains("calls `hookyard plugin build` on its own folder"),
        "{output:?}"
    );
    // Tests may build.
    let recipes = format!(
        "all:\n\t@mkdir -p dist; cp src/plugin.in dist/desk.wasm\ntest:\n\t@{program} plugin build . >/dev/null && echo passed\n"
    );
    dir.replace("desk/Makefile", recipes.as_bytes());
    let output = dir.run(&["plugin", "test", "desk"]);
    assert_eq!((output.code, output.out.as_str()), (0, "passed\n"), "{output:?}");
}

#[test]
fn a_makefile_builds_a_folder_whose_package_json_does_not_name_the_sdk() {
    let dir = with_plugin(&example("event-log"));
    dir.replace("desk/package.json", br#"{"devDependencies":{"assemblyscript":"0.28.20"}}"#);
    assert_eq!(dir.run(&["plugin", "build", "desk"]).code, 0);
    dir.replace("desk/package.json", br#"{"dependencies":{"@hookyard/plugin":"file:./sdk"}}"#);
    let mut command = dir.command(&["plugin", "build", "desk"]);
    let output = CommandOutput::run(command.env("PATH", dir.path("plugins")));
    assert!(output.code == 1 && output.err.contains("there is no `npm` here"), "{output:?}");
}

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

#[test]
fn a_makefile_names_its_plugin_below_a_path_with_spaces_and_ignores_other_variables_of_the_environment() {
    let dir = HostDir::new("");
    std::fs::create_dir_all(dir.path("my desk/desk/sdk")).unwrap();
    std::fs::create_dir(dir.path("my desk/desk/src")).unwrap();
    dir.replace("my desk/desk/src/plugin.c", b"");
    let copy = |from: PathBuf, to: &str| dir.replace(to, &std::fs::read(from).unwrap());
    copy(repository().join("plugin-sdk/c/hookyard.mk"), "my desk/desk/sdk/hookyard.mk");
    let show = |settings: &str| {
        // Such a target needs no compiler.
        let rule = "include sdk/hookyard.mk\ncheck-show:\n\t@echo $(NAME) $(SOURCES) $(TESTS) $(CFLAGS)";
        dir.replace("my desk/desk/Makefile", format!("{settings}\n{rule}\n").as_bytes());
        let mut make = Command::new("make");
        make.current_dir(dir.path("my desk/desk")).args(["--silent", "check-show"]).env_remove("MAKEFLAGS");
        let values = ["NAME", "SOURCES", "TESTS", "CFLAGS"].map(|name| (name, "environment"));
        CommandOutput::run(make.envs(values)).out
    };
    assert_eq!(show(""), "desk src/plugin.c\n");
    assert_eq!(show("NAME = a\nSOURCES = b.c\nTESTS := t.c\nCFLAGS = -O1"), "a b.c t.c -O1\n");

    for plugin in ["zig", "assemblyscript", "cpp"] {
        let folder = format!("my desk/{plugin}");
        std::fs::create_dir(dir.path(&folder)).unwrap();
        copy(
            repository().join(format!("plugins/other-languages/{plugin}/Makefile")),
            &format!("{folder}/Makefile"),
        );
        let mut make = Command::new("make");
        make.current_dir(dir.path(&folder)).args(["--print-data-base", "--dry-run"]).env_remove("MAKEFLAGS");
        let output = CommandOutput::run(&mut make);
        assert!(output.out.contains(&format!("\ndist/{plugin}.wasm:")), "{output:?}");
    }
}

#[test]
fn a_cached_zig_that_does_not_run_is_replaced() {
    let dir = HostDir::new("");
    let program = "cache/hookyard/ziglang-0.17.0/lib/python3.9/site-packages/ziglang/zig";
    let script = |name: &str, text: &str| {
        std::fs::create_dir_all(dir.path(name).parent().unwrap()).unwrap();
        dir.replace(name, format!("#!/bin/sh\n{text}\n").as_bytes());
        std::fs::set_permissions(dir.path(name), Permissions::from_mode(0o755)).unwrap();
    };
    script(program, "exit 1");
    // Stands in for `python3 -m venv`, which also has the installed package; the rest is real.
    script(
        "bin/python3",
        r#"if [ "$1" != -m ]; then PATH=${PATH#*:} exec python3 "$@"; fi
        zig=$3/lib/python3.11/site-packages/ziglang/zig
        mkdir -p "$3/bin" "$(dirname "$zig")"
        printf '#!/bin/sh\necho 0.17.0\n' >"$zig"; printf '#!/bin/sh\n' >"$3/bin/python"
        chmod +x "$zig" "$3/bin/python""#,
    );
    let run = || {
        let mut toolchain = Command::new(repository().join("plugin-sdk/c/toolchain"));
        let path = format!("{}:{}", dir.path("bin").display(), std::env::var("PATH").unwrap());
        let toolchain = toolchain.arg("--zig").env("PATH", path).env("XDG_CACHE_HOME", dir.path("cache"));
        CommandOutput::run(toolchain)
    };
    let new = dir.path(&program.replace("3.9", "3.11")).display().to_string();
    for said in ["installing ziglang 0.17.0", ""] {
        let output = run();
        assert_eq!((output.code, output.out.trim_end()), (0, new.as_str()), "{output:?}");
        assert!(output.err.contains(said) && output.err.is_empty() == said.is_empty(), "{output:?}");
    }
    let left = std::fs::read_dir(dir.path("cache/hookyard")).unwrap().count();
    assert_eq!(left, 1);
}
