//! Header and MIME scan, formal checks, brief-receipt hashing.

use ceralacca_core::address::Address;
use ceralacca_core::blob::{BlobError, BlobRead, BlobRef};
use ceralacca_core::delivery_report;
use ceralacca_core::mime::{Scan, Scanner, addresses::AddressList, words};
use ceralacca_core::point::access;
use ceralacca_core::policy::Policy;
use ceralacca_core::receipt::brief::brief;
use ceralacca_core::rope::{Rope, RopeReader};
use ceralacca_tests::seed::storm;

use crate::corpus;

/// One blob in memory.
pub(crate) struct Memory<'a>(pub(crate) &'a [u8]);

impl BlobRead for Memory<'_> {
    fn read_at(&self, _: BlobRef, at: u64, into: &mut [u8]) -> Result<usize, BlobError> {
        let start = usize::try_from(at).unwrap().min(self.0.len());
        let count = into.len().min(self.0.len() - start);
        into[..count].copy_from_slice(&self.0[start..start + count]);
        Ok(count)
    }
}

pub(crate) fn whole(octets: &[u8]) -> Rope {
    let length = octets.len() as u64;
    Rope::whole(BlobRef {
        segment: 0,
        offset: 0,
        length,
    })
}

#[test]
fn the_scan_is_the_same_however_the_octets_arrive() {
    storm("mime scan", &corpus("mime"), |input| {
        let scan = Scan::of_bytes(input);
        for piece in [1, 7] {
            let mut scanner = Scanner::new();
            input.chunks(piece).for_each(|chunk| scanner.push(chunk));
            assert_eq!(
                format!("{:?}", scanner.finish()),
                format!("{scan:?}"),
                "by {piece}"
            );
        }
        assert_eq!(scan.size(), input.len() as u64);
        for part in scan.parts() {
            assert!(part.body.end <= scan.size());
        }
        for field in scan.fields() {
            words::decode(field.value);
            AddressList::parse(field.value);
        }
    });
}

#[test]
fn the_formal_checks_decide_on_anything() {
    let sender = Address::parse("u@pec.test").unwrap();
    let recipients = [Address::parse("a@pec.test").unwrap()];
    storm("formal checks", &corpus("mime"), |input| {
        let scan = Scan::of_bytes(input);
        if let Err(fault) = access::examine(&scan, &sender, &recipients, &Policy::default()) {
            assert!(!fault.reason().is_empty());
        }
    });
}

#[test]
fn a_brief_original_reads_to_its_end_and_holds_no_named_part_twice() {
    storm("brief", &corpus("mime"), |input| {
        let memory = Memory(input);
        let rope = brief(&whole(input), &memory).unwrap();
        let mut octets = Vec::new();
        let read = RopeReader::new(&rope, &memory).for_each_chunk(|c| octets.extend_from_slice(c));
        read.unwrap();
        assert_eq!(octets.len() as u64, rope.len());
    });
}

#[test]
fn mx_07_a_delivery_report_is_read_or_is_none() {
    storm("delivery report", &corpus("report"), |input| {
        let scan = Scan::of_bytes(input);
        let report = delivery_report::read(&scan, &whole(input), &Memory(input)).unwrap();
        let Some(report) = report else { return };
        assert!(report.failed().count() <= report.recipients.len());
        if let Some(id) = report.refers_to() {
            assert!(id.bytes().all(|b| b.is_ascii_graphic()), "{id}");
        }
    });
}
