//! A signature and what is around it, on one thread.

use std::hint::black_box;
use std::sync::Arc;

use ceralacca_core::ports::Signature;
use ceralacca_core::receipt;
use ceralacca_core::rope::RopeReader;
use ceralacca_core::smime::cms::AttributesTemplate;
use ceralacca_core::smime::{SigningCertificate, cms, verify};
use ceralacca_hsm::SoftwareKey;
use ceralacca_hsm::vector::{LANES, is_supported};

use super::sample::{Sample, now, step};
use super::{Room, Work, of};
use crate::nobody::certificate;
use crate::sums::Trouble;

pub(super) fn all() -> Vec<Room> {
    let mut rooms = vec![
        Room::new("attributes to sign", attributes),
        Room::new("signature, aws-lc-rs", signature),
        Room::new("check of a signature", check),
        Room::new("eight checks, together", checks),
        Room::new("CMS assembly", assembly),
        Room::new("message finished and read", finished),
        Room::new("CMS verification", verification),
    ];
    if is_supported() {
        rooms.insert(2, Room::new("eight signatures, vector", vector));
    }
    rooms
}

/// The acceptance receipt of the sample, and its signature.
struct Signed {
    sample: Sample,
    digest: [u8; 32],
    key: SoftwareKey,
    certificate: Arc<SigningCertificate>,
    attributes: Vec<u8>,
}

impl Signed {
    fn new() -> Result<Self, Trouble> {
        let sample = Sample::new()?;
        let key = SoftwareKey::generate(2048)?;
        let certificate = Arc::new(certificate(&key, now())?);
        let draft = receipt::acceptance(&sample.issuer, &sample.original, Some("Prova"), step());
        let digest = draft.digest(&*sample.blobs).map_err(of)?;
        let attributes = cms::signed_attributes(&certificate.certificate, &digest, now());
        Ok(Self {
            digest,
            attributes: attributes.map_err(of)?,
            sample,
            key,
            certificate,
        })
    }

    fn signature(&self) -> Result<Signature, Trouble> {
        Ok(Signature {
            signed_attributes: self.attributes.clone(),
            value: self.key.sign(&self.attributes)?,
            by: self.certificate.clone(),
        })
    }
}

fn attributes() -> Result<Work, Trouble> {
    let signed = Signed::new()?;
    let template = AttributesTemplate::of(&signed.certificate.certificate).map_err(of)?;
    Ok(Box::new(move || {
        drop(black_box(template.fill(&signed.digest, now())));
    }))
}

fn signature() -> Result<Work, Trouble> {
    let signed = Signed::new()?;
    Ok(Box::new(move || {
        drop(black_box(signed.key.sign(&signed.attributes)));
    }))
}

fn vector() -> Result<Work, Trouble> {
    let signed = Signed::new()?;
    let key = signed.key.for_vectors()?;
    let mut work = key.work()?;
    Ok(Box::new(move || {
        let messages = [signed.attributes.as_slice(); LANES];
        black_box(key.sign(&mut work, &messages));
    }))
}

fn check() -> Result<Work, Trouble> {
    let signed = Signed::new()?;
    let value = signed.signature()?.value;
    let public = signed.key.public().clone();
    if !public.verifies(&signed.attributes, &value) {
        return Err(Trouble::from("a signature that does not verify"));
    }
    Ok(Box::new(move || {
        black_box(public.verifies(&signed.attributes, &value));
    }))
}

fn checks() -> Result<Work, Trouble> {
    let signed = Signed::new()?;
    let value = signed.signature()?.value;
    let public = signed.key.public().clone();
    let claim = (signed.attributes.as_slice(), value.as_slice());
    if public.verifies_all(&[claim; LANES]) != [true; LANES] {
        return Err(Trouble::from("a signature that does not verify"));
    }
    Ok(Box::new(move || {
        let claims = [(signed.attributes.as_slice(), value.as_slice()); LANES];
        black_box(public.verifies_all(&claims));
    }))
}

fn assembly() -> Result<Work, Trouble> {
    let signature = Signed::new()?.signature()?;
    Ok(Box::new(move || {
        drop(black_box(cms::signed_data(&signature)));
    }))
}

fn finished() -> Result<Work, Trouble> {
    let signed = Signed::new()?;
    let p7s = cms::signed_data(&signed.signature()?).map_err(of)?;
    let Sample {
        blobs,
        issuer,
        original,
        ..
    } = signed.sample;
    let draft = receipt::acceptance(&issuer, &original, Some("Prova"), step());
    Ok(Box::new(move || {
        let message = draft.clone().finish(&p7s);
        let read = RopeReader::new(&message, &*blobs).for_each_chunk(|chunk| {
            black_box(chunk);
        });
        drop(black_box(read));
    }))
}

fn verification() -> Result<Work, Trouble> {
    let signed = Signed::new()?;
    let p7s = cms::signed_data(&signed.signature()?).map_err(of)?;
    let sample = &signed.sample;
    let draft = receipt::acceptance(&sample.issuer, &sample.original, Some("Prova"), step());
    let mut content = Vec::new();
    let read = RopeReader::new(&draft.content, &*sample.blobs);
    read.for_each_chunk(|chunk| content.extend_from_slice(chunk))
        .map_err(of)?;
    verify::verify_detached(&p7s, &mut content.as_slice()).map_err(of)?;
    Ok(Box::new(move || {
        drop(black_box(verify::verify_detached(
            &p7s,
            &mut content.as_slice(),
        )));
    }))
}
