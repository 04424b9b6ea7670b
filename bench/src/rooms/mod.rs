//! The rooms of one message, each alone and ready to be repeated: criterion times them, and a build counts
//! their instructions beside another build's. Nothing here touches a real disk or waits for a thread.

mod drafts;
mod journal;
mod mail;
mod sample;
mod signing;
mod whole;

use crate::sums::Trouble;

/// One repetition.
pub type Work = Box<dyn FnMut()>;

/// A room.
pub struct Room {
    /// Its name, the same in every build.
    pub name: &'static str,
    /// Makes what it works on; none of it is measured.
    pub make: fn() -> Result<Work, Trouble>,
}

impl Room {
    const fn new(name: &'static str, make: fn() -> Result<Work, Trouble>) -> Self {
        Self { name, make }
    }
}

/// All of them, in the order of a message's way.
pub fn all() -> Vec<Room> {
    let mut rooms = mail::submission();
    rooms.extend(drafts::all());
    rooms.extend(signing::all());
    rooms.extend(journal::all());
    rooms.extend(whole::all());
    rooms.extend(mail::reading());
    rooms
}

/// The room of this name.
pub fn named(name: &str) -> Result<Room, Trouble> {
    let found = all().into_iter().find(|room| room.name == name);
    found.ok_or_else(|| Trouble::from(format!("there is no room `{name}`")))
}

/// Any error, as the bench tells it.
fn of(error: impl std::fmt::Display) -> Trouble {
    Trouble::from(error.to_string())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::expect_used)]

    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_room_works_more_than_once_and_has_its_own_name() {
        let rooms = all();
        let names: BTreeSet<&str> = rooms.iter().map(|room| room.name).collect();
        assert_eq!(names.len(), rooms.len());
        for room in rooms {
            let mut work = (room.make)().expect(room.name);
            work();
            work();
        }
        assert!(named("no such room").is_err());
    }
}
