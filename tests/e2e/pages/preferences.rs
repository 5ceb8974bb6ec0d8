//! What a reader keeps: the theme, and the time zone of the system.

use super::browser::Browser;
use super::{address, first_token};
use crate::support::{Event, HostDir};

#[tokio::test]
async fn a_chosen_theme_is_kept_whatever_the_system_has() {
    let dir = HostDir::new("");
    let host = dir.start().await;
    let base = address(&host);
    let browser = Browser::start().await;
    browser.set_screen(1280, 900, "light").await;
    browser.log_in(&base, &first_token(&dir), "/events").await;
    let page = "return getComputedStyle(document.body).backgroundColor";
    let (light, dark) = ("rgb(251, 251, 250)", "rgb(17, 19, 21)");
    assert_eq!(browser.run(page).await, light, "the system's");

    browser.click(".side button[name=theme][value=dark]").await;
    browser.wait_for("it is dark", "return document.documentElement.dataset.theme === 'dark'").await;
    browser.wait_at(&format!("{base}/events")).await;
    assert_eq!(browser.run(page).await, dark);
    for path in ["/events", "/plugins"] {
        browser.go(&format!("{base}{path}")).await;
        assert_eq!(browser.run(page).await, dark, "{path}");
        let pressed = "return document.querySelector('.side button[name=theme][aria-pressed=true]').value";
        assert_eq!(browser.run(pressed).await, "dark", "{path}");
    }

    browser.click(".side button[name=theme][value=system]").await;
    browser.wait_for("it follows the system", &format!("{page} === '{light}'")).await;
    browser.set_screen(1280, 900, "dark").await;
    browser.wait_for("it is the system's", &format!("{page} === '{dark}'")).await;
    assert_eq!(browser.complaints().await, [""; 0]);
    drop(host);
}

#[tokio::test]
async fn times_are_in_the_zone_of_the_reader() {
    let dir = HostDir::new("");
    let host = dir.start().await;
    host.send(&Event::created("evt_1")).await;
    let base = address(&host);
    let browser = Browser::start().await;
    browser.set_screen(1280, 900, "light").await;
    browser.log_in(&base, &first_token(&dir), "/settings").await;
    // None of them has a summer time.
    for (zone, offset, name) in [("Asia/Tokyo", 9, "GMT+9"), ("Pacific/Kiritimati", 14, "GMT+14")] {
        browser.set_zone(zone).await;
        browser.go(&format!("{base}/events/moncreneau/evt_1")).await;
        // The hour of the zone, by the host's time and the offset alone.
        let script = format!(
            "const time = document.querySelector('main time[datetime]');
             const hour = new Date(Date.parse(time.dateTime) + {offset} * 3600000).getUTCHours();
             return [time.title, `${{hour % 12 || 12}}:${{time.dateTime.slice(14, 19)}} ${{hour < 12 ? 'AM' : 'PM'}}`]"
        );
        let found = browser.run(&script).await;
        let [title, expected] = [0, 1].map(|at| found[at].as_str().unwrap().replace('\u{202f}', " "));
        assert!(title.contains(&expected), "{zone}: {expected} is not in {title}");
        assert!(title.ends_with(name), "{zone}: {title}");
    }
    assert_eq!(browser.complaints().await, [""; 0]);
}
