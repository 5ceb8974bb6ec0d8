//! `hookyard plugin new`: what it makes and what it refuses.

use crate::support::Bed;

/// Names for `--lang`, and the file by which each language's project is known.
const LANGUAGES: [(&str, &str); 8] = [
    ("rust", "Cargo.toml"),
    ("rs", "Cargo.toml"),
    ("typescript", "package.json"),
    ("js", "package.json"),
    ("python", "pyproject.toml"),
    ("py", "pyproject.toml"),
    ("c", "Makefile"),
    ("C", "Makefile"),
];

#[test]
fn a_folder_has_template_sdk_and_contract_whatever_the_language() {
    let bed = Bed::new("");
    for (at, (language, manifest)) in LANGUAGES.into_iter().enumerate() {
        let name = format!("plugin-{at}");
        let ran = bed.run(&["plugin", "new", &name, "--lang", language, "--on", "appointment.updated"]);
        assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{ran:?}");
        for file in
            [manifest, "README.md", ".gitignore", "sdk/README.md", "sdk/wit/hookyard-plugin-0.1.0/outbox.wit"]
        {
            assert!(bed.path(&name).join(file).is_file(), "{language}: {file}");
        }
        assert!(!bed.path(&name).join("sdk/template").exists());
        let told = [
            format!("{name}/{manifest}\n"),
            format!(" plugin build {name}\n"),
            format!(" plugin run {name} --event appointment.updated\n"),
            format!(" dev {name}\n"),
        ];
        assert!(told.iter().all(|told| ran.out.contains(told)), "{told:?}: {}", ran.out);
    }
    // A program of the SDK can be run.
    let mode = |path: &str| {
        use std::os::unix::fs::PermissionsExt as _;
        std::fs::metadata(bed.path(path)).unwrap().permissions().mode() & 0o111
    };
    assert!(mode("plugin-4/sdk/venv") != 0 && mode("plugin-4/sdk/README.md") == 0);
    assert!(!bed.path("hookyard-data").exists(), "nothing but the folder is made");
}

#[test]
fn the_folder_can_be_elsewhere_and_no_configuration_is_needed() {
    let bed = Bed::new("");
    bed.replace("hookyard.toml", b"not TOML");
    let ran = bed.run(&["plugin", "new", "desk", "--lang", "c", "--dir", "plugins/deep/desk"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(bed.path("plugins/deep/desk/Makefile").is_file());
}

#[test]
fn what_cannot_be_is_refused_and_nothing_is_touched() {
    let bed = Bed::new("");
    std::fs::create_dir(bed.path("there")).unwrap();
    bed.replace("there/mine", b"1");
    for (arguments, code, part) in [
        (&["there", "--lang", "c"][..], 1, "there is there already"),
        (&["My_Plugin", "--lang", "c"], 2, "`My_Plugin` is no name for a new plugin"),
        (&["../up", "--lang", "c"], 2, "`../up` is no name"),
        (&["match", "--lang", "rust"], 2, "the language's own tools use it"),
        (&["good", "--lang", "cobol"], 2, "cobol"),
        (&["good"], 2, "--lang"),
        (&["good", "--lang", "c", "--on", "a b"], 2, "`a b` is no event type"),
    ] {
        let ran = bed.run(&[&["plugin", "new"], arguments].concat());
        assert!(ran.code == code && ran.err.contains(part), "{part}: {ran:?}");
    }
    assert!(!bed.path("good").exists());
    assert_eq!(std::fs::read_dir(bed.path("there")).unwrap().count(), 1);
}
