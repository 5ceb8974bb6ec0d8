//! The cookies of the pages: the session's secret, the language and the theme.

use axum::http::{HeaderMap, HeaderValue, header};

/// The cookie with the secret of a session. Browsers accept the second name over HTTPS and for this host only.
const SESSION: &str = "hookyard-session";
const SECURE_SESSION: &str = "__Host-hookyard-session";
/// The cookies with choices of the reader.
pub(super) const LANGUAGE: &str = "hookyard-language";
pub(super) const THEME: &str = "hookyard-theme";
/// How long choices are kept, in seconds.
const CHOICE_SECONDS: u64 = 400 * 86_400;

/// The value of a cookie. Of several with the same name, the first.
pub(super) fn read<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let all = headers.get_all(header::COOKIE).iter().filter_map(|cookies| cookies.to_str().ok());
    let mut pairs = all.flat_map(|cookies| cookies.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(known, _)| *known == name).map(|(_, value)| value)
}

/// The secrets of sessions in a request, and whether each came in the cookie for HTTPS. Another program on this machine
/// may have set the plain cookie, since browsers share cookies between ports, so the other one is first, and the only one
/// where the configuration says so.
pub(super) fn session_secrets(
    headers: &HeaderMap,
    is_secure_only: bool,
) -> impl Iterator<Item = (&str, bool)> {
    let secure = read(headers, SECURE_SESSION).map(|secret| (secret, true));
    let plain = read(headers, SESSION).filter(|_| !is_secure_only).map(|secret| (secret, false));
    secure.into_iter().chain(plain)
}

/// Sets the secret of a session. No script reads it, and no request from another site has it.
pub(super) fn session(secret: &str, seconds: u64, is_secure: bool) -> Option<HeaderValue> {
    let (name, secure) = if is_secure { (SECURE_SESSION, "; Secure") } else { (SESSION, "") };
    let cookie = format!("{name}={secret}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}");
    HeaderValue::from_str(&cookie).ok()
}

/// Removes the secrets of sessions.
pub(super) fn no_session() -> [HeaderValue; 2] {
    [
        HeaderValue::from_static("hookyard-session=; Path=/; Max-Age=0; HttpOnly; SameSite=Strict"),
        HeaderValue::from_static(
            "__Host-hookyard-session=; Path=/; Max-Age=0; HttpOnly; SameSite=Strict; Secure",
        ),
    ]
}

/// Keeps a choice of the reader.
pub(super) fn choice(name: &str, word: &'static str) -> Option<HeaderValue> {
    let cookie = format!("{name}={word}; Path=/; Max-Age={CHOICE_SECONDS}; HttpOnly; SameSite=Strict");
    HeaderValue::from_str(&cookie).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_is_found_by_its_whole_name() {
        let mut headers = HeaderMap::new();
        headers.append(header::COOKIE, HeaderValue::from_static("xhookyard-session=1; hookyard-theme=dark"));
        headers.append(header::COOKIE, HeaderValue::from_static("hookyard-session=2;hookyard-session=3"));
        assert_eq!(read(&headers, THEME), Some("dark"));
        assert_eq!(read(&headers, LANGUAGE), None);
        assert_eq!(session_secrets(&headers, false).collect::<Vec<_>>(), [("2", false)]);
        assert_eq!(session_secrets(&headers, true).count(), 0);
        headers.append(header::COOKIE, HeaderValue::from_static("__Host-hookyard-session=4"));
        assert_eq!(session_secrets(&headers, false).collect::<Vec<_>>(), [("4", true), ("2", false)]);
    }

    #[test]
    fn the_cookie_of_a_session_is_out_of_reach_for_scripts_and_other_sites() {
        let plain = session("s", 60, false).unwrap();
        assert_eq!(plain, "hookyard-session=s; Path=/; Max-Age=60; HttpOnly; SameSite=Strict");
        let secure = session("s", 60, true).unwrap();
        assert_eq!(
            secure,
            "__Host-hookyard-session=s; Path=/; Max-Age=60; HttpOnly; SameSite=Strict; Secure"
        );
    }
}
