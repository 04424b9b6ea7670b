//! Operations.

#[test]
fn op_08_a_kill_at_any_instant_loses_and_doubles_nothing() {
    let runs = ceralacca_tests::kill::Plan {
        runs: 3,
        seed: 8,
        damage: true,
    };
    ceralacca_tests::kill::execute(&runs);
}
