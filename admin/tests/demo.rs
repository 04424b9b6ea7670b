//! The demo, as a newcomer runs it: a message goes the whole way over TLS, and what comes back is judged
//! by the offline verifier.

#![allow(clippy::unwrap_used)]

use ceralacca_admin::cli::DemoArguments;
use ceralacca_admin::command;
use ceralacca_admin::report::Voice;
use serde_json::json;

#[test]
fn the_demo_certifies_one_message_and_all_three_are_genuine() {
    let arguments = DemoArguments {
        once: true,
        port_base: None,
    };
    let report = command::demo(arguments, Voice { json: true }).unwrap();
    assert!(report.held, "{}", report.object);
    let steps = report.object["steps"].as_array().unwrap();
    let genuine = |step: &&serde_json::Value| {
        let words = step["step"].as_str().unwrap_or_default();
        words.contains(": genuine")
    };
    assert_eq!(steps.iter().filter(genuine).count(), 3, "{}", report.object);
    assert_eq!(report.object["held"], json!(true));
}
