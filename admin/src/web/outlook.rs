//! Autodiscover as Outlook speaks it: version 1 (POST of XML), and the JSON of version 2 that says where
//! version 1 is.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use super::{Site, bounded, fill, form, told};

const XML: &str = "application/xml; charset=utf-8";
/// The schema that we answer in; programs of phones ask for another, which has no IMAP.
const SCHEMA: &str = "outlook/responseschema/2006a";

const HEAD: &str = r#"<?xml version="1.0" encoding="utf-8"?>
<Autodiscover xmlns="http://schemas.microsoft.com/exchange/autodiscover/responseschema/2006">
  <Response xmlns="http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a">
    <User>
      <DisplayName>{address}</DisplayName>
    </User>
    <Account>
      <AccountType>email</AccountType>
      <Action>settings</Action>
"#;

const PROTOCOL: &str = r#"      <Protocol>
        <Type>{type}</Type>
        <Server>{host}</Server>
        <Port>{port}</Port>
        <DomainRequired>off</DomainRequired>
        <LoginName>{address}</LoginName>
        <SPA>off</SPA>
        <SSL>on</SSL>
        <Encryption>SSL</Encryption>
        <AuthRequired>on</AuthRequired>
      </Protocol>
"#;

const TAIL: &str = "    </Account>\n  </Response>\n</Autodiscover>\n";

const OTHER_SCHEMA: &str = r#"<?xml version="1.0" encoding="utf-8"?>
<Autodiscover xmlns="http://schemas.microsoft.com/exchange/autodiscover/responseschema/2006">
  <Response>
    <Error>
      <ErrorCode>601</ErrorCode>
      <Message>The requested schema is not offered</Message>
    </Error>
  </Response>
</Autodiscover>
"#;

/// Answers a request of version 1.
pub fn answer(site: &Site, request: &str) -> Response {
    let Some(asked) = element(request, "EMailAddress") else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    let Some(address) = site.address(&asked) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let schema = element(request, "AcceptableResponseSchema");
    if schema.is_some_and(|schema| !schema.ends_with(SCHEMA)) {
        return told(XML, OTHER_SCHEMA.to_owned());
    }
    let reach = &site.reach;
    let mut text = fill(HEAD, &[("address", address.as_str())]);
    for (kind, port) in [
        ("IMAP", reach.imaps),
        ("POP3", reach.pop3s),
        ("SMTP", reach.submission_tls),
    ] {
        let Some(port) = port else { continue };
        text.push_str(&fill(
            PROTOCOL,
            &[
                ("type", kind),
                ("host", &reach.host),
                ("port", &port.to_string()),
                ("address", address.as_str()),
            ],
        ));
    }
    text.push_str(TAIL);
    told(XML, text)
}

/// Version 2: where version 1 is answered; the address stands in the path or the query.
pub fn json(site: &Site, path: Option<&str>, query: Option<&str>) -> Option<Response> {
    let query = bounded(query).unwrap_or_default();
    let asked = path.map(str::to_owned);
    let asked = asked.or_else(|| form::value(query, "Email"))?;
    site.address(&asked)?;
    let protocol = form::value(query, "Protocol").unwrap_or_default();
    if !protocol.eq_ignore_ascii_case("AutodiscoverV1") {
        return Some(StatusCode::BAD_REQUEST.into_response());
    }
    let url = site.reach.url("/autodiscover/autodiscover.xml");
    let object = serde_json::json!({ "Protocol": "AutodiscoverV1", "Url": url });
    Some(told("application/json", object.to_string()))
}

/// The text of the first element of this name, whatever its prefix.
fn element(xml: &str, name: &str) -> Option<String> {
    let mut rest = xml;
    loop {
        let (_, after) = rest.split_once('<')?;
        let (tag, after) = after.split_once('>')?;
        let local = tag.split([' ', '\t', '\r', '\n']).next()?;
        let local = local.rsplit_once(':').map_or(local, |(_, local)| local);
        if local == name {
            let (text, _) = after.split_once('<')?;
            return Some(unescaped(text.trim()));
        }
        rest = after;
    }
}

/// The five entities of XML; an ampersand comes last, so that nothing is undone twice.
fn unescaped(text: &str) -> String {
    text.replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&quot;", "\"")
        .replace("&apos;", "'")
        .replace("&amp;", "&")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_are_found_whatever_stands_around_them() {
        let request = "<?xml version=\"1.0\"?><a:Autodiscover xmlns:a=\"x\"><Request>\
             <a:EMailAddress >o&apos;neil@pec.test </a:EMailAddress></Request></a:Autodiscover>";
        let found = element(request, "EMailAddress");
        assert_eq!(found.as_deref(), Some("o'neil@pec.test"));
        for broken in ["", "<", "<EMailAddress", "<EMailAddress>a@b", "plain"] {
            assert_eq!(element(broken, "EMailAddress"), None, "{broken}");
        }
        assert_eq!(unescaped("&amp;lt;"), "&lt;");
    }
}
