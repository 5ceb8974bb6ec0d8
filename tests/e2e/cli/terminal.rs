//! Lists on a terminal, and lists that are watched.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::support::{CommandOutput, Event, HostDir, guest, test_python};

/// Runs a command on a terminal with so many columns, and prints what the terminal gets.
const TERMINAL: &str = "import fcntl, os, pty, struct, sys, termios
columns = int(sys.argv[1])
process, terminal = pty.fork()
if process == 0:
    fcntl.ioctl(1, termios.TIOCSWINSZ, struct.pack('HHHH', 40, columns, 0, 0))
    os.execvp(sys.argv[2], sys.argv[2:])
while True:
    try:
        part = os.read(terminal, 65536)
    except OSError:
        break
    if not part:
        break
    sys.stdout.buffer.write(part)
    sys.stdout.buffer.flush()
sys.exit(os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]))";

/// The command, on a terminal with so many columns.
fn on_terminal(columns: u16, command: &Command) -> Command {
    let mut terminal = Command::new(test_python());
    terminal.args(["-c", TERMINAL, &columns.to_string()]).arg(command.get_program()).args(command.get_args());
    terminal.current_dir(command.get_current_dir().unwrap()).env("TERM", "xterm").env_remove("NO_COLOR");
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => terminal.env(name, value),
            None => terminal.env_remove(name),
        };
    }
    terminal
}

async fn host_with_a_dead_letter(dir: &HostDir) -> crate::support::RunningHost<'_> {
    dir.install("actor", &guest("actor"));
    let host = dir.start().await;
    let payload = json!({ "act": "reject-long 60" });
    host.send(&Event::with_payload("shop.closed", "evt_dead", &payload)).await;
    host.wait_finished("evt_dead").await;
    host
}

const CONFIG: &str = "[plugin.actor]\nevents = [\"shop.*\"]\n";

#[tokio::test]
async fn a_table_is_cut_and_coloured_on_a_terminal_only() {
    let dir = HostDir::new(CONFIG);
    let _host = host_with_a_dead_letter(&dir).await;
    let list = dir.command(&["delivery", "list"]);
    let elsewhere = dir.run(&["delivery", "list"]);
    let reason = elsewhere.out.lines().nth(1).unwrap().split("  ").last().unwrap().to_owned();
    assert!(!elsewhere.out.contains('\u{1b}') && reason.len() > 12, "{elsewhere:?}");
    for columns in [100, 120] {
        let output = CommandOutput::run(&mut on_terminal(columns, &list));
        assert!(output.code == 0 && output.out.contains("\u{1b}["), "a state is coloured: {output:?}");
        let plain = CommandOutput::run(on_terminal(columns, &list).env("NO_COLOR", "1"));
        assert!(!plain.out.contains('\u{1b}'), "{plain:?}");
        assert_eq!(plain.out.lines().count(), 2, "each row is one line: {plain:?}");
        let longest = plain.out.lines().map(|line| line.trim_end().chars().count()).max().unwrap();
        assert!(longest <= usize::from(columns) && plain.out.contains("evt_dead"), "{columns}: {plain:?}");
    }
    let wide = CommandOutput::run(on_terminal(400, &list).env("NO_COLOR", "1"));
    assert!(wide.out.contains(&reason) && !wide.out.contains('…'), "{wide:?}");
}

#[tokio::test]
async fn a_watched_list_is_printed_again_when_it_has_changed_also_after_a_restart() {
    let dir = HostDir::new(CONFIG);
    let host = host_with_a_dead_letter(&dir).await;
    let mut command = dir.command(&["delivery", "list", "--state", "dead", "--watch=1", "--json"]);
    let mut watching = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(watching.stdout.take().unwrap()).lines();
    let mut next = || -> usize {
        let page: Value = serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap();
        page["items"].as_array().unwrap().len()
    };
    assert_eq!(next(), 1);
    host.kill();
    let host = dir.start().await;
    host.send(&Event::with_payload("shop.closed", "evt_later", &json!({ "act": "reject" }))).await;
    assert_eq!(next(), 2, "an unchanged list is not printed again");
    let stopped = Command::new("kill").args(["-INT", &watching.id().to_string()]).status();
    assert!(stopped.unwrap().success());
    let ended = watching.wait_with_output().unwrap();
    assert_eq!(ended.status.code(), Some(0), "{ended:?}");
}

#[tokio::test]
async fn a_watched_list_refuses_wrong_intervals_and_arguments_at_once() {
    let dir = HostDir::new("");
    let _host = dir.start().await;
    for wrong in [
        &["plugin", "list", "--watch=0"][..],
        &["plugin", "list", "--watch=3601"],
        &["plugin", "list", "--watch=soon"],
        &["event", "list", "--watch", "--follow"],
        &["event", "list", "--watch", "--state", "lost"],
    ] {
        let output = dir.run(wrong);
        assert_eq!(output.code, 2, "{wrong:?}: {output:?}");
    }
}
