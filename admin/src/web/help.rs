//! The public help page (AC-18): receipts, settings, steps for common programs, a glossary. One page
//! without script; its text is core's.

use axum::response::Response;
use ceralacca_core::limits::MEGABYTE;
use ceralacca_core::wording::pages;

use super::{Site, fill, told};

/// A whole seal: a blob of wax, a ring, a C whose opening is closed by a tick.
const SEAL: &str = concat!(
    "<svg class=\"seal\" width=\"32\" height=\"32\" viewBox=\"0 0 32 32\" aria-hidden=\"true\">",
    "<path fill=\"currentColor\" fill-rule=\"evenodd\" d=\"",
    include_str!("seal.txt"),
    "\"/></svg>"
);

/// The page.
pub fn page(site: &Site) -> Response {
    let (reach, policy) = (&site.reach, site.policy());
    let port = |port: Option<u16>| port.map_or("—".to_owned(), |port| port.to_string());
    let megabytes = |octets: u64| (octets / MEGABYTE).to_string();
    let domain = site.state.view().provider();
    let domain = domain.map_or_else(|| reach.host.clone(), |row| row.domain.to_string());
    let kept = match policy.deleted_kept_days {
        0 => pages::NOT_KEPT.to_owned(),
        days => pages::KEPT.replace("{days}", &days.to_string()),
    };
    let banner = match site.is_evaluation {
        true => format!("<p class=\"banner\">{}</p>", pages::SANDBOX),
        false => String::new(),
    };
    // Our own markup first: values come after it, escaped.
    let template = pages::HELP
        .replace("{seal}", SEAL)
        .replace("{banner}", &banner)
        .replace("{deleted}", &format!("<p>{kept}</p>"));
    let text = fill(
        &template,
        &[
            ("provider", &site.provider),
            ("domain", &domain),
            ("host", &reach.host),
            ("imaps", &port(reach.imaps)),
            ("pop3s", &port(reach.pop3s)),
            ("submission_tls", &port(reach.submission_tls)),
            ("submission", &port(reach.submission)),
            ("message_mb", &megabytes(policy.message_bytes_max)),
            ("product_mb", &megabytes(policy.message_product_max)),
            ("recipients_max", &policy.recipients_max.to_string()),
        ],
    );
    told("text/html; charset=utf-8", text)
}

/// Its looks.
pub fn style() -> Response {
    told(
        "text/css; charset=utf-8",
        include_str!("style.css").to_owned(),
    )
}
