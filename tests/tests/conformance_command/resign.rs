//! Signs a letter anew with the appliance's own key under another certificate: what a doctored message
//! needs where the certificate is what a check looks at.

use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use ceralacca_admin::conformance::letter::Letter;
use ceralacca_core::instant::Instant;
use ceralacca_core::ports::{Clock, Signer, SigningRequest, SystemClock};
use ceralacca_core::smime::{SigningCertificate, cms};
use ceralacca_hsm::authority::Deviation;
use ceralacca_hsm::{Authority, SoftwareKey, SoftwareSigner};
use ceralacca_tests::appliance::{PROVIDER, SERVICE_ADDRESS};

/// An authority, and the certificate that it gives the key of the doctor's.
pub struct Seal {
    authority: Authority,
    key: Arc<SoftwareKey>,
}

impl Seal {
    /// New key, new authority.
    pub fn new() -> Self {
        Self {
            authority: Authority::create("Autorità del dottore", SystemClock.now()).unwrap(),
            key: Arc::new(SoftwareKey::generate(2048).unwrap()),
        }
    }

    /// Its authority's own certificate.
    pub fn anchor(&self) -> Vec<u8> {
        self.authority.certificate().to_vec()
    }

    /// The letter signed anew; `chained` puts the authority's certificate beside the signer's.
    pub fn sign(&self, letter: &Letter, deviations: &[Deviation], chained: bool) -> Letter {
        let now = SystemClock.now();
        let leaf = self.authority.issue_for(
            self.key.public(),
            PROVIDER,
            SERVICE_ADDRESS,
            365,
            now,
            deviations,
        );
        let chain = chained.then(|| self.authority.certificate().to_vec());
        let certificate = SigningCertificate {
            certificate: leaf.unwrap(),
            chain: chain.into_iter().collect(),
        };
        let signer = SoftwareSigner::start(self.key.clone(), Arc::new(certificate)).unwrap();
        let (content, signature) = letter.signed().unwrap();
        let der = signed(&signer, letter.raw(content), now);
        let place = |at: u64| usize::try_from(at).unwrap();
        let (start, end) = (place(signature.body.start), place(signature.body.end));
        let encoded = data_encoding::BASE64_MIME.encode(&der);
        let octets = [
            &letter.octets()[..start],
            encoded.trim_end().as_bytes(),
            &letter.octets()[end..],
        ];
        Letter::new(letter.name(), octets.concat())
    }
}

fn signed(signer: &SoftwareSigner, content: &[u8], instant: Instant) -> Vec<u8> {
    let digest = digest(&SHA256, content).as_ref().try_into().unwrap();
    let request = SigningRequest::of(digest, instant);
    let signature = signer.sign(&[request]).remove(0).unwrap();
    cms::signed_data(&signature).unwrap()
}
