//! Attempts to reach a destination without a grant.

use hookyard::effect::EffectOutcome;

use super::{grants, outbound, request, send};
use crate::support::{Partner, Reply};

/// Asks for `url` with these grants, while something listens on the loopback that must not be asked.
async fn refused(hosts: &[(&'static str, &[&str])], url: &str, granted: &[&str], parts: &[&str]) {
    let there = Partner::start(|_, _| Reply::text(200, "reached")).await;
    let port = there.port().to_string();
    let place = |text: &str| text.replace("PORT", &port);
    let granted: Vec<String> = granted.iter().map(|text| place(text)).collect();
    let granted: Vec<&str> = granted.iter().map(String::as_str).collect();
    let out = outbound(hosts, |_| {});
    let sent = send(&out, &grants(&granted, &[]), "key.1", &request("POST", &place(url), "x")).await;
    assert_eq!(sent.outcome, EffectOutcome::Refused, "{url}: {sent:?}");
    for part in parts {
        assert!(sent.detail.contains(&place(part)), "{url}: {part}: {sent:?}");
    }
    assert!(there.requests().is_empty(), "{url} was reached");
}

#[tokio::test]
async fn internal_addresses_are_refused_in_every_form() {
    for (url, origin) in [
        ("http://127.0.0.1:PORT/", "http://127.0.0.1:PORT"),
        ("http://2130706433:PORT/", "http://127.0.0.1:PORT"),
        ("http://0x7f000001:PORT/", "http://127.0.0.1:PORT"),
        ("http://0x7f.1:PORT/", "http://127.0.0.1:PORT"),
        ("http://017700000001:PORT/", "http://127.0.0.1:PORT"),
        ("http://0177.0.0.1:PORT/", "http://127.0.0.1:PORT"),
        ("http://127.1:PORT/", "http://127.0.0.1:PORT"),
        ("http://０x7f.1:PORT/", "http://127.0.0.1:PORT"),
        ("http://0:PORT/", "http://0.0.0.0:PORT"),
        ("http://[::1]:PORT/", "http://[::1]:PORT"),
        ("http://[::]:PORT/", "http://[::]:PORT"),
        ("http://[::ffff:127.0.0.1]:PORT/", "http://[::ffff:7f00:1]:PORT"),
        ("http://[::127.0.0.1]:PORT/", "http://[::7f00:1]:PORT"),
        ("http://[64:ff9b::7f00:1]:PORT/", "http://[64:ff9b::7f00:1]:PORT"),
        ("http://169.254.169.254/latest/meta-data/", "http://169.254.169.254"),
        ("http://[fd00:ec2::254]/", "http://[fd00:ec2::254]"),
        ("http://localhost:PORT/", "http://localhost:PORT"),
        ("http://ip6-localhost:PORT/", "http://ip6-localhost:PORT"),
    ] {
        let missing = format!("{origin} is not granted: add it to `http` in [plugin.sms]");
        refused(&[], url, &["https://sms.example.gn", "http://127.0.0.1:1"], &[&missing]).await;
    }
}

#[tokio::test]
async fn a_granted_name_with_an_internal_address_needs_a_grant_of_the_address() {
    let hosts: [(&str, &[&str]); 9] = [
        ("loopback.example", &["127.0.0.1"]),
        ("six.example", &["::1"]),
        ("mapped.example", &["::ffff:127.0.0.1"]),
        ("metadata.example", &["169.254.169.254"]),
        ("metadata6.example", &["fd00:ec2::254"]),
        ("private.example", &["10.0.0.5", "192.168.0.5"]),
        ("shared.example", &["100.64.0.1"]),
        ("nat64.example", &["64:ff9b::127.0.0.1"]),
        ("nowhere.example", &["0.0.0.0"]),
    ];
    for (name, address) in [
        ("loopback.example", "http://127.0.0.1:PORT (loopback)"),
        ("six.example", "http://[::1]:PORT (loopback)"),
        ("mapped.example", "http://127.0.0.1:PORT (loopback)"),
        ("metadata.example", "http://169.254.169.254:PORT (metadata)"),
        ("metadata6.example", "http://[fd00:ec2::254]:PORT (metadata)"),
        ("private.example", "http://10.0.0.5:PORT (private) or http://192.168.0.5:PORT (private)"),
        ("shared.example", "http://100.64.0.1:PORT (carrier-grade NAT)"),
        ("nat64.example", "http://[64:ff9b::7f00:1]:PORT (loopback)"),
        ("nowhere.example", "http://0.0.0.0:PORT (unspecified)"),
    ] {
        let (origin, needs) =
            (format!("http://{name}:PORT"), format!("add {address} to `http` in [plugin.sms]"));
        // The same address at another port, or with another scheme, is another grant.
        let granted = [origin.as_str(), "http://127.0.0.1:1", "https://127.0.0.1:PORT", "http://127.0.0.1"];
        refused(&hosts, &origin, &granted, &[&origin, "resolves to an internal address", &needs]).await;
    }
}

#[tokio::test]
async fn the_systems_names_of_this_machine_are_refused() {
    let there = Partner::start(|_, _| Reply::text(200, "reached")).await;
    let config = hookyard::config::Config::default();
    let out = hookyard::outbound::Outbound::new(&config.http, &config.email).unwrap();
    let origin = format!("http://localhost:{}", there.port());
    let sent = send(&out, &grants(&[&origin], &[]), "key.1", &request("GET", &origin, "")).await;
    assert_eq!(sent.outcome, EffectOutcome::Refused, "{sent:?}");
    assert!(sent.detail.contains("resolves to an internal address"), "{sent:?}");
    assert!(there.requests().is_empty());
}

#[tokio::test]
async fn other_schemes_ports_and_passwords_are_refused() {
    let only = ["http://127.0.0.1:1"];
    for (url, part) in [
        ("file:///etc/passwd", "https:// or http://"),
        ("gopher://127.0.0.1:PORT/", "https:// or http://"),
        ("http://127.0.0.1:PORT/", "http://127.0.0.1:PORT is not granted"),
        ("http://user:hunter2@127.0.0.1:1/", "password in the URL"),
        ("//127.0.0.1:PORT/", "the URL"),
    ] {
        refused(&[], url, &only, &[part]).await;
    }
}

#[tokio::test]
async fn a_redirect_is_checked_like_the_request() {
    let inside = Partner::start(|_, _| Reply::text(200, "reached")).await;
    let to = [
        (format!("http://127.0.0.1:{}/", inside.port()), "is not granted: add it to `http` in [plugin.sms]"),
        (format!("http://2130706433:{}/", inside.port()), "is not granted"),
        (format!("http://localhost:{}/", inside.port()), "is not granted"),
        (format!("http://inside.example:{}/", inside.port()), "resolves to an internal address"),
        ("http://169.254.169.254/".into(), "http://169.254.169.254 is not granted"),
        ("file:///etc/passwd".into(), "https:// or http://"),
        ("http://user:hunter2@127.0.0.1/".into(), "password in the URL"),
    ];
    let locations: Vec<String> = to.iter().map(|(location, _)| location.clone()).collect();
    let start = Partner::start(move |number, _| Reply::redirect(307, &locations[number])).await;
    let out = outbound(&[("inside.example", &["127.0.0.1"])], |_| {});
    let named = format!("http://inside.example:{}", inside.port());
    let grants = grants(&[&start.origin(), &named], &[]);
    for (location, part) in &to {
        let sent = send(&out, &grants, "key.1", &request("POST", &start.origin(), "x")).await;
        assert_eq!(sent.outcome, EffectOutcome::Refused, "{location}: {sent:?}");
        assert!(sent.detail.contains(part), "{location}: {sent:?}");
    }
    assert!(inside.requests().is_empty());
    assert_eq!(start.requests().len(), to.len());
}

#[tokio::test]
async fn an_open_connection_of_one_plugin_is_closed_to_another_without_the_grant() {
    let there = Partner::start(|_, _| Reply::text(200, "reached")).await;
    let out = outbound(&[("crm.example", &["127.0.0.1"])], |_| {});
    let (name, address) = (format!("http://crm.example:{}", there.port()), there.origin());
    let asked = request("GET", &name, "");
    let may = send(&out, &grants(&[&name, &address], &[]), "key.1", &asked).await;
    assert_eq!(may.outcome, EffectOutcome::Done, "{may:?}");
    let may_not = send(&out, &grants(&[&name], &[]), "key.2", &asked).await;
    assert_eq!(may_not.outcome, EffectOutcome::Refused, "{may_not:?}");
    assert_eq!(there.requests().len(), 1);
}

#[tokio::test]
async fn only_the_allowed_addresses_of_a_name_are_tried() {
    let there = Partner::start(|_, _| Reply::text(200, "reached")).await;
    // Nothing listens there; it would be tried first.
    let out = outbound(&[("crm.example", &["127.0.0.9", "127.0.0.1"])], |_| {});
    let name = format!("http://crm.example:{}", there.port());
    let sent = send(&out, &grants(&[&name, &there.origin()], &[]), "key.1", &request("GET", &name, "")).await;
    assert_eq!(sent.outcome, EffectOutcome::Done, "{sent:?}");
}

#[test]
fn a_refusal_that_needs_no_lookup_is_immediate() {
    let out = outbound(&[], |_| {});
    let grants = grants(&["https://sms.example.gn"], &[]);
    let check = |url: &str| out.check_request(&grants, &request("POST", url, ""));
    assert_eq!(check("https://sms.example.gn/send?key=1"), Ok(()));
    let missing = "http://127.0.0.1:9000 is not granted: add it to `http` in [plugin.sms]";
    assert_eq!(check("http://127.0.0.1:9000/?key=secret"), Err(missing.into()));
}
