//! Relative links lead to files and headings, and the README leads to every page of `docs/`.

use super::{document, documents, pages, root};

/// The targets of a document's links, without those to other sites.
fn links(text: &str) -> Vec<&str> {
    let targets = text.match_indices("](").map(|(at, _)| text[at + 2..].split(')').next().unwrap());
    targets.filter(|target| !target.contains("://")).collect()
}

/// The fragment by which a heading is linked to: lower case, with `-` for spaces, without punctuation.
fn fragment(heading: &str) -> String {
    let kept = heading.chars().filter(|c| c.is_alphanumeric() || [' ', '-', '_'].contains(c));
    kept.flat_map(char::to_lowercase).map(|c| if c == ' ' { '-' } else { c }).collect()
}

fn has_heading(text: &str, wanted: &str) -> bool {
    let outside_of_blocks = text.split("```").step_by(2).flat_map(str::lines);
    let mut headings = outside_of_blocks.filter(|line| line.starts_with('#'));
    headings.any(|line| fragment(line.trim_start_matches('#').trim()) == wanted)
}

#[test]
fn every_relative_link_leads_to_a_file_and_a_heading() {
    let of_tests = ["tests/e2e/faults/README.md", "tests/e2e/hostile/README.md"].map(str::to_owned);
    for name in documents().into_iter().chain(of_tests) {
        let text = document(&name);
        let dir = root().join(&name).parent().unwrap().to_owned();
        for link in links(&text) {
            let (path, heading) = link.split_once('#').unwrap_or((link, ""));
            let target = if path.is_empty() { root().join(&name) } else { dir.join(path) };
            assert!(target.exists(), "{name}: {link}");
            if !heading.is_empty() {
                let linked = std::fs::read_to_string(&target).unwrap();
                assert!(has_heading(&linked, heading), "{name}: {link}");
            }
        }
    }
}

#[test]
fn the_readme_links_to_every_page_of_docs() {
    let readme = document("README.md");
    for page in pages() {
        assert!(links(&readme).contains(&page.as_str()), "{page}");
    }
}
