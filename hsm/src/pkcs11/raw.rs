//! The two calls that every signature takes, straight to the module. The only unsafe code of the crate.
#![allow(unsafe_code)]

use std::path::Path;

use cryptoki::context::Function;
use cryptoki::error::Rv;
use cryptoki::object::ObjectHandle;
use cryptoki::session::Session;
use cryptoki_sys::{
    CK_FUNCTION_LIST, CK_MECHANISM, CK_RV, CK_ULONG, CKM_ECDSA, CKM_RSA_PKCS, CKR_OK, Pkcs11,
};

use crate::public_key::{KeyType, P256_NUMBER_BYTES};

type SignInit = unsafe extern "C" fn(CK_ULONG, *mut CK_MECHANISM, CK_ULONG) -> CK_RV;
type Sign = unsafe extern "C" fn(CK_ULONG, *mut u8, CK_ULONG, *mut u8, *mut CK_ULONG) -> CK_RV;

/// `C_SignInit` and `C_Sign` of a loaded module.
pub(super) struct RawSign {
    sign_init: SignInit,
    sign: Sign,
    /// Keeps the library in memory, and so the two functions.
    _library: Pkcs11,
}

impl RawSign {
    /// Opens the same library again (the loader counts, it stays one) for its function table.
    pub(super) fn load(path: &Path) -> Result<Self, String> {
        // SAFETY: loading runs the library's constructors. It is the module that the operator named,
        // which the same process has just loaded, so they have run already.
        let library = unsafe { Pkcs11::new(path) }.map_err(|error| error.to_string())?;
        let get_list = match &library.C_GetFunctionList {
            Ok(get_list) => *get_list,
            Err(error) => return Err(error.to_string()),
        };
        let mut list: *mut CK_FUNCTION_LIST = std::ptr::null_mut();
        // SAFETY: the symbol has this signature by PKCS#11 §5.4; `list` is a valid place for a pointer.
        let answer = unsafe { get_list(&raw mut list) };
        if answer != CKR_OK || list.is_null() {
            return Err("it gives no function list".to_owned());
        }
        // SAFETY: on CKR_OK the pointer leads to the module's static table (PKCS#11 §5.4), which lives
        // as long as the library; it is only read, here.
        let (sign_init, sign) = unsafe { ((*list).C_SignInit, (*list).C_Sign) };
        match (sign_init, sign) {
            (Some(sign_init), Some(sign)) => Ok(Self {
                sign_init,
                sign,
                _library: library,
            }),
            _ => Err("it does not implement C_Sign".to_owned()),
        }
    }

    /// Signs `data` in one go: `CKM_RSA_PKCS`, or `CKM_ECDSA` with a key on P-256.
    pub(super) fn sign(
        &self,
        session: &Session,
        key: ObjectHandle,
        data: &mut [u8],
        kind: KeyType,
    ) -> Result<Vec<u8>, cryptoki::error::Error> {
        // The signature has the octets of the modulus, or two numbers below the curve's order.
        let (mechanism, size) = match kind {
            KeyType::Rsa(bits) => (CKM_RSA_PKCS, bits.div_ceil(8)),
            KeyType::P256 => (CKM_ECDSA, 2 * P256_NUMBER_BYTES),
        };
        let mut mechanism = CK_MECHANISM {
            mechanism,
            pParameter: std::ptr::null_mut(),
            ulParameterLen: 0,
        };
        // SAFETY: the session handle is used by this thread only (`&Session` is not Sync), the mechanism
        // outlives the call, and neither mechanism takes a parameter.
        let answer =
            unsafe { (self.sign_init)(session.handle(), &raw mut mechanism, key.handle()) };
        Rv::from(answer).into_result(Function::SignInit)?;
        let mut value = vec![0; size];
        let mut length = CK_ULONG::try_from(size)?;
        let data_length = CK_ULONG::try_from(data.len())?;
        // SAFETY: both buffers are valid for the lengths given, and the module writes at most `length`
        // octets (PKCS#11 §5.2: otherwise it answers CKR_BUFFER_TOO_SMALL).
        let answer = unsafe {
            (self.sign)(
                session.handle(),
                data.as_mut_ptr(),
                data_length,
                value.as_mut_ptr(),
                &raw mut length,
            )
        };
        Rv::from(answer).into_result(Function::Sign)?;
        value.truncate(usize::try_from(length)?);
        Ok(value)
    }
}
