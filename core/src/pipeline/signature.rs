//! Signatures as messages hold them: what is the same in all of one certificate, above all the certificates
//! themselves, lies in a blob of its own that the ropes name. So each message stores some 2 kB less.

use super::draft::Setback;
use crate::blob::{BlobError, BlobRef};
use crate::journal::Partition;
use crate::limits;
use crate::ports::Signature;
use crate::rope::Rope;
use crate::smime::cms::Template;
use crate::state::Shared;

/// The templates of the certificates that signed lately, each with the blob of its constant part.
#[derive(Debug, Default)]
pub(super) struct Templates(Vec<(Template, BlobRef)>);

impl Templates {
    /// The base64 of `smime.p7s` (SG-03). The constant part of a certificate that signs for the first time
    /// since the start is written now; the sync of the batch makes it durable before a record names it.
    pub(super) fn base64(
        &mut self,
        shared: &Shared,
        signature: &Signature,
    ) -> Result<Rope, Setback> {
        let place = self.0.iter().position(|(own, _)| own.fits(signature));
        let (template, constant) = match place.and_then(|place| self.0.get(place)) {
            Some(known) => known,
            None => self.learn(shared, signature)?,
        };
        let rest = template.rest_of(signature).map_err(unwritable)?;
        let mut p7s = Rope::whole(*constant);
        p7s.push_text(rest);
        Ok(p7s)
    }

    fn learn(
        &mut self,
        shared: &Shared,
        signature: &Signature,
    ) -> Result<&(Template, BlobRef), Setback> {
        let template = Template::of(signature).map_err(unwritable)?;
        let appended = shared
            .blobs
            .append(Partition::REGISTRY, template.constant());
        let blob = appended.map_err(|error| match error {
            // Tried again until there is room: accepted work must end.
            BlobError::NoSpace(_) => Setback::Later(error.to_string()),
            _ => {
                shared.fatal(&error.to_string());
                Setback::Held(error.to_string())
            }
        })?;
        if self.0.len() >= limits::SIGNATURE_TEMPLATES_MAX {
            self.0.remove(0);
        }
        self.0.push((template, blob));
        self.0
            .last()
            .ok_or_else(|| Setback::Held("no template was kept".to_owned()))
    }
}

fn unwritable(error: impl std::fmt::Display) -> Setback {
    Setback::Held(format!("the signature cannot be written: {error}"))
}
