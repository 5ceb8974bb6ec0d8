//! Uses WASI as a command-line program does: prints, sleeps, exits, ends with a runtime's last words, or looks for
//! files, host names, arguments and an environment. The event's type says which.

#![allow(clippy::same_length_and_capacity, reason = "generated")]

wit_bindgen::generate!({
    path: [
        "../../../wit/wasi/io.wit",
        "../../../wit/wasi/clocks.wit",
        "../../../wit/wasi/random.wit",
        "../../../wit/wasi/config.wit",
        "../../../wit/wasi/logging.wit",
        "../../../wit/wasi/keyvalue.wit",
        "../../../wit/wasi/http.wit",
        "../../../wit/hookyard-plugin-0.1.0",
        "wit",
    ],
    world: "tests:wasi-probe/wasi-probe",
    generate_all,
});

use exports::hookyard::plugin::event_handler::{Context, Failure, Guest};
use wasi::cli::{environment, exit, stderr, stdin, stdout};
use wasi::clocks0_2_0::monotonic_clock;
use wasi::filesystem::preopens;
use wasi::io0_2_0::streams::OutputStream;
use wasi::sockets::{instance_network, ip_name_lookup};

struct WasiProbe;

impl Guest for WasiProbe {
    fn subscriptions() -> Vec<String> {
        vec!["do.*".into()]
    }

    fn handle(ctx: Context, data: String) -> Result<(), Failure> {
        match ctx.event_type.as_str() {
            "do.print" => {
                print(&stdout::get_stdout(), "one line\nand half ");
                print(&stderr::get_stderr(), "a complaint\n");
                print(&stdout::get_stdout(), "of another");
            }
            "do.look" => look(),
            // An hour: longer than any deadline and any test.
            "do.sleep" => monotonic_clock::subscribe_duration(3_600_000_000_000).block(),
            // Never drops its handles.
            "do.hoard" => loop {
                std::mem::forget(stdout::get_stdout());
            },
            "do.exit" => exit::exit(Err(())),
            "do.panic" => {
                print(&stderr::get_stderr(), &output(&data));
                exit::exit(Err(()))
            }
            other => return Err(Failure::Reject(format!("what is `{other}`?"))),
        }
        Ok(())
    }
}

/// The text at the payload's only key, without a parser of JSON.
fn output(data: &str) -> String {
    let text = data.split('"').nth(3).unwrap_or_default();
    text.replace("\\n", "\n").replace("\\t", "\t")
}

fn look() {
    let directories = preopens::get_directories().len();
    let variables = environment::get_environment().len();
    let arguments = environment::get_arguments().len();
    let input = stdin::get_stdin().blocking_read(1).map(|bytes| bytes.len());
    let name = ip_name_lookup::resolve_addresses(&instance_network::instance_network(), "localhost");
    print(
        &stdout::get_stdout(),
        &format!(
            "{directories} directories, {variables} variables, {arguments} arguments, directory {:?}, input {input:?}, no name {}\n",
            environment::initial_cwd(),
            name.is_err(),
        ),
    );
}

fn print(stream: &OutputStream, text: &str) {
    // An error here cannot be reported anywhere.
    let _ = stream.blocking_write_and_flush(text.as_bytes());
}

export!(WasiProbe);
