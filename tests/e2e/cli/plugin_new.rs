//! `hookyard plugin new`.

use crate::support::HostDir;

/// Names for `--lang`, and the file by which each language's project is known.
const LANGUAGES: [(&str, &str); 9] = [
    ("rust", "Cargo.toml"),
    ("rs", "Cargo.toml"),
    ("typescript", "package.json"),
    ("js", "package.json"),
    ("python", "pyproject.toml"),
    ("py", "pyproject.toml"),
    ("c", "Makefile"),
    ("C", "Makefile"),
    ("go", "go.mod"),
];

#[test]
fn a_new_folder_has_template_sdk_and_contract_in_each_language() {
    let dir = HostDir::new("");
    for (at, (language, manifest)) in LANGUAGES.into_iter().enumerate() {
        let name = format!("plugin-{at}");
        let output = dir.run(&["plugin", "new", &name, "--lang", language, "--on", "appointment.updated"]);
        assert_eq!((output.code, output.err.as_str()), (0, ""), "{output:?}");
        for file in
            [manifest, "README.md", ".gitignore", "sdk/README.md", "sdk/wit/hookyard-plugin-0.1.0/outbox.wit"]
        {
            assert!(dir.path(&name).join(file).is_file(), "{language}: {file}");
        }
        assert!(!dir.path(&name).join("sdk/template").exists());
        let told = [
            format!("{name}/{manifest}\n"),
            format!(" plugin build {name}\n"),
            format!(" plugin run {name} --event appointment.updated\n"),
            format!(" dev {name}\n"),
        ];
        assert!(told.iter().all(|told| output.out.contains(told)), "{told:?}: {}", output.out);
    }
    // A program of the SDK can be run.
    let mode = |path: &str| {
        use std::os::unix::fs::PermissionsExt as _;
        std::fs::metadata(dir.path(path)).unwrap().permissions().mode() & 0o111
    };
    assert!(mode("plugin-4/sdk/venv") != 0 && mode("plugin-4/sdk/README.md") == 0);
    assert!(!dir.path("hookyard-data").exists(), "nothing but the folder is made");
}

#[test]
fn the_folder_can_be_elsewhere_and_no_configuration_is_needed() {
    let dir = HostDir::new("");
    dir.replace("hookyard.toml", b"not TOML");
    let output = dir.run(&["plugin", "new", "desk", "--lang", "c", "--dir", "plugins/deep/desk"]);
    assert_eq!(output.code, 0, "{output:?}");
    assert!(dir.path("plugins/deep/desk/Makefile").is_file());
}

#[test]
fn a_type_that_looks_misspelt_is_taken_on_request() {
    let dir = HostDir::new("");
    let new = ["plugin", "new", "desk", "--lang", "c", "--on", "appointment.creatd", "--force"];
    let output = dir.run(&new);
    assert_eq!(output.code, 0, "{output:?}");
    let source = std::fs::read_to_string(dir.path("desk/src/plugin.c")).unwrap();
    assert!(source.contains("appointment.creatd"), "{source}");
}

#[test]
fn an_impossible_request_is_rejected_and_changes_nothing() {
    let dir = HostDir::new("");
    std::fs::create_dir(dir.path("there")).unwrap();
    dir.replace("there/mine", b"1");
    for (arguments, code, part) in [
        (&["there", "--lang", "c"][..], 1, "there is there already"),
        (&["My_Plugin", "--lang", "c"], 2, "`My_Plugin` is not a name for a new plugin"),
        (&["../up", "--lang", "c"], 2, "`../up` is not a name"),
        (&["match", "--lang", "rust"], 2, "the language's own tools use it"),
        (&["good", "--lang", "cobol"], 2, "cobol"),
        (&["good"], 2, "--lang"),
        (&["good", "--lang", "c", "--on", "a b"], 2, "`a b` is no event type"),
        (
            &["good", "--lang", "c", "--on", "appointment.creatd"],
            2,
            "did you mean `appointment.created`? (--force",
        ),
        (
            &["good", "--lang", "c", "--on", "order.paid", "appointment.moved"],
            2,
            "there are appointment.created, ",
        ),
    ] {
        let output = dir.run(&[&["plugin", "new"], arguments].concat());
        assert!(output.code == code && output.err.contains(part), "{part}: {output:?}");
    }
    assert!(!dir.path("good").exists());
    assert_eq!(std::fs::read_dir(dir.path("there")).unwrap().count(), 1);
}
