//! Log lines of plugins in the host's log. A line is queued during the call, so the log may show calls of a host
//! that died before it recorded them. A killed host writes no more of its queue, so it may also lack calls.

use serde_json::Value;

/// A plugin's line.
#[derive(Debug)]
pub(crate) struct PluginLine {
    pub(crate) event: String,
    pub(crate) text: String,
}

/// The lines of a plugin in a host's log. A last line without its end is left out.
pub(crate) fn plugin_lines(log: &str, plugin: &str) -> Vec<PluginLine> {
    let whole = log.rfind('\n').map_or("", |end| &log[..end]);
    whole.lines().filter_map(|line| line_of(line, plugin)).collect()
}

fn line_of(line: &str, plugin: &str) -> Option<PluginLine> {
    let line: Value = serde_json::from_str(line).ok()?;
    let ours = line["target"] == "plugin" && line["plugin"] == plugin;
    let text = |key: &str| line[key].as_str().map(str::to_owned);
    ours.then(|| Some(PluginLine { event: text("event")?, text: text("message")? }))?
}
