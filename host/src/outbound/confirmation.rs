//! Opens the URL of a confirmation that an operator approved.
//!
//! The URL came in a request. So the host opens it only at the provider's own hosts, or at origins that the operator
//! named, and only if it does what the operator was told: to confirm this topic.

use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};
use url::Url;

use super::clients::Clients;
use super::destination::Destination;
use super::exchange::send;
use super::failure::{FailureKind, OutboundFailure, excerpt};
use super::grants::Origin;
use super::request::OutgoingRequest;
use crate::secrets::Mask;

/// The longest answer that is read, in bytes. That of Amazon SNS has some 400.
const ANSWER_MAX_BYTES: usize = 64 * 1024;
/// The longest time for connection, request and answer, whatever `http.timeout_ms` is.
const TIME_MAX: Duration = Duration::from_secs(10);
/// The longest recorded part of an answer that does not confirm.
const EXCERPT_MAX_BYTES: usize = 300;
/// The longest recorded name of a subscription.
const SUBSCRIPTION_MAX_BYTES: usize = 512;

/// A confirmation to open.
#[derive(Debug, Clone, Copy)]
pub struct ConfirmationToOpen<'a> {
    /// The section of its source in the configuration, for messages.
    pub section: &'a str,
    /// What is confirmed: the ARN of a topic of Amazon SNS.
    pub topic: &'a str,
    /// The URL.
    pub url: &'a str,
    /// The origins, besides those of Amazon SNS, at which the operator lets the host open it.
    pub origins: &'a [String],
}

/// A URL that may be opened.
#[derive(Debug, PartialEq, Eq)]
struct CheckedUrl {
    url: Url,
    /// Whether the operator named its origin, so that it may be internal.
    is_named: bool,
    /// The provider's token, which is redacted in messages.
    token: String,
}

/// Opens a confirmation. Returns what the provider names: the ARN of the subscription.
pub(super) async fn open(
    clients: &Clients,
    confirmation: &ConfirmationToOpen<'_>,
) -> Result<Option<String>, OutboundFailure> {
    let CheckedUrl { url, is_named, token } =
        check(confirmation).map_err(|why| OutboundFailure::new(FailureKind::NotGranted, why))?;
    let mask = Mask::new(&[("token".to_owned(), token)].into());
    let by = Destination {
        origin: Origin::of(&url)?,
        granted: Vec::new(),
        section: confirmation.section.to_owned(),
        of_operator: is_named,
    };
    let limit = TIME_MAX.min(Duration::from_millis(clients.limits.timeout_ms));
    let request = OutgoingRequest::new(Method::GET, url, HeaderMap::new(), Bytes::new())?;
    let opening = async {
        let response = send(clients, &by, &request, Instant::now() + limit).await?;
        read(clients, &by, &mask, response).await
    };
    // The client's own limit begins again with each part of an answer that is read.
    let opened = tokio::time::timeout(limit, opening).await.unwrap_or_else(|_| {
        let detail = format!("no complete answer from {} within {} ms", by.origin, limit.as_millis());
        Err(OutboundFailure::new(FailureKind::Timeout, detail))
    });
    opened.map_err(|failure| explain(failure, &by, confirmation))
}

/// A failure in words that name the right key of the configuration.
fn explain(
    failure: OutboundFailure,
    by: &Destination,
    confirmation: &ConfirmationToOpen<'_>,
) -> OutboundFailure {
    if failure.kind != FailureKind::InternalAddress {
        return failure;
    }
    let (origin, section) = (&by.origin, confirmation.section);
    let detail = format!(
        "{origin} resolves to an internal address: if it is meant, as that of a VPC endpoint, add {origin} to \
         `confirm_origins` in {section}"
    );
    OutboundFailure { detail, ..failure }
}

/// Reads the answer, and decides whether it confirms.
async fn read(
    clients: &Clients,
    by: &Destination,
    mask: &Mask,
    mut response: reqwest::Response,
) -> Result<Option<String>, OutboundFailure> {
    let status = response.status();
    let origin = &by.origin;
    if status.is_redirection() {
        let detail = format!("{origin} answers {} with a redirect, which is not followed", status.as_u16());
        return Err(OutboundFailure::new(FailureKind::Redirects, detail));
    }
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| clients.explain(&error, by))? {
        if body.len() + chunk.len() > ANSWER_MAX_BYTES {
            let detail = format!("the answer of {origin} has more than {ANSWER_MAX_BYTES} bytes");
            return Err(OutboundFailure::new(FailureKind::AnswerTooLarge, detail));
        }
        body.extend_from_slice(&chunk);
    }
    let text = String::from_utf8_lossy(&body);
    if status != StatusCode::OK {
        let reason = status.canonical_reason().map(|reason| format!(" {reason}")).unwrap_or_default();
        let said = excerpt(mask, &text, false, EXCERPT_MAX_BYTES);
        let colon = if said.is_empty() { "" } else { ": " };
        let detail = format!("{origin} answers {}{reason}{colon}{said}", status.as_u16());
        return Err(OutboundFailure::new(FailureKind::Refused, detail));
    }
    Ok(find_subscription(&text))
}

/// The name of the subscription in an answer of Amazon SNS.
fn find_subscription(answer: &str) -> Option<String> {
    let (_, rest) = answer.split_once("<SubscriptionArn>")?;
    let (arn, _) = rest.split_once("</SubscriptionArn>")?;
    let arn = arn.trim();
    let is_name = !arn.is_empty()
        && arn.len() <= SUBSCRIPTION_MAX_BYTES
        && arn.bytes().all(|byte| byte.is_ascii_graphic() && !b"<>&\"'".contains(&byte));
    is_name.then(|| arn.to_owned())
}

/// Checks that a URL confirms the topic, and that the host may open it. No message has the URL's query in it.
fn check(confirmation: &ConfirmationToOpen<'_>) -> Result<CheckedUrl, String> {
    let ConfirmationToOpen { section, topic, url, origins } = *confirmation;
    let url = Url::parse(url).map_err(|error| format!("the URL is none: {error}"))?;
    let origin = Origin::of(&url).map_err(|failure| failure.detail)?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(format!("the URL of {origin} has a user or a password"));
    }
    let is_named = origins
        .iter()
        .filter_map(|named| Origin::of(&Url::parse(named).ok()?).ok())
        .any(|named| named == origin);
    if !is_named {
        check_host(&url, &origin, topic, section)?;
    }
    let parameters = |name: &str| -> Vec<String> {
        let pairs = url.query_pairs().filter(|(key, _)| key == name);
        pairs.map(|(_, value)| value.into_owned()).collect()
    };
    if parameters("Action") != ["ConfirmSubscription"] {
        return Err(format!("the URL of {origin} does not confirm a subscription"));
    }
    if parameters("TopicArn") != [topic] {
        return Err(format!("the URL of {origin} is not about the topic {topic}"));
    }
    let [token] = <[String; 1]>::try_from(parameters("Token"))
        .map_err(|_| format!("the URL of {origin} has no token, or several"))?;
    Ok(CheckedUrl { url, is_named, token })
}

/// Checks that the URL is at Amazon SNS, in the region of the topic.
fn check_host(url: &Url, origin: &Origin, topic: &str, section: &str) -> Result<(), String> {
    let other = || {
        format!(
            "{origin} is no host of Amazon SNS: only https://sns.REGION.amazonaws.com is opened, and the origins in \
             `confirm_origins` of {section}"
        )
    };
    if url.scheme() != "https" || url.port().is_some() || url.path() != "/" {
        return Err(other());
    }
    let region = url.host_str().and_then(region_of).ok_or_else(other)?;
    // arn:PARTITION:sns:REGION:ACCOUNT:NAME
    let parts: Vec<_> = topic.splitn(6, ':').collect();
    match parts[..] {
        ["arn", partition, "sns", of_topic, _, _] if of_topic == region => {
            // China has a domain of its own.
            let is_china = url.domain().is_some_and(|host| host.rsplit('.').next() == Some("cn"));
            if is_china == (partition == "aws-cn") { Ok(()) } else { Err(other()) }
        }
        ["arn", _, "sns", of_topic, _, _] => {
            Err(format!("{origin} is not in the region of the topic, which is {of_topic}"))
        }
        _ => Err(format!("the topic {topic} is no ARN of Amazon SNS")),
    }
}

/// The region in the name of a host of Amazon SNS, as its own libraries recognise one.
fn region_of(host: &str) -> Option<&str> {
    let rest = host.strip_prefix("sns.")?;
    let region = rest.strip_suffix(".amazonaws.com").or_else(|| rest.strip_suffix(".amazonaws.com.cn"))?;
    let is_part = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    (region.len() >= 3 && region.chars().all(is_part)).then_some(region)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests may panic")]
mod tests {
    use super::*;

    const TOPIC: &str = "arn:aws:sns:eu-west-1:123456789012:alarms";
    const CHINESE: &str = "arn:aws-cn:sns:cn-north-1:123456789012:alarms";

    fn check_at(url: &str, topic: &str, origins: &[&str]) -> Result<CheckedUrl, String> {
        let origins: Vec<String> = origins.iter().map(|&origin| origin.to_owned()).collect();
        check(&ConfirmationToOpen { section: "[sources.alarms]", topic, url, origins: &origins })
    }

    fn url(origin: &str, topic: &str) -> String {
        format!("{origin}/?Action=ConfirmSubscription&TopicArn={topic}&Token=2336412f37f")
    }

    #[test]
    fn a_url_at_amazon_sns_in_the_region_of_the_topic_may_be_opened() {
        for (origin, topic) in [
            ("https://sns.eu-west-1.amazonaws.com", TOPIC),
            ("https://sns.eu-west-1.amazonaws.com:443", TOPIC),
            ("https://SNS.EU-WEST-1.amazonaws.com", TOPIC),
            ("https://sns.cn-north-1.amazonaws.com.cn", CHINESE),
            ("https://sns.us-gov-west-1.amazonaws.com", "arn:aws-us-gov:sns:us-gov-west-1:1:t"),
        ] {
            let checked = check_at(&url(origin, topic), topic, &[]).unwrap();
            assert_eq!((checked.is_named, checked.token.as_str()), (false, "2336412f37f"), "{origin}");
        }
    }

    #[test]
    fn other_hosts_and_forms_are_refused() {
        for origin in [
            "http://sns.eu-west-1.amazonaws.com",
            "https://sns.eu-west-1.amazonaws.com:8443",
            "https://sns.eu-west-1.amazonaws.com/path",
            "https://sns.eu-west-1.amazonaws.com.evil.example",
            "https://sns.eu-west-1.amazonaws.com.",
            "https://evil.example/sns.eu-west-1.amazonaws.com",
            "https://xsns.eu-west-1.amazonaws.com",
            "https://sns.evil.example",
            "https://sns.a.b.amazonaws.com",
            "https://sns..amazonaws.com",
            "https://sns.amazonaws.com",
            "https://sns.eu-west-1.amazonaws.com.cn",
            "https://sqs.eu-west-1.amazonaws.com",
            "https://sns.eu-west-1.amazonaws.com@evil.example",
            "https://user:hunter2@sns.eu-west-1.amazonaws.com",
            "https://127.0.0.1",
            "https://169.254.169.254",
            "https://[::1]",
            "https://sns.eu-west-2.amazonaws.com",
            "https://sns.cn-north-1.amazonaws.com.cn",
            "file://sns.eu-west-1.amazonaws.com",
            "sns.eu-west-1.amazonaws.com",
        ] {
            let why = check_at(&url(origin, TOPIC), TOPIC, &[]).unwrap_err();
            assert!(!why.contains("2336412f37f") && !why.contains("hunter2"), "{origin}: {why}");
        }
        let topics = ["arn:aws:sqs:eu-west-1:1:t", "eu-west-1", "", "arn:aws-cn:sns:eu-west-1:1:t"];
        for topic in topics {
            let url = url("https://sns.eu-west-1.amazonaws.com", topic);
            assert!(check_at(&url, topic, &[]).is_err(), "{topic}");
        }
    }

    #[test]
    fn a_url_that_does_something_else_is_refused() {
        let all = format!("Action=ConfirmSubscription&TopicArn={TOPIC}&Token=t");
        for query in [
            "",
            &all.replace("ConfirmSubscription", "Unsubscribe"),
            &all.replace("Action=ConfirmSubscription&", ""),
            &format!("{all}&Action=Unsubscribe"),
            &all.replace(":alarms", ":others"),
            &format!("{all}&TopicArn=x"),
            &all.replace("&Token=t", ""),
            &format!("{all}&Token=u"),
        ] {
            let url = format!("https://sns.eu-west-1.amazonaws.com/?{query}");
            assert!(check_at(&url, TOPIC, &[]).is_err(), "{query}");
            let named = format!("http://127.0.0.1:4566/?{query}");
            assert!(check_at(&named, TOPIC, &["http://127.0.0.1:4566"]).is_err(), "{query}");
        }
        let encoded = all.replace(':', "%3A");
        assert!(check_at(&format!("https://sns.eu-west-1.amazonaws.com/?{encoded}"), TOPIC, &[]).is_ok());
    }

    #[test]
    fn an_origin_that_the_operator_names_may_be_any_but_only_as_it_is_written() {
        let origins = ["http://127.0.0.1:4566", "https://sns.eu-west-1.amazonaws.com"];
        for (origin, is_named) in [
            ("http://127.0.0.1:4566", Some(true)),
            ("https://sns.eu-west-1.amazonaws.com", Some(true)),
            ("http://127.0.0.1:4567", None),
            ("https://127.0.0.1:4566", None),
            ("http://sns.eu-west-1.amazonaws.com", None),
            ("http://user@127.0.0.1:4566", None),
        ] {
            let checked = check_at(&url(origin, TOPIC), TOPIC, &origins);
            assert_eq!(checked.ok().map(|checked| checked.is_named), is_named, "{origin}");
        }
    }

    #[test]
    fn the_subscription_is_read_from_the_answer_if_it_has_one() {
        let answer = |arn: &str| {
            format!(
                "<ConfirmSubscriptionResult>\n<SubscriptionArn>{arn}</SubscriptionArn></ConfirmSubscriptionResult>"
            )
        };
        let arn = "arn:aws:sns:eu-west-1:123456789012:alarms:2bcfbf39-05c3-41de-beaa-fcfcc21c8f55";
        assert_eq!(find_subscription(&answer(&format!(" {arn} "))).as_deref(), Some(arn));
        for other in ["", "<b>", "a b", "&lt;", "\u{7}", &"x".repeat(SUBSCRIPTION_MAX_BYTES + 1)] {
            assert_eq!(find_subscription(&answer(other)), None, "{other}");
        }
        assert_eq!(find_subscription("<SubscriptionArn>arn"), None);
        assert_eq!(find_subscription("ok"), None);
    }
}
