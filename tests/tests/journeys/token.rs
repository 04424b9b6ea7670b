//! A key in SoftHSM from the first command to the receipt in the mailbox.

use ceralacca_tests::appliance::Appliance;
use ceralacca_tests::compose::Draft;
use ceralacca_tests::journey::certify;
use ceralacca_tests::judge;
use ceralacca_tests::token::TokenFolder;

#[test]
fn a_token_is_initialised_certified_and_signs() {
    let token = TokenFolder::new();
    let mut appliance = Appliance::with_token(&token);
    // Without key and certificate `serve` names the step that lacks.
    let said = appliance.try_serve().unwrap_err();
    assert!(said.contains("keygen"), "{said}");
    appliance.keygen_and_certificate();
    appliance.serve();
    let (from, to) = (appliance.mailbox("da"), appliance.mailbox("a"));
    let certified = certify(&from, &[&to], &Draft::new(&from.address, &[&to.address]));
    judge::all_accept(&appliance, &certified.all());
}
