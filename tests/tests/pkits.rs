//! NIST's Public Key Interoperability Test Suite through our verifier: signature, path, revocation. Each
//! row is a test of the PKITS document with the result that the document expects; what is refused is
//! refused for the reason that the test is about.
//!
//! Not claimed, so refused where the document says valid: DSA (4.1.4, 4.1.5), lists of some reasons and
//! indirect lists (4.14.15 to 4.14.35), delta lists (4.15). Certificate policies (4.8 to 4.12) are not
//! asked for and are not here.
#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used)]

use std::collections::BTreeMap;

use Expected::{Invalid, Unsupported, Valid};
use ceralacca_core::instant::Instant;
use ceralacca_core::smime::chain::Allowance;
use ceralacca_core::smime::der::{Reader, tag};
use ceralacca_core::smime::revocation::{Asked, Put, PutError, Revocation};
use ceralacca_core::smime::verify::{SignerFacts, verify_detached};
use ceralacca_tests::workspace::tests_file;

/// What the document says, and our word where it is not valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Expected {
    Valid,
    /// Refused, by the document and by us, with this error.
    Invalid(&'static str),
    /// Valid by the document; refused by us, with this error.
    Unsupported(&'static str),
}

/// 2015-06-01T00:00:00Z: the suite's certificates serve from 2010 to 2030.
const AT: Instant = Instant::from_millis(1_433_116_800_000);

/// Section, file, expectation. The altered certificates of 4.1.2 and 4.1.6 are no longer readable: their
/// signatures are not made of whole octets.
const TABLE: [(&str, &str, Expected); 161] = [
    ("4.1.1", "ValidSignaturesTest1", Valid),
    ("4.1.2", "InvalidCASignatureTest2", Invalid("UnknownIssuer")),
    (
        "4.1.3",
        "InvalidEESignatureTest3",
        Invalid("SignatureWrong"),
    ),
    (
        "4.1.4",
        "ValidDSASignaturesTest4",
        Unsupported("UnknownAlgorithm"),
    ),
    (
        "4.1.5",
        "ValidDSAParameterInheritanceTest5",
        Unsupported("UnknownAlgorithm"),
    ),
    (
        "4.1.6",
        "InvalidDSASignatureTest6",
        Invalid("NoSignerCertificate"),
    ),
    (
        "4.2.1",
        "InvalidCAnotBeforeDateTest1",
        Invalid("NotYetValid"),
    ),
    (
        "4.2.2",
        "InvalidEEnotBeforeDateTest2",
        Invalid("NotYetValid"),
    ),
    ("4.2.3", "Validpre2000UTCnotBeforeDateTest3", Valid),
    ("4.2.4", "ValidGeneralizedTimenotBeforeDateTest4", Valid),
    ("4.2.5", "InvalidCAnotAfterDateTest5", Invalid("Expired")),
    ("4.2.6", "InvalidEEnotAfterDateTest6", Invalid("Expired")),
    (
        "4.2.7",
        "Invalidpre2000UTCEEnotAfterDateTest7",
        Invalid("Expired"),
    ),
    ("4.2.8", "ValidGeneralizedTimenotAfterDateTest8", Valid),
    (
        "4.3.1",
        "InvalidNameChainingEETest1",
        Invalid("UnknownIssuer"),
    ),
    (
        "4.3.2",
        "InvalidNameChainingOrderTest2",
        Invalid("UnknownIssuer"),
    ),
    ("4.3.3", "ValidNameChainingWhitespaceTest3", Valid),
    ("4.3.4", "ValidNameChainingWhitespaceTest4", Valid),
    ("4.3.5", "ValidNameChainingCapitalizationTest5", Valid),
    ("4.3.6", "ValidNameChainingUIDsTest6", Valid),
    ("4.3.7", "ValidRFC3280MandatoryAttributeTypesTest7", Valid),
    ("4.3.8", "ValidRFC3280OptionalAttributeTypesTest8", Valid),
    ("4.3.9", "ValidUTF8StringEncodedNamesTest9", Valid),
    (
        "4.3.10",
        "ValidRolloverfromPrintableStringtoUTF8StringTest10",
        Valid,
    ),
    ("4.3.11", "ValidUTF8StringCaseInsensitiveMatchTest11", Valid),
    (
        "4.4.1",
        "MissingCRLTest1",
        Invalid("NoRevocationInformation"),
    ),
    ("4.4.2", "InvalidRevokedCATest2", Invalid("Revoked")),
    ("4.4.3", "InvalidRevokedEETest3", Invalid("Revoked")),
    (
        "4.4.4",
        "InvalidBadCRLSignatureTest4",
        Invalid("NoRevocationInformation"),
    ),
    (
        "4.4.5",
        "InvalidBadCRLIssuerNameTest5",
        Invalid("NoRevocationInformation"),
    ),
    (
        "4.4.6",
        "InvalidWrongCRLTest6",
        Invalid("NoRevocationInformation"),
    ),
    ("4.4.7", "ValidTwoCRLsTest7", Valid),
    (
        "4.4.8",
        "InvalidUnknownCRLEntryExtensionTest8",
        Invalid("NoRevocationInformation"),
    ),
    (
        "4.4.9",
        "InvalidUnknownCRLExtensionTest9",
        Invalid("NoRevocationInformation"),
    ),
    (
        "4.4.10",
        "InvalidUnknownCRLExtensionTest10",
        Invalid("NoRevocationInformation"),
    ),
    (
        "4.4.11",
        "InvalidOldCRLnextUpdateTest11",
        Invalid("NoRevocationInformation"),
    ),
    (
        "4.4.12",
        "Invalidpre2000CRLnextUpdateTest12",
        Invalid("NoRevocationInformation"),
    ),
    ("4.4.13", "ValidGeneralizedTimeCRLnextUpdateTest13", Valid),
    ("4.4.14", "ValidNegativeSerialNumberTest14", Valid),
    (
        "4.4.15",
        "InvalidNegativeSerialNumberTest15",
        Invalid("Revoked"),
    ),
    ("4.4.16", "ValidLongSerialNumberTest16", Valid),
    ("4.4.17", "ValidLongSerialNumberTest17", Valid),
    (
        "4.4.18",
        "InvalidLongSerialNumberTest18",
        Invalid("Revoked"),
    ),
    ("4.4.19", "ValidSeparateCertificateandCRLKeysTest19", Valid),
    (
        "4.4.20",
        "InvalidSeparateCertificateandCRLKeysTest20",
        Invalid("Revoked"),
    ),
    (
        "4.4.21",
        "InvalidSeparateCertificateandCRLKeysTest21",
        Invalid("NoRevocationInformation"),
    ),
    ("4.5.1", "ValidBasicSelfIssuedOldWithNewTest1", Valid),
    (
        "4.5.2",
        "InvalidBasicSelfIssuedOldWithNewTest2",
        Invalid("Revoked"),
    ),
    ("4.5.3", "ValidBasicSelfIssuedNewWithOldTest3", Valid),
    ("4.5.4", "ValidBasicSelfIssuedNewWithOldTest4", Valid),
    (
        "4.5.5",
        "InvalidBasicSelfIssuedNewWithOldTest5",
        Invalid("Revoked"),
    ),
    ("4.5.6", "ValidBasicSelfIssuedCRLSigningKeyTest6", Valid),
    (
        "4.5.7",
        "InvalidBasicSelfIssuedCRLSigningKeyTest7",
        Invalid("Revoked"),
    ),
    (
        "4.5.8",
        "InvalidBasicSelfIssuedCRLSigningKeyTest8",
        Invalid("NotAnAuthority"),
    ),
    (
        "4.6.1",
        "InvalidMissingbasicConstraintsTest1",
        Invalid("NotAnAuthority"),
    ),
    ("4.6.2", "InvalidcAFalseTest2", Invalid("NotAnAuthority")),
    ("4.6.3", "InvalidcAFalseTest3", Invalid("NotAnAuthority")),
    ("4.6.4", "ValidbasicConstraintsNotCriticalTest4", Valid),
    (
        "4.6.5",
        "InvalidpathLenConstraintTest5",
        Invalid("PathLength"),
    ),
    (
        "4.6.6",
        "InvalidpathLenConstraintTest6",
        Invalid("PathLength"),
    ),
    ("4.6.7", "ValidpathLenConstraintTest7", Valid),
    ("4.6.8", "ValidpathLenConstraintTest8", Valid),
    (
        "4.6.9",
        "InvalidpathLenConstraintTest9",
        Invalid("PathLength"),
    ),
    (
        "4.6.10",
        "InvalidpathLenConstraintTest10",
        Invalid("PathLength"),
    ),
    (
        "4.6.11",
        "InvalidpathLenConstraintTest11",
        Invalid("PathLength"),
    ),
    (
        "4.6.12",
        "InvalidpathLenConstraintTest12",
        Invalid("PathLength"),
    ),
    ("4.6.13", "ValidpathLenConstraintTest13", Valid),
    ("4.6.14", "ValidpathLenConstraintTest14", Valid),
    ("4.6.15", "ValidSelfIssuedpathLenConstraintTest15", Valid),
    (
        "4.6.16",
        "InvalidSelfIssuedpathLenConstraintTest16",
        Invalid("PathLength"),
    ),
    ("4.6.17", "ValidSelfIssuedpathLenConstraintTest17", Valid),
    (
        "4.7.1",
        "InvalidkeyUsageCriticalkeyCertSignFalseTest1",
        Invalid("KeyUsage"),
    ),
    (
        "4.7.2",
        "InvalidkeyUsageNotCriticalkeyCertSignFalseTest2",
        Invalid("KeyUsage"),
    ),
    ("4.7.3", "ValidkeyUsageNotCriticalTest3", Valid),
    (
        "4.7.4",
        "InvalidkeyUsageCriticalcRLSignFalseTest4",
        Invalid("NoRevocationInformation"),
    ),
    (
        "4.7.5",
        "InvalidkeyUsageNotCriticalcRLSignFalseTest5",
        Invalid("NoRevocationInformation"),
    ),
    ("4.13.1", "ValidDNnameConstraintsTest1", Valid),
    (
        "4.13.2",
        "InvalidDNnameConstraintsTest2",
        Invalid("NameConstraint"),
    ),
    (
        "4.13.3",
        "InvalidDNnameConstraintsTest3",
        Invalid("NameConstraint"),
    ),
    ("4.13.4", "ValidDNnameConstraintsTest4", Valid),
    ("4.13.5", "ValidDNnameConstraintsTest5", Valid),
    ("4.13.6", "ValidDNnameConstraintsTest6", Valid),
    (
        "4.13.7",
        "InvalidDNnameConstraintsTest7",
        Invalid("NameConstraint"),
    ),
    (
        "4.13.8",
        "InvalidDNnameConstraintsTest8",
        Invalid("NameConstraint"),
    ),
    (
        "4.13.9",
        "InvalidDNnameConstraintsTest9",
        Invalid("NameConstraint"),
    ),
    (
        "4.13.10",
        "InvalidDNnameConstraintsTest10",
        Invalid("NameConstraint"),
    ),
    ("4.13.11", "ValidDNnameConstraintsTest11", Valid),
    (
        "4.13.12",
        "InvalidDNnameConstraintsTest12",
        Invalid("NameConstraint"),
    ),
    (
        "4.13.13",
        "InvalidDNnameConstraintsTest13",
        Invalid("NameConstraint"),
    ),
    ("4.13.14", "ValidDNnameConstraintsTest14", Valid),
    (
        "4.13.15",
        "InvalidDNnameConstraintsTest15",
        Invalid("NameConstraint"),
    ),
    (
        "4.13.16",
        "InvalidDNnameConstraintsTest16",
        Invalid("NameConstraint"),
    ),
    (
        "4.13.17",
        "InvalidDNnameConstraintsTest17",
        Invalid("NameConstraint"),
    ),
    ("4.13.18", "ValidDNnameConstraintsTest18", Valid),
    ("4.13.19", "ValidSelfIssuedDNnameConstraintsTest19", Valid),
    (
        "4.13.20",
        "InvalidSelfIssuedDNnameConstraintsTest20",
        Invalid("NameConstraint"),
    ),
    ("4.13.21", "ValidRFC822nameConstraintsTest21", Valid),
    (
        "4.13.22",
        "InvalidRFC822nameConstraintsTest22",
        Invalid("NameConstraint"),
    ),
    ("4.13.23", "ValidRFC822nameConstraintsTest23", Valid),
    (
        "4.13.24",
        "InvalidRFC822nameConstraintsTest24",
        Invalid("NameConstraint"),
    ),
    ("4.13.25", "ValidRFC822nameConstraintsTest25", Valid),
    (
        "4.13.26",
        "InvalidRFC822nameConstraintsTest26",
        Invalid("NameConstraint"),
    ),
    ("4.13.27", "ValidDNandRFC822nameConstraintsTest27", Valid),
    (
        "4.13.28",
        "InvalidDNandRFC822nameConstraintsTest28",
        Invalid("NameConstraint"),
    ),
    (
        "4.13.29",
        "InvalidDNandRFC822nameConstraintsTest29",
        Invalid("NameConstraint"),
    ),
    ("4.13.30", "ValidDNSnameConstraintsTest30", Valid),
    (
        "4.13.31",
        "InvalidDNSnameConstraintsTest31",
        Invalid("NameConstraint"),
    ),
    ("4.13.32", "ValidDNSnameConstraintsTest32", Valid),
    (
        "4.13.33",
        "InvalidDNSnameConstraintsTest33",
        Invalid("NameConstraint"),
    ),
    ("4.13.34", "ValidURInameConstraintsTest34", Valid),
    (
        "4.13.35",
        "InvalidURInameConstraintsTest35",
        Invalid("NameConstraint"),
    ),
    ("4.13.36", "ValidURInameConstraintsTest36", Valid),
    (
        "4.13.37",
        "InvalidURInameConstraintsTest37",
        Invalid("NameConstraint"),
    ),
    (
        "4.13.38",
        "InvalidDNSnameConstraintsTest38",
        Invalid("NameConstraint"),
    ),
    ("4.14.1", "ValiddistributionPointTest1", Valid),
    (
        "4.14.2",
        "InvaliddistributionPointTest2",
        Invalid("Revoked"),
    ),
    (
        "4.14.3",
        "InvaliddistributionPointTest3",
        Invalid("NoRevocationInformation"),
    ),
    ("4.14.4", "ValiddistributionPointTest4", Valid),
    ("4.14.5", "ValiddistributionPointTest5", Valid),
    (
        "4.14.6",
        "InvaliddistributionPointTest6",
        Invalid("Revoked"),
    ),
    ("4.14.7", "ValiddistributionPointTest7", Valid),
    (
        "4.14.8",
        "InvaliddistributionPointTest8",
        Invalid("NoRevocationInformation"),
    ),
    (
        "4.14.9",
        "InvaliddistributionPointTest9",
        Invalid("NoRevocationInformation"),
    ),
    ("4.14.10", "ValidNoissuingDistributionPointTest10", Valid),
    (
        "4.14.11",
        "InvalidonlyContainsUserCertsCRLTest11",
        Invalid("NoRevocationInformation"),
    ),
    (
        "4.14.12",
        "InvalidonlyContainsCACertsCRLTest12",
        Invalid("NoRevocationInformation"),
    ),
    ("4.14.13", "ValidonlyContainsCACertsCRLTest13", Valid),
    (
        "4.14.14",
        "InvalidonlyContainsAttributeCertsTest14",
        Invalid("NoRevocationInformation"),
    ),
    (
        "4.14.15",
        "InvalidonlySomeReasonsTest15",
        Invalid("NoRevocationInformation"),
    ),
    (
        "4.14.16",
        "InvalidonlySomeReasonsTest16",
        Invalid("NoRevocationInformation"),
    ),
    (
        "4.14.17",
        "InvalidonlySomeReasonsTest17",
        Invalid("NoRevocationInformation"),
    ),
    (
        "4.14.18",
        "ValidonlySomeReasonsTest18",
        Unsupported("NoRevocationInformation"),
    ),
    (
        "4.14.19",
        "ValidonlySomeReasonsTest19",
        Unsupported("NoRevocationInformation"),
    ),
    (
        "4.14.20",
        "InvalidonlySomeReasonsTest20",
        Invalid("NoRevocationInformation"),
    ),
    (
        "4.14.21",
        "InvalidonlySomeReasonsTest21",
        Invalid("NoRevocationInformation"),
    ),
    (
        "4.14.22",
        "ValidIDPwithindirectCRLTest22",
        Unsupported("NoRevocationInformation"),
    ),
    (
        "4.14.23",
        "InvalidIDPwithindirectCRLTest23",
        Invalid("NoRevocationInformation"),
    ),
    (
        "4.14.24",
        "ValidIDPwithindirectCRLTest24",
        Unsupported("NoRevocationInformation"),
    ),
    (
        "4.14.25",
        "ValidIDPwithindirectCRLTest25",
        Unsupported("NoRevocationInformation"),
    ),
    (
        "4.14.26",
        "InvalidIDPwithindirectCRLTest26",
        Invalid("NoRevocationInformation"),
    ),
    (
        "4.14.27",
        "InvalidcRLIssuerTest27",
        Invalid("NoRevocationInformation"),
    ),
    (
        "4.14.28",
        "ValidcRLIssuerTest28",
        Unsupported("NoRevocationInformation"),
    ),
    (
        "4.14.29",
        "ValidcRLIssuerTest29",
        Unsupported("NoRevocationInformation"),
    ),
    (
        "4.14.30",
        "ValidcRLIssuerTest30",
        Unsupported("NoRevocationInformation"),
    ),
    (
        "4.14.31",
        "InvalidcRLIssuerTest31",
        Invalid("NoRevocationInformation"),
    ),
    (
        "4.14.32",
        "InvalidcRLIssuerTest32",
        Invalid("NoRevocationInformation"),
    ),
    (
        "4.14.33",
        "ValidcRLIssuerTest33",
        Unsupported("NoRevocationInformation"),
    ),
    (
        "4.14.34",
        "InvalidcRLIssuerTest34",
        Invalid("NoRevocationInformation"),
    ),
    (
        "4.14.35",
        "InvalidcRLIssuerTest35",
        Invalid("NoRevocationInformation"),
    ),
    (
        "4.15.1",
        "InvaliddeltaCRLIndicatorNoBaseTest1",
        Invalid("NoRevocationInformation"),
    ),
    (
        "4.15.2",
        "ValiddeltaCRLTest2",
        Unsupported("NoRevocationInformation"),
    ),
    (
        "4.15.3",
        "InvaliddeltaCRLTest3",
        Invalid("NoRevocationInformation"),
    ),
    (
        "4.15.4",
        "InvaliddeltaCRLTest4",
        Invalid("NoRevocationInformation"),
    ),
    (
        "4.15.5",
        "ValiddeltaCRLTest5",
        Unsupported("NoRevocationInformation"),
    ),
    (
        "4.15.6",
        "InvaliddeltaCRLTest6",
        Invalid("NoRevocationInformation"),
    ),
    (
        "4.15.7",
        "ValiddeltaCRLTest7",
        Unsupported("NoRevocationInformation"),
    ),
    (
        "4.15.8",
        "ValiddeltaCRLTest8",
        Unsupported("NoRevocationInformation"),
    ),
    (
        "4.15.9",
        "InvaliddeltaCRLTest9",
        Invalid("NoRevocationInformation"),
    ),
    (
        "4.15.10",
        "InvaliddeltaCRLTest10",
        Invalid("NoRevocationInformation"),
    ),
    (
        "4.16.1",
        "ValidUnknownNotCriticalCertificateExtensionTest1",
        Valid,
    ),
    (
        "4.16.2",
        "InvalidUnknownCriticalCertificateExtensionTest2",
        Invalid("UnknownCritical"),
    ),
];

/// A signed message taken apart.
struct Message {
    signer: Result<SignerFacts, String>,
    lists: Vec<Vec<u8>>,
}

impl Message {
    fn read(name: &str) -> Self {
        let file = tests_file("vectors/pkits/smime").join(format!("{name}.eml"));
        let text = std::fs::read_to_string(file).unwrap().replace("\r\n", "\n");
        let (_, rest) = text.split_once("boundary=\"").unwrap();
        let boundary = rest.split('"').next().unwrap();
        let parts: Vec<&str> = text.split(&format!("--{boundary}")).collect();
        let part = |number: usize| {
            let part = parts[number].strip_prefix('\n').unwrap();
            part.strip_suffix('\n').unwrap().replace('\n', "\r\n")
        };
        let (content, signature) = (part(1), part(2));
        let (_, encoded) = signature.split_once("\r\n\r\n").unwrap();
        let encoded: String = encoded.split_whitespace().collect();
        let cms = data_encoding::BASE64.decode(encoded.as_bytes()).unwrap();
        let verified = verify_detached(&cms, &mut content.as_bytes());
        Self {
            signer: verified.map_err(|error| variant(&error)),
            lists: lists(&cms),
        }
    }

    fn verdict(&self, shelf: &Revocation) -> Result<(), String> {
        let signer = self.signer.as_ref().map_err(Clone::clone)?;
        let asked = Asked::Now(AT);
        let walked = shelf.walk(&signer.certificate, &signer.certificates, asked);
        walked.map(|_| ()).map_err(|error| variant(&error))
    }

    fn put_lists(&self, shelf: &Revocation) -> Vec<Result<Put, String>> {
        let issuers = self.signer.as_ref().map(|facts| facts.certificates.clone());
        let issuers = issuers.unwrap_or_default();
        let put = |list: &Vec<u8>| match shelf.put(list, &issuers, AT) {
            Err(PutError::List(error)) => Err(variant(&error)),
            other => other.map_err(|error| variant(&error)),
        };
        self.lists.iter().map(put).collect()
    }
}

/// The revocation lists that the CMS carries.
fn lists(cms: &[u8]) -> Vec<Vec<u8>> {
    let mut outer = Reader::new(cms).any().unwrap().reader();
    outer.expect(tag::OID).unwrap();
    let explicit = outer.expect(tag::context(0)).unwrap();
    let mut fields = explicit.reader().any().unwrap().reader();
    for _ in 0..3 {
        fields.any().unwrap();
    }
    fields.optional(tag::context(0)).unwrap();
    let Some(set) = fields.optional(tag::context(1)).unwrap() else {
        return Vec::new();
    };
    let (mut reader, mut found) = (set.reader(), Vec::new());
    while !reader.is_empty() {
        found.push(reader.any().unwrap().raw.to_vec());
    }
    found
}

/// The name of an error.
fn variant(error: &dyn std::fmt::Debug) -> String {
    let text = format!("{error:?}");
    let end = text.find([' ', '(', '{']).unwrap_or(text.len());
    text[..end].to_owned()
}

fn shelf() -> Revocation {
    let anchor = tests_file("vectors/pkits/TrustAnchorRootCertificate.crt");
    Revocation::new(vec![std::fs::read(anchor).unwrap()], Allowance::default())
}

fn judge(verdicts: &BTreeMap<&str, Result<(), String>>) {
    let mut wrong = Vec::new();
    for (section, name, expected) in TABLE {
        let found = &verdicts[section];
        let is_right = match expected {
            Valid => found.is_ok(),
            Invalid(why) | Unsupported(why) => found.as_ref().err().is_some_and(|e| e == why),
        };
        if !is_right {
            wrong.push(format!(
                "{section} {name}: {found:?}, expected {expected:?}"
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn ip_04_each_message_is_judged_as_the_document_says() {
    let mut verdicts = BTreeMap::new();
    for (section, name, _) in TABLE {
        let (message, shelf) = (Message::read(name), shelf());
        message.put_lists(&shelf);
        verdicts.insert(section, message.verdict(&shelf));
    }
    judge(&verdicts);
}

#[test]
fn one_shelf_with_the_lists_of_all_messages_judges_the_same() {
    let shelf = shelf();
    let messages = TABLE.map(|(section, name, _)| (section, Message::read(name)));
    for (_, message) in &messages {
        message.put_lists(&shelf);
    }
    let verdicts = messages.iter();
    judge(
        &verdicts
            .map(|(section, message)| (*section, message.verdict(&shelf)))
            .collect(),
    );
}

#[test]
fn lists_that_prove_nothing_are_refused_for_their_fault() {
    let faults = [
        ("InvalidBadCRLSignatureTest4", "Unreadable"),
        ("InvalidBadCRLIssuerNameTest5", "UnknownSigner"),
        ("InvalidUnknownCRLEntryExtensionTest8", "UnknownCritical"),
        ("InvalidUnknownCRLExtensionTest9", "UnknownCritical"),
        ("InvalidOldCRLnextUpdateTest11", "Expired"),
        ("Invalidpre2000CRLnextUpdateTest12", "Expired"),
        ("InvalidkeyUsageCriticalcRLSignFalseTest4", "NotTrusted"),
        (
            "InvalidonlyContainsAttributeCertsTest14",
            "AttributeCertificates",
        ),
        ("InvalidonlySomeReasonsTest15", "SomeReasons"),
        ("ValidIDPwithindirectCRLTest22", "Indirect"),
        ("InvaliddeltaCRLIndicatorNoBaseTest1", "Delta"),
        ("ValiddeltaCRLTest2", "NewestElsewhere"),
    ];
    for (name, fault) in faults {
        let put = Message::read(name).put_lists(&shelf());
        assert!(
            put.contains(&Ok(Put::Placed)),
            "{name}: the anchor's list is good"
        );
        assert!(put.contains(&Err(fault.to_owned())), "{name}: {put:?}");
    }
}

#[test]
fn every_file_is_in_the_table_and_every_kind_of_answer_occurs() {
    let folder = tests_file("vectors/pkits/smime");
    let files = std::fs::read_dir(folder).unwrap().count();
    assert_eq!(files, TABLE.len());
    let count = |wanted: fn(&Expected) -> bool| TABLE.iter().filter(|row| wanted(&row.2)).count();
    let valid = count(|expected| matches!(expected, Valid));
    let invalid = count(|expected| matches!(expected, Invalid(_)));
    let unsupported = count(|expected| matches!(expected, Unsupported(_)));
    assert_eq!((valid, invalid, unsupported), (54, 92, 15));
}
