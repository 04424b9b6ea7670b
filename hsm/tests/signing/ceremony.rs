//! HS-08: a key that is made among people, its record, and its PIN from their shares.

use std::path::{Path, PathBuf};

use ceralacca_hsm::ceremony::{self, Ceremony, CeremonyError, Held};
use ceralacca_hsm::operations::KeyHolder;
use ceralacca_hsm::{KeyType, Operations};

use crate::parts::{PROVIDER, SERVICE, now, openssl};

type Change<'a> = &'a dyn Fn(&mut Ceremony);

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn ceremony(folder: &Path) -> Ceremony {
    Ceremony {
        provider: PROVIDER.to_owned(),
        service_address: SERVICE.to_owned(),
        operator: "Olga Rossi".to_owned(),
        custodians: names(&["Anna Bianchi", "Bruno Verdi", "Carla Neri"]),
        quorum: 2,
        witnesses: names(&["Vito Gallo"]),
        label: "pec-1".to_owned(),
        key: KeyType::Rsa(2048),
        so_pin_file: None,
        folder: folder.to_owned(),
    }
}

fn sealed(folder: &Path) -> Operations {
    Operations::new(KeyHolder::Sealed {
        folder: folder.join("keys"),
        pin_file: folder.join("pin"),
    })
}

fn mode(file: &Path) -> u32 {
    use std::os::unix::fs::MetadataExt;
    file.metadata().unwrap().mode() & 0o777
}

/// OpenSSL, as the written ceremony tells people to call it.
fn openssl_verifies(folder: &Path) -> bool {
    let arguments = [
        "cms",
        "-verify",
        "-binary",
        "-inform",
        "DER",
        "-in",
        "record.p7s",
        "-content",
        "record.txt",
        "-CAfile",
        "record.pem",
        "-out",
        "/dev/null",
    ];
    openssl(folder, &arguments).status.success()
}

fn held_of(record: &str, name: &str) -> String {
    let start = format!("{name}: ");
    let line = record.lines().find_map(|line| line.strip_prefix(&start));
    line.unwrap_or_else(|| panic!("{name} in\n{record}"))
        .to_owned()
}

#[test]
fn hs_08_a_ceremony_leaves_shares_and_a_record_that_the_new_key_signs() {
    let scratch = tempfile::tempdir().unwrap();
    let (operations, folder) = (sealed(scratch.path()), scratch.path().join("ceremony"));
    let Held { id, record, shares } = ceremony(&folder).hold(&operations, now()).unwrap();
    assert_eq!(held_of(&record, "Ceremony"), id.to_string());
    for (name, value) in [
        ("Provider", PROVIDER),
        ("Operator", "Olga Rossi"),
        ("Witness", "Vito Gallo"),
        ("Custodian 2", "Bruno Verdi"),
        ("Quorum", "any 2 of 3 shares open the key"),
        ("Key", "pec-1"),
        ("Kind", "RSA private key of 2048 bits"),
        ("PIN", "drawn by the ceremony, seen by nobody"),
    ] {
        assert_eq!(held_of(&record, name), value);
    }
    assert_eq!(
        std::fs::read_to_string(folder.join("record.txt")).unwrap(),
        record
    );
    assert!(openssl_verifies(&folder));
    // The record names the shares and the key by hashes that anybody computes.
    for (at, share) in shares.iter().enumerate() {
        assert_eq!(mode(share), 0o600);
        let said = openssl(&folder, &["dgst", "-sha256", "-r", share.to_str().unwrap()]).stdout;
        let hash = held_of(&record, &format!("SHA-256 of share {}", at + 1));
        assert!(String::from_utf8(said).unwrap().starts_with(&hash));
    }
    let public = operations.public_key("pec-1").unwrap();
    std::fs::write(folder.join("public.der"), public.info()).unwrap();
    let said = openssl(&folder, &["dgst", "-sha256", "-r", "public.der"]).stdout;
    let hash = held_of(&record, "SHA-256 of the public key");
    assert!(String::from_utf8(said).unwrap().starts_with(&hash));
    // A record that somebody changed is no record any more.
    std::fs::write(folder.join("record.txt"), record.replace("Vito", "Vita")).unwrap();
    assert!(!openssl_verifies(&folder));
    assert_eq!(
        (mode(&folder), mode(&scratch.path().join("pin"))),
        (0o700, 0o600)
    );
}

#[test]
fn hs_08_the_pin_of_a_lost_machine_comes_back_from_a_quorum() {
    let scratch = tempfile::tempdir().unwrap();
    let (operations, folder) = (sealed(scratch.path()), scratch.path().join("ceremony"));
    let shares = ceremony(&folder).hold(&operations, now()).unwrap().shares;
    let pin_file = scratch.path().join("pin");
    let pin = std::fs::read_to_string(&pin_file).unwrap();
    assert_eq!(pin.trim_end().len(), 24);
    for share in &shares {
        assert!(
            !std::fs::read_to_string(share)
                .unwrap()
                .contains(pin.trim_end())
        );
    }
    std::fs::remove_file(&pin_file).unwrap();
    assert!(operations.public_key("pec-1").is_err());
    let too_few = ceremony::open(&shares[..1], &pin_file).unwrap_err();
    assert_eq!(
        too_few,
        CeremonyError::TooFew {
            given: 1,
            quorum: 2
        }
    );
    assert!(!pin_file.exists());
    let two: Vec<PathBuf> = vec![shares[2].clone(), shares[0].clone()];
    ceremony::open(&two, &pin_file).unwrap();
    assert_eq!(std::fs::read_to_string(&pin_file).unwrap(), pin);
    assert_eq!(mode(&pin_file), 0o600);
    operations.public_key("pec-1").unwrap();
    // A PIN file that is there is never written over.
    assert!(ceremony::open(&two, &pin_file).is_err());
    // A slip while typing is told with its file and line.
    let text = std::fs::read_to_string(&two[0]).unwrap();
    let slip = text.replacen(" 1: ", " 1: 2", 1);
    std::fs::write(&two[0], slip).unwrap();
    let said = ceremony::open(&two, &scratch.path().join("other")).unwrap_err();
    assert!(
        said.to_string().ends_with(
            "share-3-of-3.txt is no good share: line 1 is mistyped, or is of another share"
        ),
        "{said}"
    );
}

#[test]
fn hs_08_each_role_is_somebody_else_s_and_the_quorum_is_more_than_one() {
    let scratch = tempfile::tempdir().unwrap();
    let operations = sealed(scratch.path());
    let refused = |change: &dyn Fn(&mut Ceremony)| {
        let mut ceremony = ceremony(&scratch.path().join("ceremony"));
        change(&mut ceremony);
        ceremony.hold(&operations, now()).unwrap_err().to_string()
    };
    let cases: [(&str, Change<'_>); 7] = [
        ("quorum must be 2 to 3", &|c| c.quorum = 1),
        ("quorum must be 2 to 3", &|c| c.quorum = 4),
        ("2 to 16 custodians", &|c| c.custodians.truncate(1)),
        ("has two roles", &|c| c.witnesses = names(&["anna bianchi"])),
        ("has a witness", &|c| c.witnesses.clear()),
        ("is no name", &|c| {
            c.operator = "Olga\nKey: other".to_owned()
        }),
        ("cannot be a label", &|c| c.label = "../pec".to_owned()),
    ];
    for (words, change) in cases {
        let said = refused(change);
        assert!(said.contains(words), "{said}");
    }
    // Nothing was begun.
    assert_eq!(std::fs::read_dir(scratch.path()).unwrap().count(), 0);
    let software = Operations::new(KeyHolder::Software {
        folder: scratch.path().join("keys"),
    });
    let said = ceremony(&scratch.path().join("c")).hold(&software, now());
    assert_eq!(said, Err(CeremonyError::NoPin));
}
