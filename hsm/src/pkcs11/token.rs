//! One token: found by its label at each opening (a token that was pulled may come back in another
//! slot), logged in with the PIN read anew from its file, so that the PIN does not stay in memory. A
//! session keeps its module from being renewed.

use std::path::PathBuf;
use std::sync::Arc;

use cryptoki::error::{Error, RvError};
use cryptoki::object::{Attribute, AttributeType, ObjectClass, ObjectHandle};
use cryptoki::session::{Session, UserType};
use cryptoki::slot::Slot;
use cryptoki::types::AuthPin;
use parking_lot::Mutex;

use super::Pkcs11Settings;
use super::elliptic;
use super::module::{Module, Visit, load};
use crate::error::HsmError;
use crate::protected::Pin;
use crate::public_key::{KeyType, PublicKey};

/// DigestInfo of SHA-256 without the hash (RFC 8017 §9.2 note 1).
const DIGEST_INFO_SHA256: [u8; 19] = [
    0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05,
    0x00, 0x04, 0x20,
];

/// A token of a module.
pub(crate) struct Token {
    module: Arc<Module>,
    label: String,
    pin_file: PathBuf,
    /// One login at a time, and none after the PIN was refused.
    login_gate: Mutex<Option<HsmError>>,
}

/// A session that is logged in. Dropped without [`close`](Self::close) it is given up as lost: its handle
/// may be somebody else's by now.
pub(crate) struct TokenSession {
    session: Session,
    visit: Visit,
}

/// A private key as one session sees it.
pub(crate) struct PrivateKey {
    pub(super) handle: ObjectHandle,
    /// Its label on the token.
    pub(crate) label: String,
    /// Its public half.
    pub(crate) public: PublicKey,
}

/// The call and the token's answer by name; the crate's own words fill half a page.
pub(crate) fn away(error: &Error) -> HsmError {
    HsmError::Away(match error {
        Error::Pkcs11(reason, function) => format!("{function} answered {reason:?}"),
        other => other.to_string(),
    })
}

impl Token {
    /// Loads the module; the token itself is looked for at each opening.
    pub(crate) fn new(settings: &Pkcs11Settings) -> Result<Self, HsmError> {
        Ok(Self {
            module: load(&settings.module)?,
            label: settings.token.clone(),
            pin_file: settings.pin_file.clone(),
            login_gate: Mutex::new(None),
        })
    }

    /// The key lies in software (HS-01).
    pub(crate) fn is_software(&self) -> bool {
        self.module.is_software()
    }

    /// Acts; where the token is away and nobody is in its module, acts once more on the module anew.
    pub(crate) fn renewing<T>(&self, act: impl Fn() -> Result<T, HsmError>) -> Result<T, HsmError> {
        match act() {
            Err(error) if error.is_transient() && self.module.renew() => act(),
            result => result,
        }
    }

    /// Slots whose initialised token bears the label.
    fn slots(&self, visit: &Visit) -> Result<Vec<Slot>, HsmError> {
        let pkcs11 = visit.pkcs11();
        let slots = pkcs11.get_slots_with_token().map_err(|e| away(&e))?;
        let bears_label = |slot: &Slot| {
            let facts = pkcs11.get_token_info(*slot);
            facts.is_ok_and(|facts| facts.token_initialized() && facts.label() == self.label)
        };
        Ok(slots.into_iter().filter(bears_label).collect())
    }

    fn slot(&self, visit: &Visit) -> Result<Slot, HsmError> {
        match self.slots(visit)?.as_slice() {
            [] => Err(HsmError::NoToken(self.label.clone())),
            [slot] => Ok(*slot),
            _ => Err(HsmError::SeveralTokens(self.label.clone())),
        }
    }

    /// A session logged in as the user.
    pub(crate) fn open(&self, read_write: bool) -> Result<TokenSession, HsmError> {
        let visit = self.module.enter()?;
        let slot = self.slot(&visit)?;
        let session = if read_write {
            visit.pkcs11().open_rw_session_no_drop(slot)
        } else {
            visit.pkcs11().open_ro_session_no_drop(slot)
        };
        let session = session.map_err(|e| away(&e))?;
        let session = TokenSession { session, visit };
        match self.log_in(&session.session) {
            Ok(()) => Ok(session),
            Err(error) => {
                session.close();
                Err(error)
            }
        }
    }

    fn log_in(&self, session: &Session) -> Result<(), HsmError> {
        let mut refused = self.login_gate.lock();
        if let Some(error) = refused.as_ref() {
            return Err(error.clone());
        }
        let pin = Pin::read(&self.pin_file)?;
        match session.login(UserType::User, Some(&auth_pin(&pin))) {
            Ok(()) | Err(Error::Pkcs11(RvError::UserAlreadyLoggedIn, _)) => Ok(()),
            Err(Error::Pkcs11(reason, _)) if is_pin_refusal(&reason) => {
                let error = HsmError::PinRefused {
                    token: self.label.clone(),
                    reason: pin_words(&reason).to_owned(),
                };
                *refused = Some(error.clone());
                Err(error)
            }
            Err(error) => Err(away(&error)),
        }
    }

    /// The one private key with this label.
    pub(crate) fn key(&self, session: &TokenSession, label: &str) -> Result<PrivateKey, HsmError> {
        let mut found = self.keys(session, Some(label))?;
        match (found.pop(), found.len()) {
            (Some(key), 0) => Ok(key),
            (None, _) => Err(HsmError::NoKey(label.to_owned())),
            (Some(_), _) => Err(HsmError::SeveralKeys(label.to_owned())),
        }
    }

    /// Private keys, RSA and on P-256, all or those with a label. Without a label, keys on P-256 whose public
    /// half is not there are left out.
    pub(crate) fn keys(
        &self,
        session: &TokenSession,
        label: Option<&str>,
    ) -> Result<Vec<PrivateKey>, HsmError> {
        let session = &session.session;
        let named = label.map(|label| Attribute::Label(label.as_bytes().to_vec()));
        let find = |kind: &[Attribute]| {
            let private = Attribute::Class(ObjectClass::PRIVATE_KEY);
            let template: Vec<Attribute> = std::iter::once(private)
                .chain(kind.iter().cloned())
                .chain(named.clone())
                .collect();
            session.find_objects(&template).map_err(|e| away(&e))
        };
        let mut keys = find(&[Attribute::KeyType(cryptoki::object::KeyType::RSA)])?
            .into_iter()
            .map(|handle| read_key(session, handle))
            .collect::<Result<Vec<_>, _>>()?;
        for handle in find(&elliptic::kind())? {
            match elliptic::read_key(session, handle) {
                Err(HsmError::NotPossible(_)) if label.is_none() => {}
                read => keys.push(read?),
            }
        }
        Ok(keys)
    }

    /// Refuses keys that ask for the PIN at each signature.
    pub(crate) fn refuse_always_authenticate(
        session: &TokenSession,
        key: &PrivateKey,
    ) -> Result<(), HsmError> {
        let wanted = [AttributeType::AlwaysAuthenticate];
        let attributes = session
            .session
            .get_attributes(key.handle, &wanted)
            .map_err(|e| away(&e))?;
        if attributes.contains(&Attribute::AlwaysAuthenticate(true)) {
            return Err(HsmError::AlwaysAuthenticate(key.label.clone()));
        }
        Ok(())
    }

    /// RSASSA-PKCS1-v1_5 over a SHA-256 hash: 51 octets cross the border (HS-02). ECDSA with a key on P-256:
    /// 32 octets.
    pub(crate) fn sign_hash(
        &self,
        session: &TokenSession,
        key: &PrivateKey,
        hash: &[u8],
    ) -> Result<Vec<u8>, Error> {
        let (raw, kind) = (session.visit.raw(), key.public.key_type());
        let mut octets = match kind {
            KeyType::Rsa(_) => [&DIGEST_INFO_SHA256, hash].concat(),
            KeyType::P256 => hash.to_vec(),
        };
        let value = raw.sign(&session.session, key.handle, &mut octets, kind)?;
        Ok(match kind {
            KeyType::Rsa(_) => value,
            KeyType::P256 => elliptic::as_der(&value),
        })
    }

    /// Makes a pair that stays inside: sensitive, not extractable.
    pub(crate) fn generate(
        &self,
        session: &TokenSession,
        label: &str,
        kind: KeyType,
    ) -> Result<PrivateKey, HsmError> {
        use cryptoki::mechanism::Mechanism;
        let id = key_id()?;
        let mut public = vec![
            Attribute::Token(true),
            Attribute::Private(false),
            Attribute::Verify(true),
            Attribute::Label(label.as_bytes().to_vec()),
            Attribute::Id(id.clone()),
        ];
        let mechanism = match kind {
            KeyType::Rsa(bits) => {
                let size = u64::try_from(bits).map_err(|_| HsmError::KeySize(bits))?;
                public.push(Attribute::ModulusBits(size.into()));
                public.push(Attribute::PublicExponent(vec![1, 0, 1]));
                Mechanism::RsaPkcsKeyPairGen
            }
            KeyType::P256 => {
                public.push(elliptic::parameters());
                Mechanism::EccKeyPairGen
            }
        };
        let private = [
            Attribute::Token(true),
            Attribute::Private(true),
            Attribute::Sensitive(true),
            Attribute::Extractable(false),
            Attribute::Sign(true),
            Attribute::Decrypt(false),
            Attribute::Unwrap(false),
            Attribute::Label(label.as_bytes().to_vec()),
            Attribute::Id(id),
        ];
        let session = &session.session;
        let (_, handle) = session
            .generate_key_pair(&mechanism, &public, &private)
            .map_err(|e| away(&e))?;
        match kind {
            KeyType::Rsa(_) => read_key(session, handle),
            KeyType::P256 => elliptic::read_key(session, handle),
        }
    }

    /// Gives a free slot's token its label, SO PIN and user PIN.
    pub(crate) fn initialise(&self, so_pin: &Pin) -> Result<(), HsmError> {
        let visit = self.module.enter()?;
        if !self.slots(&visit)?.is_empty() {
            return Err(HsmError::TokenExists(self.label.clone()));
        }
        let user_pin = Pin::read(&self.pin_file)?;
        let pkcs11 = visit.pkcs11();
        let slots = pkcs11.get_slots_with_token().map_err(|e| away(&e))?;
        let free = slots.into_iter().find(|slot| {
            let facts = pkcs11.get_token_info(*slot);
            facts.is_ok_and(|facts| !facts.token_initialized())
        });
        let slot = free.ok_or(HsmError::NoFreeSlot)?;
        let so_pin = auth_pin(so_pin);
        pkcs11
            .init_token(slot, &so_pin, &self.label)
            .map_err(|e| away(&e))?;
        let slot = self.slot(&visit)?;
        let session = pkcs11.open_rw_session(slot).map_err(|e| away(&e))?;
        session
            .login(UserType::So, Some(&so_pin))
            .map_err(|e| away(&e))?;
        session
            .init_pin(&auth_pin(&user_pin))
            .map_err(|e| away(&e))?;
        session.logout().map_err(|e| away(&e))
    }
}

impl TokenSession {
    /// Closes it; one that is gone already is closed.
    pub(crate) fn close(self) {
        let _ = self.session.close();
    }
}

fn auth_pin(pin: &Pin) -> AuthPin {
    AuthPin::from(pin.expose().to_owned())
}

fn is_pin_refusal(reason: &RvError) -> bool {
    matches!(
        reason,
        RvError::PinIncorrect
            | RvError::PinInvalid
            | RvError::PinLenRange
            | RvError::PinExpired
            | RvError::PinLocked
            | RvError::UserPinNotInitialized
    )
}

fn pin_words(reason: &RvError) -> &'static str {
    match reason {
        RvError::PinLocked => "it is locked",
        RvError::PinExpired => "it has expired",
        RvError::UserPinNotInitialized => "the user's PIN was never set",
        _ => "it is not the right one",
    }
}

/// An identifier that pairs the two halves of a key.
fn key_id() -> Result<Vec<u8>, HsmError> {
    let mut id = vec![0; 16];
    getrandom::fill(&mut id).map_err(|error| HsmError::Away(error.to_string()))?;
    Ok(id)
}

fn read_key(session: &Session, handle: ObjectHandle) -> Result<PrivateKey, HsmError> {
    let wanted = [
        AttributeType::Label,
        AttributeType::Modulus,
        AttributeType::PublicExponent,
    ];
    let (mut label, mut modulus, mut exponent) = (String::new(), Vec::new(), vec![1, 0, 1]);
    for attribute in session
        .get_attributes(handle, &wanted)
        .map_err(|e| away(&e))?
    {
        match attribute {
            Attribute::Label(octets) => label = String::from_utf8_lossy(&octets).into_owned(),
            Attribute::Modulus(octets) => modulus = octets,
            // Some modules keep it with the public half only, as nothing or as empty here.
            Attribute::PublicExponent(octets) if !octets.is_empty() => exponent = octets,
            _ => {}
        }
    }
    Ok(PrivateKey {
        handle,
        label,
        public: PublicKey::from_numbers(&modulus, &exponent)?,
    })
}
