//! What people's programs and browsers find over HTTPS without signing in: the files with which mail
//! programs set themselves up (AC-16) and the help pages (AC-18). Only domains of ours are answered for;
//! whether a mailbox exists is never told; what a request says comes back escaped or not at all.

mod apple;
mod form;
mod help;
mod mozilla;
mod outlook;
mod reach;
pub mod records;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, RawQuery, Request};
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use axum::middleware::map_response;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use ceralacca_core::address::{Address, Domain};
use ceralacca_core::policy::Policy;
use ceralacca_core::state::State;

pub use reach::Reach;

/// Octets of a request's body: Outlook's have some 500.
const BODY_BYTES_MAX: usize = 16 * 1024;
/// The whole of a body.
const BODY_WAIT: Duration = Duration::from_secs(15);
/// Octets of a query: an address, escaped.
const QUERY_BYTES_MAX: usize = 2048;

/// What is told.
pub struct Site {
    state: Arc<State>,
    /// The provider's name.
    provider: String,
    reach: Arc<Reach>,
    /// Signed with a key in software: nothing here has legal value.
    is_evaluation: bool,
}

impl Site {
    /// Of an appliance that serves.
    pub const fn new(
        state: Arc<State>,
        provider: String,
        reach: Arc<Reach>,
        is_evaluation: bool,
    ) -> Self {
        Self {
            state,
            provider,
            reach,
            is_evaluation,
        }
    }

    fn policy(&self) -> Arc<Policy> {
        self.state.policy()
    }

    /// A domain of ours.
    fn managed(&self, domain: Domain) -> Option<Domain> {
        self.state.view().domain(&domain).map(|_| domain)
    }

    /// An address of a domain of ours, as typed.
    fn address(&self, text: &str) -> Option<Address> {
        let address = Address::parse(text).ok()?;
        self.managed(address.domain()).map(|_| address)
    }

    /// The domain that a program asks about: that of the address, or of the host it came to.
    fn domain(&self, query: Option<&str>, headers: &HeaderMap) -> Option<Domain> {
        if let Some(text) = query.and_then(|query| form::value(query, "emailaddress")) {
            return self.address(&text).map(|address| address.domain());
        }
        let host = headers.get(header::HOST)?.to_str().ok()?;
        let host = host.rsplit_once(':').map_or(host, |(name, _)| name);
        let host = host.to_ascii_lowercase();
        let bare = ["autoconfig.", "autodiscover."]
            .iter()
            .find_map(|prefix| host.strip_prefix(prefix));
        self.managed(Domain::parse(bare.unwrap_or(&host)).ok()?)
    }
}

/// Answers for `site`.
pub fn router(site: Arc<Site>) -> Router {
    let mut router = Router::new();
    for path in [
        "/.well-known/autoconfig/mail/config-v1.1.xml",
        "/mail/config-v1.1.xml",
    ] {
        let site = site.clone();
        let answer = move |RawQuery(query): RawQuery, headers: HeaderMap| async move {
            or_404(settings_of(&site, query.as_deref(), &headers))
        };
        router = router.route(path, get(answer));
    }
    for path in [
        "/autodiscover/autodiscover.xml",
        "/Autodiscover/Autodiscover.xml",
    ] {
        let site = site.clone();
        let answer = move |request: Request| async move {
            match body(request.into_body()).await {
                Some(text) => outlook::answer(&site, &text),
                None => StatusCode::PAYLOAD_TOO_LARGE.into_response(),
            }
        };
        router = router.route(path, post(answer));
    }
    for path in [
        "/autodiscover/autodiscover.json",
        "/Autodiscover/Autodiscover.json",
    ] {
        let of_site = site.clone();
        let answer = move |RawQuery(query): RawQuery| async move {
            or_404(outlook::json(&of_site, None, query.as_deref()))
        };
        router = router.route(path, get(answer));
        let of_site = site.clone();
        let named = move |Path(address): Path<String>, RawQuery(query): RawQuery| async move {
            or_404(outlook::json(&of_site, Some(&address), query.as_deref()))
        };
        router = router.route(&format!("{path}/v1.0/{{address}}"), get(named));
    }
    router
        .merge(pages(site))
        .layer(map_response(with_usual_headers))
}

/// What a browser sees.
fn pages(site: Arc<Site>) -> Router {
    let profile = site.clone();
    let asked = site.clone();
    let page = move || async move { help::page(&site) };
    let posted = move |request: Request| async move {
        let text = body(request.into_body()).await;
        or_404(text.and_then(|text| apple::profile(&profile, &text)))
    };
    let queried = move |RawQuery(query): RawQuery| async move {
        or_404(bounded(query.as_deref()).and_then(|query| apple::profile(&asked, query)))
    };
    Router::new()
        .route("/aiuto", get(page.clone()))
        .route("/aiuto/", get(page))
        .route("/aiuto/style.css", get(async || help::style()))
        .route("/aiuto/profilo.mobileconfig", get(queried).post(posted))
}

fn settings_of(site: &Site, query: Option<&str>, headers: &HeaderMap) -> Option<Response> {
    let domain = site.domain(bounded(query), headers)?;
    Some(mozilla::answer(site, &domain))
}

fn bounded(query: Option<&str>) -> Option<&str> {
    query.filter(|query| query.len() <= QUERY_BYTES_MAX)
}

fn or_404(found: Option<Response>) -> Response {
    found.unwrap_or_else(|| StatusCode::NOT_FOUND.into_response())
}

/// A body of text, in time and bounds.
async fn body(body: Body) -> Option<String> {
    let read = tokio::time::timeout(BODY_WAIT, axum::body::to_bytes(body, BODY_BYTES_MAX));
    let octets = read.await.ok()?.ok()?;
    String::from_utf8(octets.to_vec()).ok()
}

/// What every answer carries: nothing is framed, guessed, kept or loaded from elsewhere.
async fn with_usual_headers(mut response: Response) -> Response {
    const USUAL: [(HeaderName, &str); 5] = [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; \
             frame-ancestors 'none'; base-uri 'none'",
        ),
        (
            HeaderName::from_static("cross-origin-opener-policy"),
            "same-origin",
        ),
        (header::CACHE_CONTROL, "no-store"),
    ];
    for (name, value) in USUAL {
        let value = axum::http::HeaderValue::from_static(value);
        response.headers_mut().entry(name).or_insert(value);
    }
    response
}

/// A template with its names filled in; the values are escaped, for XML and HTML alike.
fn fill(template: &str, values: &[(&str, &str)]) -> String {
    let mut text = template.to_owned();
    for (name, value) in values {
        text = text.replace(&format!("{{{name}}}"), &escaped(value));
    }
    text
}

fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            // Braces would be taken for names of the template.
            '{' => safe.push_str("&#123;"),
            '}' => safe.push_str("&#125;"),
            c => safe.push(c),
        }
    }
    safe
}

/// An answer of this media type.
fn told(media_type: &'static str, text: String) -> Response {
    ([(header::CONTENT_TYPE, media_type)], text).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_filled_in_cannot_leave_its_place() {
        let text = fill(
            "<a b=\"{one}\">{two}</a>",
            &[("one", "\"><script>"), ("two", "{one} & 'x'")],
        );
        assert_eq!(
            text,
            "<a b=\"&quot;&gt;&lt;script&gt;\">&#123;one&#125; &amp; &#39;x&#39;</a>"
        );
    }
}
