//! Commands in documents exist and parse.

use super::{blocks, code_spans, document, documents};
use crate::support::HostDir;

/// The words of a line as a shell splits it, up to a comment, `;`, a pipe or a file; with quotes, without variables.
fn words(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None);
    for c in line.chars() {
        match (quote, c) {
            (Some(open), _) if c == open => quote = None,
            (None, '\'' | '"') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None, ';' | '|' | '>') => break,
            (None, '#') if word.is_none() => break,
            (None, _) if c.is_whitespace() => words.extend(word.take()),
            _ => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}

/// Every command line that calls the program, in blocks and in running text, each as its words.
fn invocations(text: &str) -> Vec<Vec<String>> {
    let all = ["", "sh"].into_iter().flat_map(|language| blocks(text, language));
    let in_blocks = all.flat_map(|block| block.lines().map(str::to_owned).collect::<Vec<_>>());
    let arguments = |line: String| -> Option<Vec<String>> {
        let words = words(&line);
        let is_program = words.first()?.rsplit('/').next() == Some("hookyard");
        is_program.then(|| words[1..].to_vec())
    };
    in_blocks.chain(code_spans(text)).filter_map(arguments).collect()
}

#[test]
fn a_line_is_split_as_a_shell_splits_it() {
    assert_eq!(words("a --b 'c d' \"e\"  f#g # h"), ["a", "--b", "c d", "e", "f#g"]);
    assert_eq!(words("a '' | b"), ["a", ""]);
    assert!(words("# a").is_empty());
}

/// With `--help` at the end, a command parses what stands before it, and does nothing.
#[test]
fn every_command_in_a_document_parses() {
    let dir = HostDir::new("");
    let mut seen = 0;
    for name in documents().into_iter().chain(["host/config.default.toml".to_owned()]) {
        for words in invocations(&document(&name)).into_iter().filter(|words| !words.is_empty()) {
            let arguments: Vec<&str> = words.iter().map(String::as_str).chain(["--help"]).collect();
            let output = dir.run(&arguments);
            assert_eq!(output.code, 0, "{name}: hookyard {}\n{output:?}", words.join(" "));
            for flag in words.iter().filter(|word| word.starts_with("--")) {
                assert!(output.out.contains(&format!("{flag} ")), "{name}: hookyard {}", words.join(" "));
            }
            seen += 1;
        }
    }
    assert!(seen >= 30, "{seen} commands were found");
}

#[test]
fn every_make_target_in_a_document_exists() {
    let makefile = document("Makefile");
    for name in documents() {
        let text = document(&name);
        for (at, _) in text.match_indices("make ").filter(|(at, _)| text[..*at].ends_with(['`', '\n'])) {
            let target: String =
                text[at + 5..].chars().take_while(|c| c.is_ascii_lowercase() || *c == '-').collect();
            assert!(makefile.contains(&format!("\n{target}:")), "{name}: make {target}");
        }
    }
}
