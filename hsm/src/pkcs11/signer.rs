//! The signer of production: a pool of logged-in sessions on one token.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use aws_lc_rs::digest;
use ceralacca_core::ports::{Signature, Signer, SignerDescription, SignerError, SigningRequest};
use ceralacca_core::smime::SigningCertificate;
use cryptoki::error::{Error, RvError};

use super::Pkcs11Settings;
use super::token::{PrivateKey, Token, TokenSession, away};
use crate::error::HsmError;
use crate::pool::{PoolName, SessionSource, SigningPool, SigningSession};
use crate::protected::Pin;
use crate::public_key::PublicKey;

/// Signs with a key that a PKCS#11 module holds.
pub struct Pkcs11Signer {
    pool: SigningPool,
    token: Arc<Token>,
}

impl Pkcs11Signer {
    /// Opens the sessions. What the operator must mend (module, PIN file, PIN, label of the key, a
    /// certificate of another key, a key that wants a login per signature) is an error; a token that is
    /// away, or a module that cannot start for now, is not: [`SignerDescription::is_available`] says so,
    /// and it is used once it comes (HS-05).
    pub fn start(
        settings: &Pkcs11Settings,
        certificate: Arc<SigningCertificate>,
    ) -> Result<Self, HsmError> {
        // Read here for its faults only: while the token is away nobody else would meet them.
        Pin::read(&settings.pin_file)?;
        let token = Arc::new(Token::new(settings)?);
        let name = PoolName {
            name: format!("PKCS#11 token \"{}\"", settings.token),
            is_software: token.is_software(),
        };
        let source = Source {
            token: Arc::clone(&token),
            key_label: settings.key_label.clone(),
            certified: PublicKey::from_certificate(&certificate.certificate)?,
            was_usable: AtomicBool::new(false),
        };
        let pool = SigningPool::start(source, settings.sessions, certificate, name)?;
        Ok(Self { pool, token })
    }
}

/// Sessions on the key of these settings, which must be the certified one.
pub(crate) fn source(
    settings: &Pkcs11Settings,
    certified: PublicKey,
    was_usable: bool,
) -> Result<impl SessionSource, HsmError> {
    Ok(Source {
        token: Arc::new(Token::new(settings)?),
        key_label: settings.key_label.clone(),
        certified,
        was_usable: AtomicBool::new(was_usable),
    })
}

struct Source {
    token: Arc<Token>,
    key_label: String,
    certified: PublicKey,
    /// The key was there once.
    was_usable: AtomicBool,
}

struct Session {
    token: Arc<Token>,
    key: PrivateKey,
    /// None once the token said that it is gone: its number may belong to another session by now.
    session: Option<TokenSession>,
}

impl SessionSource for Source {
    type Session = Session;

    fn open(&self) -> Result<Session, HsmError> {
        match self.token.renewing(|| self.open_once()) {
            Ok(session) => {
                self.was_usable.store(true, Ordering::Relaxed);
                Ok(session)
            }
            // A token that is on its way out or back may show itself without its objects.
            Err(error @ HsmError::NoKey(_)) if self.was_usable.load(Ordering::Relaxed) => {
                Err(HsmError::Away(error.to_string()))
            }
            Err(error) => Err(error),
        }
    }

    fn is_software(&self) -> Option<bool> {
        Some(self.token.is_software())
    }
}

impl Source {
    fn open_once(&self) -> Result<Session, HsmError> {
        let session = self.token.open(false)?;
        match self.usable_key(&session) {
            Ok(key) => Ok(Session {
                token: Arc::clone(&self.token),
                key,
                session: Some(session),
            }),
            Err(error) => {
                session.close();
                Err(error)
            }
        }
    }

    fn usable_key(&self, session: &TokenSession) -> Result<PrivateKey, HsmError> {
        let key = self.token.key(session, &self.key_label)?;
        Token::refuse_always_authenticate(session, &key)?;
        if key.public.is_same(&self.certified) {
            Ok(key)
        } else {
            Err(HsmError::OtherKey)
        }
    }
}

impl SigningSession for Session {
    fn sign(&mut self, attributes: &[u8]) -> Result<Vec<u8>, HsmError> {
        let Some(session) = &self.session else {
            return Err(HsmError::Away("its session was lost".to_owned()));
        };
        let hash = digest::digest(&digest::SHA256, attributes);
        let signed = self.token.sign_hash(session, &self.key, hash.as_ref());
        signed.map_err(|error| {
            if is_gone(&error) {
                self.session = None;
            }
            away(&error)
        })
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        if let Some(session) = self.session.take() {
            session.close();
        }
    }
}

fn is_gone(error: &Error) -> bool {
    matches!(
        error,
        Error::Pkcs11(
            RvError::SessionHandleInvalid
                | RvError::SessionClosed
                | RvError::TokenNotPresent
                | RvError::DeviceRemoved,
            _
        )
    )
}

impl Signer for Pkcs11Signer {
    fn sign(&self, requests: &[SigningRequest]) -> Vec<Result<Signature, SignerError>> {
        self.pool.sign(requests)
    }

    fn certificate(&self) -> Arc<SigningCertificate> {
        self.pool.certificate()
    }

    fn describe(&self) -> SignerDescription {
        SignerDescription {
            // Only a module that has started tells all of itself.
            is_software: self.token.is_software(),
            ..self.pool.describe()
        }
    }
}
