//! The certifier without its threads: the same stages, each step made when it is asked for. What a stage
//! holds between two steps is what its thread would, so that an end at any of them loses the same.

use std::collections::VecDeque;
use std::sync::Arc;

use super::draft::{Drafted, Drafter};
use super::stages::{Clocks, Signed, Signing, carry_out, draft_batch, draft_one};
use super::work::Work;
use super::{Held, commit, take_up_open};
use crate::limits;
use crate::ports::{Signer, VirusScanner};
use crate::state::Shared;

/// A step that a stage can make.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Store, land, strike and the like are handed to the owner.
    Courier,
    /// What waits for a signature is drafted.
    Draft,
    /// The signer is asked once for what lacks.
    Sign,
    /// A signed batch is kept and handed to the owner.
    Commit,
    /// A look at the time.
    Clocks,
}

/// The stages with what each holds.
pub(crate) struct Stepped {
    shared: Arc<Shared>,
    signer: Arc<dyn Signer>,
    held: Held,
    drafter: Drafter,
    drafted: VecDeque<Vec<Drafted>>,
    signing: Option<Signing>,
    /// The signer was asked in vain; it is asked again once time has passed.
    signer_rests: bool,
    signed: Option<Signed>,
    clocks: Clocks,
}

impl Stepped {
    /// Takes up what is open.
    pub(crate) fn new(
        shared: Arc<Shared>,
        signer: Arc<dyn Signer>,
        scanner: Arc<dyn VirusScanner>,
    ) -> Self {
        take_up_open(&shared);
        let held = Held::default();
        Self {
            drafter: Drafter::new(shared.clone(), scanner, held.clone()),
            shared,
            signer,
            held,
            drafted: VecDeque::new(),
            signing: None,
            signer_rests: false,
            signed: None,
            clocks: Clocks::default(),
        }
    }

    /// Stages that have something to do now.
    pub(crate) fn ready(&self) -> Vec<Stage> {
        let (unsigned, signable) = self.shared.work.waits();
        let has_batch = self.signing.is_some() || !self.drafted.is_empty();
        let can = [
            (Stage::Courier, unsigned),
            // A queue of one batch between two stages.
            (Stage::Draft, signable && self.drafted.is_empty()),
            (
                Stage::Sign,
                has_batch && self.signed.is_none() && !self.signer_rests,
            ),
            (Stage::Commit, self.signed.is_some()),
            (Stage::Clocks, self.clocks.is_due(&self.shared)),
        ];
        let ready = can.into_iter().filter(|(_, can)| *can);
        ready.map(|(stage, _)| stage).collect()
    }

    /// One step of a stage.
    pub(crate) fn step(&mut self, stage: Stage) {
        match stage {
            Stage::Courier => carry_out(&self.drafter, self.shared.work.unsigned_now()),
            Stage::Draft => self.draft(),
            Stage::Sign => self.sign(),
            Stage::Commit => {
                if let Some(signed) = self.signed.take() {
                    commit::commit(&self.shared, &self.drafter, signed);
                }
            }
            Stage::Clocks => self.clocks.look(&self.shared),
        }
    }

    /// What was put back is taken up again, and a signer that was away is asked again.
    pub(crate) fn time_passed(&mut self) {
        self.signer_rests = false;
        self.shared.work.take_up_put_back();
    }

    /// Work that could not be done, with the reason.
    pub(crate) fn held(&self) -> Vec<String> {
        self.held.0.lock().clone()
    }

    fn draft(&mut self) {
        let works = self.shared.work.signable_now(limits::BATCH_MESSAGES_MAX);
        let one = |work: &Work| draft_one(&self.drafter, work.clone());
        let in_turn = |part: &[Work]| part.iter().filter_map(one).collect();
        draft_batch(&works, in_turn, |batch| {
            self.drafted.push_back(batch);
            true
        });
    }

    fn sign(&mut self) {
        let next = || self.drafted.pop_front().map(Signing::of);
        let Some(mut signing) = self.signing.take().or_else(next) else {
            return;
        };
        if signing.go_on(&*self.signer).is_some() {
            self.signer_rests = true;
            self.signing = Some(signing);
        } else {
            self.signed = Some(signing.signed());
        }
    }
}
