//! Errors name key, value and line, and never a secret.

use super::parse;

/// A text, and a part of the expected error.
type Row = (&'static str, &'static str);

const HOST: &[Row] = &[
    ("[log]\nlevel = 'verbose'", "hookyard.toml:2: `log.level = 'verbose'`: use error, warn"),
    ("[log]\nlevel = ''", "hookyard.toml:2: `log.level = ''`: use error, warn"),
    (
        "\n[server]\nlisten_on = 1",
        "hookyard.toml:3: `server.listen_on`: unknown key `listen_on`, expected one of `listen`",
    ),
    ("[server]\nlisten = 'here'", "hookyard.toml:2: `server.listen = 'here'`: not an address and a port"),
    (
        "[server]\nlisten = 8080",
        "hookyard.toml:2: `server.listen = 8080`: invalid type: integer `8080`, expected",
    ),
    ("[server]\nbody_max_bytes = 0", "hookyard.toml:2: `server.body_max_bytes = 0`: must be 1 to 67108864"),
    (
        "[server]\nbody_max_bytes = -1",
        "hookyard.toml:2: `server.body_max_bytes = -1`: invalid value: integer `-1`",
    ),
    ("server.body_timeout_ms = '5s'", "hookyard.toml:1: `server.body_timeout_ms = '5s'`: invalid type"),
    ("[server\n", "hookyard.toml:1: "),
    ("server.listen = '[::1]:1'\nserver.listen = '[::1]:1'", "hookyard.toml:2: duplicate key `listen`"),
    (
        "[database]\nurl = 'postgres://u:pw@h/d'",
        "hookyard.toml:2: `database.url`: this version stores in SQLite only",
    ),
    (
        "[database]\nurl = 'sqlite::memory:'",
        "hookyard.toml:2: `database.url`: events must outlive the process",
    ),
    (
        "[retention]\nkeys_days = 29\nevents_days = 7",
        "hookyard.toml:2: `retention.keys_days = 29`: must be at least 30, and more than retention.events_days, which is 7",
    ),
    (
        "[retention]\nevents_days = 45",
        "`retention.keys_days`: must be at least 30, and more than retention.events_days, which is 45",
    ),
    ("[retention]\nevents_days = 0", "hookyard.toml:2: `retention.events_days = 0`: must be 1 to 36500"),
    (
        "[retention]\nsize_max_bytes = 1000",
        "hookyard.toml:2: `retention.size_max_bytes = 1000`: must be at least 1048576",
    ),
    ("[search]\nvalue_max_bytes = 15", "hookyard.toml:2: `search.value_max_bytes = 15`: must be 16 to 4096"),
    ("[search]\nvalues_max = 1001", "hookyard.toml:2: `search.values_max = 1001`: must be 1 to 1000"),
    (
        "[search]\nscan_max_events = 1000001",
        "hookyard.toml:2: `search.scan_max_events = 1000001`: must be 0 to 1000000",
    ),
    (
        "[sources.a]\nscheme = 'hmac'\nsecrets = ['s']\nsearch = ['', '', '', '', '', '', '', '', '', '', '', '', '', '', '', '', '']",
        "17 pointers; give at most 16",
    ),
    ("[log]\nlevel = 'loud=='", "hookyard.toml:2: `log.level = 'loud=='`: use error, warn"),
    ("[log]\nplugin_level = 'x'", "hookyard.toml:2: `log.plugin_level = 'x'`: use error, warn"),
    (
        "[dispatch]\nconcurrency = 300",
        "hookyard.toml:2: `dispatch.concurrency = 300`: every attempt needs an instance",
    ),
    ("[plugins]\ndebounce_ms = 3000", "hookyard.toml:2: `plugins.debounce_ms = 3000`: must not be longer"),
    (
        "[admin]\nlisten = '127.0.0.1:8080'",
        "hookyard.toml:2: `admin.listen = '127.0.0.1:8080'`: the webhook endpoint",
    ),
];

const OUTSIDE: &[Row] = &[
    ("[email]\nsmtp = 'smtp://127.0.0.1'", "`email.from`: emails need a sender where email.smtp is set"),
    (
        "[admin]\nidempotency_keys_max = 9\nidempotency_keys_per_token_max = 10",
        "hookyard.toml:3: `admin.idempotency_keys_per_token_max = 10`: more than admin.idempotency_keys_max, which is 9",
    ),
    (
        "[effects]\nbackoff_base_ms = 10\nbackoff_max_ms = 5",
        "hookyard.toml:2: `effects.backoff_base_ms = 10`: more than",
    ),
    ("[effects]\nattempts_max = 0", "hookyard.toml:2: `effects.attempts_max = 0`: must be 1 to 1000"),
    (
        "[store]\ncache_max_bytes = 1000",
        "hookyard.toml:2: `store.cache_max_bytes = 1000`: must be 1048576 to",
    ),
    ("[http]\nredirects_max = 21", "hookyard.toml:2: `http.redirects_max = 21`: must be 0 to 20"),
    (
        "[plugin.a]\nemail = ['example.gn']",
        "`example.gn` is no recipient: write `*`, `*@example.org` or an address",
    ),
    ("[plugin.a]\nemail = ['*@']", "`*@` is no recipient"),
    (
        "[sources.'plugin.a']\nscheme = 'hmac'\nsecrets = ['x']",
        "`plugin.…` are the sources of events that plugins emit",
    ),
];

const SOURCES: &[Row] = &[
    (
        "[sources.a]\nscheme = 'githup'\nsecrets = ['x']",
        "hookyard.toml:2: `sources.a.scheme = 'githup'`: unknown value `githup`, expected one of `adyen`",
    ),
    (
        "[sources.a]\nsecrets = ['x']",
        "hookyard.toml:1: `sources.a`: missing key `scheme`: name a preset, or set `verifier`",
    ),
    (
        "[sources.a]\nverifier = 'v'\nscheme = 'hmac'\nsecrets = ['x']",
        "hookyard.toml:3: `sources.a.scheme = 'hmac'`: the source has the verifier `v`: set either `scheme` or `verifier`",
    ),
    (
        "[sources.a]\nverifier = 'v'\nsecrets = ['x']\nheader = 'x-a'",
        "hookyard.toml:4: `sources.a.header = 'x-a'`: it has no effect: the verifier `v` decides how requests are signed",
    ),
    (
        "[sources.a]\nverifier = 'a b'\nsecrets = ['x']",
        "hookyard.toml:2: `sources.a.verifier = 'a b'`: `a b` is not a name",
    ),
    ("[sources.a]\nverifier = 'v'\nsecrets = []", "hookyard.toml:3: `sources.a.secrets`: without a secret"),
    (
        "[verifiers]\nmemory_max_bytes = 1048576\n[sources.a]\nverifier = 'v'\nsecrets = ['x']",
        "hookyard.toml:2: `verifiers.memory_max_bytes = 1048576`: must be at least twice server.body_max_bytes",
    ),
    ("[verifiers]\nconcurrency = 33", "hookyard.toml:2: `verifiers.concurrency = 33`: must be 0 to 32"),
    ("[sources.a]\nscheme = 'hmac'\nsecrets = []", "hookyard.toml:3: `sources.a.secrets`: without a secret"),
    (
        "[sources.a]\nscheme = 'hmac'\nsecrets = ['x', '']",
        "hookyard.toml:3: `sources.a.secrets.1`: a secret may not be empty",
    ),
    (
        "[sources.a]\nscheme = 'hmac'\nsecrets = [\n'x',\n'env:NOT_SET']",
        "hookyard.toml:5: `sources.a.secrets.1`: environment variable `NOT_SET` is not set or empty; a running host sees",
    ),
    ("[sources.a]\nscheme = 'hmac'\nsecrets = ['env:EMPTY']", "`EMPTY` is not set or empty"),
    (
        "[sources.a]\nscheme = 'hmac'\nsecrets = ['file:no/such']",
        "hookyard.toml:3: `sources.a.secrets.0`: file `no/such` cannot be read",
    ),
    ("[sources.'a b']\nscheme = 'hmac'", "hookyard.toml:1: `sources.\"a b\"`: `a b` is not a name"),
    (
        "[sources.a]\nscheme = 'hmac'\nsecrets = ['x']\nid = 'id'",
        "hookyard.toml:4: `sources.a.id = 'id'`: `id` is no JSON pointer",
    ),
    (
        "[sources.a]\nscheme = 'hmac'\nsecrets = ['x']\npayload = '/a~2'",
        "hookyard.toml:4: `sources.a.payload = '/a~2'`: `/a~2` is no JSON pointer",
    ),
    (
        "[sources.a]\nscheme = 'hmac'\nsecrets = ['x']\nheader = 'a b'",
        "hookyard.toml:4: `sources.a.header = 'a b'`: `a b` is no header name",
    ),
    (
        "[sources.a]\nscheme = 'hmac'\nsecrets = ['x']\nencoding = 'HEX'",
        "hookyard.toml:4: `sources.a.encoding = 'HEX'`: unknown value `HEX`",
    ),
    (
        "[sources.a]\nscheme = 'standard-webhooks'\nsecrets = ['whsec_AAAA', 'AAAA']",
        "hookyard.toml:3: `sources.a.secrets.1`: it does not begin with `whsec_`: copy the whole secret",
    ),
    (
        "[sources.a]\nscheme = 'standard-webhooks'\nsecrets = ['whsec_#']",
        "hookyard.toml:3: `sources.a.secrets.0`: it is no base64 after `whsec_`: copy the whole secret",
    ),
    (
        "[sources.a]\nscheme = 'adyen'\nsecrets = ['x']",
        "hookyard.toml:3: `sources.a.secrets.0`: it is no hex: copy the whole secret",
    ),
    (
        "[sources.a]\nscheme = 'discord'\nsecrets = ['abcd']",
        "hookyard.toml:3: `sources.a.secrets.0`: it is no public key for Ed25519: give `file:PATH` of a PEM file",
    ),
    (
        "[sources.a]\nscheme = 'hmac'\nsecrets = [{ secret = 'x', not_after = 'soon' }]",
        "`soon` is no time: write not_after",
    ),
    (
        "[sources.a]\nscheme = 'hmac'\nsecrets = [{ secret = 'hunter2', until = 'soon' }]",
        "use a text, or { secret",
    ),
    (
        "[sources.a]\nscheme = 'square'\nsecrets = ['x']",
        "`sources.a.url`: the scheme `square` signs the URL that the provider calls: set `public_url` in [server]",
    ),
    (
        "[sources.a]\nscheme = 'paypal'\nsecrets = ['x']",
        "`sources.a.values`: the scheme `paypal` signs `webhook_id`, which the provider shows: set values =",
    ),
    (
        "[sources.a]\nscheme = 'hmac'\nsecrets = ['x']\nsigned = '{timestamp}.{body}'",
        "`sources.a.timestamp`: `signed` has {timestamp} in it: name its place",
    ),
    (
        "[sources.a]\nscheme = 'hmac'\nsecrets = ['x']\nsigned = '{form}'\ntext = true",
        "hookyard.toml:5: `sources.a.text = true`: the signature covers the fields of a form",
    ),
    (
        "[sources.a]\nscheme = 'hmac'\nsecrets = ['x']\nsigned = '{bodi}'",
        "hookyard.toml:4: `sources.a.signed = '{bodi}'`: `{bodi}`: `{bodi}` is no part of a request",
    ),
    (
        "[sources.a]\nscheme = 'hmac'\nsecrets = ['x']\ntolerance_seconds = 9999999",
        "hookyard.toml:4: `sources.a.tolerance_seconds = 9999999`: must be 0 to 604800",
    ),
    (
        "[sources.a]\nscheme = 'hmac'\nsecrets = ['x']\ntolerance_seconds = 300",
        "hookyard.toml:4: `sources.a.tolerance_seconds = 300`: nothing is compared with it: name the place",
    ),
    (
        "[sources.a]\nscheme = 'hmac'\nsecrets = ['x']\ntimestamp = '{header:X-Time}'",
        "hookyard.toml:4: `sources.a.timestamp = '{header:X-Time}'`: this time is not signed",
    ),
    (
        "[sources.a]\nscheme = 'stripe'\nsecrets = ['x']\nsigned = '{body}'",
        "`sources.a.timestamp`: this time is not signed",
    ),
    (
        "[sources.a]\nscheme = 'token'\nsecrets = ['x']\ntimestamp = '/time'",
        "hookyard.toml:4: `sources.a.timestamp = '/time'`: this time is not signed",
    ),
    (
        "[sources.a]\nscheme = 'hmac'\nsecrets = ['x']\nheader = 'X-Signature'\nsignature = '/signature'",
        "`header` and `signature` both name the place of the signature: set one of them",
    ),
    ("[sources.a]\nscheme = 'hmac'\nsecrets = ['x']\nsignatures = []", "name 1 to 8 places of signatures"),
    (
        "[sources.a]\nscheme = 'hmac'\nsecrets = ['x']\nsignatures = [{ header = 'X-A' }]\nprefix = 'v1='",
        "`signatures` has all places: leave out `header`",
    ),
    (
        "[sources.a]\nscheme = 'hmac'\nsecrets = ['x']\nsignatures = [{ header = 'X-A', pointer = '/a' }]",
        "give either `header` or `pointer`",
    ),
    (
        "[sources.a]\nscheme = 'hmac'\nsecrets = ['x']\nheader = 'X-A'\nany_signature = true",
        "`any_signature` has no effect with one place: name several in `signatures`",
    ),
    (
        "[sources.a]\nscheme = 'hmac'\nsecrets = ['x']\nsigned_by = '/t'",
        "`signed_by` and `signed_for` belong together: set both",
    ),
    (
        "[sources.a]\nscheme = 'hmac'\nsecrets = ['x']\nsigned_by = '/t'\nsigned_for = { a = '{/x}[{/t}]' }",
        "`sources.a.signed_for`: the value at `signed_by` is not signed in that of `a`: add it",
    ),
    (
        "[sources.a]\nscheme = 'hmac'\nsecrets = ['x']\nurl = 'https://h'\nsigned = '{url}'\nbody_digest = 'd'",
        "hookyard.toml:6: `sources.a.body_digest = 'd'`: the digest is in the query, and forms have none",
    ),
    (
        "[sources.a]\nscheme = 'hmac'\nsecrets = ['x']\nbody_digest = 'a=b'",
        "hookyard.toml:4: `sources.a.body_digest = 'a=b'`: use letters, digits",
    ),
    (
        "[sources.a]\nscheme = 'hmac'\nsecrets = ['x']\nencoding = 'text'",
        "hookyard.toml:4: `sources.a.encoding = 'text'`: a signature by HMAC-SHA256 is `hex` or `base64`",
    ),
    (
        "[sources.a]\nscheme = 'hmac'\nsecrets = ['x']\nseparator = '–'",
        "hookyard.toml:4: `sources.a.separator = '–'`: use one visible ASCII character, or a space",
    ),
    (
        "[sources.a]\nscheme = 'hmac'\nsecrets = ['x']\nevent_type = '{body}'",
        "hookyard.toml:4: `sources.a.event_type = '{body}'`: `{body}`: use JSON pointers, headers and text only",
    ),
    (
        "[sources.a]\nscheme = 'hmac'\nsecrets = ['x']\nevent_type = []",
        "hookyard.toml:4: `sources.a.event_type = []`: an event needs a type",
    ),
    (
        "[server]\npublic_url = 'hooks.example.gn'",
        "hookyard.toml:2: `server.public_url = 'hooks.example.gn'`: `hooks.example.gn` is no address of a host",
    ),
    (
        "[sources.a]\nscheme = 'hmac'\nsecrets = ['x']\npackage = 'a'",
        "hookyard.toml:4: `sources.a.package = 'a'`: `a` is no WIT package",
    ),
    (
        "[sources.a]\nscheme = 'hmac'\nsecrets = ['x']\nchanges_on_retry = ['/n', '']",
        "hookyard.toml:4: `sources.a.changes_on_retry = ['/n', '']`: without the whole body nothing is compared",
    ),
    (
        "[sources.a]\nscheme = 'hmac'\nsecrets = ['x']\nreply = 201",
        "hookyard.toml:4: `sources.a.reply = 201`: use a text, or one of the statuses 200, 202 and 204",
    ),
    (
        "[sources.a]\nscheme = 'hmac'\nsecrets = ['x']\nreply = false",
        "hookyard.toml:4: `sources.a.reply = false`: use a text, or one of the statuses 200, 202 and 204",
    ),
    (
        "[sources.a]\nscheme = 'hmac'\nsecrets = ['x']\nreply = '204'",
        "hookyard.toml:4: `sources.a.reply = '204'`: `204` would be sent as a text: write a status without quotes",
    ),
];

const PLUGINS: &[Row] = &[
    ("[plugin.-x]", "hookyard.toml:1: `plugin.-x`: `-x` is not a name"),
    (
        "[plugin.x]\nhttp = ['https://a/path']",
        "hookyard.toml:2: `plugin.x.http = ['https://a/path']`: `https://a/path` is no origin",
    ),
    (
        "[plugin.x]\nhttp = ['https://user:hunter2@a.example']",
        "hookyard.toml:2: `plugin.x.http = ['https://(hidden)@a.example']`: `https://(hidden)@a.example` is no origin",
    ),
    (
        "[plugin.x]\nhttp = ['https://a']\nhttp_credentials = ['https://b']",
        "hookyard.toml:3: `plugin.x.http_credentials = ['https://b']`: `https://b` is not in `http`",
    ),
    ("[plugin.x]\nevents = ['a*']", "hookyard.toml:2: `plugin.x.events = ['a*']`: `a*` is no event type"),
    (
        "[plugin.x]\ninstances = 'kept'",
        "hookyard.toml:2: `plugin.x.instances = 'kept'`: unknown value `kept`, expected `fresh` or `reused`",
    ),
    (
        "[plugin.x]\nconfig = { a = [1] }",
        "hookyard.toml:2: `plugin.x.config.a`: use text, a number, true or false",
    ),
    (
        "[plugin.x]\nconfig.a = 'env:NOT_SET'",
        "hookyard.toml:2: `plugin.x.config.a`: environment variable `NOT_SET`",
    ),
    (
        "[plugin.x.secrets]\nkey = 'env:NOT_SET'",
        "hookyard.toml:2: `plugin.x.secrets.key`: environment variable `NOT_SET`",
    ),
    (
        "[plugin.x.secrets]\nkey = ' x'",
        "hookyard.toml:2: `plugin.x.secrets.key`: it begins or ends with white space",
    ),
    (
        "[plugin.x]\nconfig.a = 1\nsecrets.a = 's'",
        "hookyard.toml:3: `plugin.x.secrets.a`: config has the same key",
    ),
    (
        "[plugin.x]\nmemory_max_bytes = 536870912",
        "hookyard.toml:2: `plugin.x.memory_max_bytes = 536870912`: more than runtime.memory_max_bytes, which is 268435456",
    ),
    (
        "[plugin.x]\nbackoff_base_ms = 9\nbackoff_max_ms = 8",
        "hookyard.toml:2: `plugin.x.backoff_base_ms = 9`: more than backoff_max_ms, which is 8",
    ),
    (
        "[plugin.x]\nbreaker_pause_ms = 9\nbreaker_pause_max_ms = 8",
        "hookyard.toml:2: `plugin.x.breaker_pause_ms = 9`: more than breaker_pause_max_ms, which is 8",
    ),
    (
        "[plugin.x]\nbreaker_failures_percent = 101",
        "hookyard.toml:2: `plugin.x.breaker_failures_percent = 101`: must be 0 to 100",
    ),
    ("[plugin.x]\nage_max_ms = 0", "hookyard.toml:2: `plugin.x.age_max_ms = 0`: must be 1 to 31622400000"),
    (
        "[plugin.x]\ncall_timeout_ms = 4",
        "hookyard.toml:2: `plugin.x.call_timeout_ms = 4`: less than runtime.tick_ms",
    ),
];

/// An alert with a webhook, and what follows.
macro_rules! alert {
    ($more:literal) => {
        concat!(
            "[[alerts]]\nname = 'ops'\nwebhook_secret = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'\n",
            $more
        )
    };
}

const ALERTS: &[Row] = &[
    (alert!("on = ['dead']"), "hookyard.toml:4: `alerts.0.on.0 = 'dead'`: unknown value `dead`"),
    (alert!("webhook = 'https://h'"), "hookyard.toml:1: `alerts.0.on`: name at least one condition"),
    (
        alert!("webhook = 'https://h'\non = ['backlog']"),
        "hookyard.toml:1: `alerts.0.backlog_max`: `backlog` needs this limit",
    ),
    (
        alert!("webhook = 'https://h'\non = ['backlog']\nbacklog_max = 1\nsilent_after_ms = 5"),
        "hookyard.toml:7: `alerts.0.silent_after_ms = 5`: it has no effect without `source-silent`",
    ),
    (
        alert!("webhook = 'https://h'\non = ['dead-letter']\ntimeout_ms = 0"),
        "hookyard.toml:6: `alerts.0.timeout_ms = 0`: must be 1 to 25000",
    ),
    (alert!("wait = 1"), "hookyard.toml:4: `alerts.0.wait`: unknown key `wait`, expected one of `name`"),
    (alert!("plugins = ['a b']"), "hookyard.toml:4: `alerts.0.plugins = ['a b']`: `a b` is no name"),
    (
        alert!("webhook = 'ftp://h'\non = ['dead-letter']"),
        "hookyard.toml:4: `alerts.0.webhook`: it is no `https://`",
    ),
    (alert!("webhook = 'h'\non = ['dead-letter']"), "hookyard.toml:4: `alerts.0.webhook`: it is no URL"),
    (
        alert!("webhook = 'https://u:p@h'\non = ['dead-letter']"),
        "hookyard.toml:4: `alerts.0.webhook`: a user or password is not sent",
    ),
    (alert!("on = ['dead-letter']"), "hookyard.toml:1: `alerts.0.email`: an alert needs a receiver"),
    (
        "[[alerts]]\nname = 'ops'\non = ['dead-letter']\nwebhook = 'https://h'",
        "`alerts.0.webhook_secret`: `webhook` and its key `webhook_secret` belong together",
    ),
    (
        "[[alerts]]\nname = 'ops'\non = ['dead-letter']\nwebhook = 'https://h'\nwebhook_secret = 'short'",
        "hookyard.toml:5: `alerts.0.webhook_secret`: a key is `whsec_` and 24 to 64 bytes in base64",
    ),
    (
        "[[alerts]]\nname = 'a b'\non = ['dead-letter']\nemail = ['a@b.c']",
        "hookyard.toml:2: `alerts.0.name = 'a b'`: `a b` is not a name",
    ),
    (
        "[[alerts]]\non = ['dead-letter']\nemail = ['a@b.c']",
        "hookyard.toml:1: `alerts.0.name`: an alert needs a name",
    ),
    (
        "[[alerts]]\nname = 'ops'\non = ['dead-letter']\nemail = ['a@b.c']",
        "hookyard.toml:4: `alerts.0.email = ['a@b.c']`: emails need a mail server",
    ),
    ("[[alerts]]\nemail = ['*@b.c']", "hookyard.toml:2: `alerts.0.email = ['*@b.c']`: `*@b.c` is no address"),
];

#[test]
fn a_wrong_receiver_of_an_alert_is_not_repeated() {
    let text =
        "[[alerts]]\nname = 'a'\non = ['dead-letter']\nwebhook = 'no-url-1'\nwebhook_secret = 'no-key-1'";
    let message = parse(text).map(|_| ()).unwrap_err();
    assert_eq!(message.lines().count(), 2, "{message}");
    assert!(!message.contains("no-url-1") && !message.contains("no-key-1"), "{message}");
}

#[test]
fn two_alerts_may_not_share_a_name() {
    let one = "[[alerts]]\nname = 'ops'\non = ['dead-letter']\nemail = ['a@b.c']\n";
    let text = format!("[email]\nsmtp = 'smtp://h'\nfrom = 'a@b.c'\n{one}{one}");
    let message = parse(&text).map(|_| ()).unwrap_err();
    assert!(message.contains("hookyard.toml:9: `alerts.1.name = 'ops'`: another alert"), "{message}");
}

#[test]
fn errors_name_key_value_and_line() {
    for (text, expected) in [HOST, OUTSIDE, SOURCES, PLUGINS, ALERTS].concat() {
        let message = parse(text).map(|_| ()).unwrap_err();
        assert!(message.contains(expected), "\n{text}\n  gave     {message}\n  expected {expected}");
    }
}

#[test]
fn all_problems_are_named_at_once() {
    let message = parse("[server]\nbody_max_bytes = 0\n[runtime]\ntick_ms = 0").unwrap_err();
    assert_eq!(message.lines().count(), 2, "{message}");
}

#[test]
fn errors_and_debug_never_show_a_secret() {
    let table = [
        "[sources.a]\nscheme = 'hmac'\nsecrets = 'whsec_1'",
        "[sources.a]\nscheme = 'hmac'\nsecrets = { a = 'whsec_1' }",
        "[sources.a]\nscheme = 'hmac'\nsecrets = [['whsec_1']]",
        "[sources]\na = 'whsec_1'",
        "sources = 'whsec_1'",
        "[sources.a]\nscheme = 'hmac'\nsecret = 'whsec_1'",
        "[plugin.x]\nsecrets = 'whsec_1'",
        "[plugin.x]\nsecrets.a = ['whsec_1']",
        "[plugin.x]\nconfig.a = 1\nsecrets.a = 'whsec_1'",
        "[plugin.x]\nconfig = 'whsec_1'",
        "[plugin]\nx = 'whsec_1'",
        "[database]\nurl = 'postgres://whsec_1@h'",
        "[plugin.x]\nhttp = ['https://a', 'https://user:whsec_1/x@h']",
        "[plugin.x]\nhttp = ['https://a.example.with.a.long.name', 'https://u:whsec_1wwwwwwwwwwwwwwwwwwwwwwwwwwww@h']",
        "[plugin.x]\nhttp = 'https://user:whsec_1@h'",
        "dev.watch = 'https://user:whsec_1@h'",
        "[[alerts]]\nwebhook_secret = ['whsec_1']",
        "[[alerts]]\nwebhook = { whsec_1 = 1 }",
        "alerts = 'whsec_1'",
        "alerts = ['whsec_1']",
        "[alerts]\nwebhook_secret = 'whsec_1'",
    ];
    for text in table {
        let message = parse(text).map(|_| ()).unwrap_err();
        assert!(!message.contains("whsec") && message.contains("hookyard.toml:"), "{text}: {message}");
    }
    let config =
        parse("[sources.a]\nscheme = 'hmac'\nsecrets = ['whsec_1']\n[plugin.x]\nsecrets.a = 'whsec_1'")
            .unwrap();
    assert!(!format!("{config:?}").contains("whsec"));
}
