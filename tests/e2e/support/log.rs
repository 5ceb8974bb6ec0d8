//! What plugins logged, as the host repeats it: a line is there at the moment the plugin writes it, so
//! these tell what ran even where the host did not live to record it.

use serde_json::Value;

/// A plugin's line.
#[derive(Debug)]
pub(crate) struct Line {
    pub(crate) event: String,
    pub(crate) text: String,
}

/// The lines of a plugin in a host's log. A last line without its end is left out.
pub(crate) fn plugin_lines(log: &str, plugin: &str) -> Vec<Line> {
    let whole = log.rfind('\n').map_or("", |end| &log[..end]);
    whole.lines().filter_map(|line| line_of(line, plugin)).collect()
}

fn line_of(line: &str, plugin: &str) -> Option<Line> {
    let line: Value = serde_json::from_str(line).ok()?;
    let ours = line["target"] == "plugin" && line["plugin"] == plugin;
    let text = |key: &str| line[key].as_str().map(str::to_owned);
    ours.then(|| Some(Line { event: text("event")?, text: text("message")? }))?
}
