//! `ceralacca conformance` with a mailbox at another provider: the check list from outside, over the relay
//! and the incoming points of two appliances.

use ceralacca_tests::federation::{Federation, FederationSettings, INTERNET};
use ceralacca_tests::program::{arg, said};
use ceralacca_tests::receiver::Receiver;

#[test]
fn the_check_list_passes_between_two_providers() {
    let federation = Federation::start(&FederationSettings::default());
    let _internet = Receiver::start((INTERNET, federation.smtp_port).into(), None);
    federation
        .zone
        .mx("internet.test", 10, "mx.internet.test")
        .address_of("mx.internet.test", INTERNET);
    let alfa = &federation.alfa;
    let [sender, recipient] = ["mittente", "destinatario"].map(|n| alfa.mailbox(n).address);
    let remote = federation.beta.mailbox("lontano").address;
    let index = alfa.beside("index.ldif");
    alfa.well(&["directory", "export", arg(&index), "--ldif"]);
    let anchors = federation.anchors();
    let at = |side: &ceralacca_tests::appliance::Appliance, usual| {
        format!(
            "host = \"{}\"\nport = {}",
            side.profile().bind,
            side.port(usual)
        )
    };
    let text = format!(
        "anchors = {anchors:?}\ntrust = {anchors:?}\ndirectory = {index:?}\n\
         [submission]\n{}\n[imap]\n{}\n\
         [[mailbox]]\naddress = \"{sender}\"\npassword-file = \"password\"\n\
         [[mailbox]]\naddress = \"{recipient}\"\npassword-file = \"password\"\n\
         [remote]\naddress = \"{remote}\"\npassword-file = \"password\"\n[remote.imap]\n{}\n\
         [external]\naddress = \"fuori@internet.test\"\n[limits]\npatience-s = 60\nlarge = false\n",
        at(alfa, 465),
        at(alfa, 993),
        at(&federation.beta, 993),
    );
    let settings = alfa.write_beside("conformance.toml", text.as_bytes());
    let output = alfa.command(&["conformance", "--json", "--config", arg(&settings)]);
    let object: serde_json::Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", said(&output)));
    let checks = object["checks"].as_array().unwrap();
    let of = |verdict: &str| {
        let found = checks.iter().filter(|check| check["verdict"] == verdict);
        found.map(ToString::to_string).collect::<Vec<_>>()
    };
    for verdict in ["fail", "error"] {
        assert!(of(verdict).is_empty(), "{}", of(verdict).join("\n"));
    }
    // Of large messages alone nothing was asked.
    assert_eq!(of("not applicable").len(), 2, "{:?}", of("not applicable"));
    assert!(of("pass").len() >= 100, "{}", of("pass").len());
    assert_eq!(output.status.code(), Some(0));
}
