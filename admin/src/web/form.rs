//! Values out of a query or a posted form.

/// The first value of `name`, decoded. A plus sign stays one: addresses have those, and no blanks.
pub fn value(form: &str, name: &str) -> Option<String> {
    let mut pairs = form.split('&').filter_map(|pair| pair.split_once('='));
    let (_, value) = pairs.find(|(key, _)| key.eq_ignore_ascii_case(name))?;
    decoded(value)
}

/// Percent-decoded; `None` where that is no text.
fn decoded(text: &str) -> Option<String> {
    let mut octets = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        if *first != b'%' {
            octets.push(*first);
            continue;
        }
        let digits = after.get(..2)?;
        let digit = |octet: u8| char::from(octet).to_digit(16);
        let octet = digit(digits[0])? * 16 + digit(digits[1])?;
        octets.push(u8::try_from(octet).ok()?);
        rest = after.get(2..)?;
    }
    String::from_utf8(octets).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_found_and_decoded() {
        let form = "a=1&EmailAddress=anna%2bx%40pec.test&b=%zz&c=%4&plus=a+b@x";
        assert_eq!(
            value(form, "emailaddress").as_deref(),
            Some("anna+x@pec.test")
        );
        assert_eq!(value(form, "plus").as_deref(), Some("a+b@x"));
        for absent in ["b", "c", "d"] {
            assert_eq!(value(form, absent), None, "{absent}");
        }
    }
}
